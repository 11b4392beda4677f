FLAGS_avx512bf16 := -mfma -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512bf16 -ffp-contract=off
