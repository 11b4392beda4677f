FLAGS_avx512bw := -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma -ffp-contract=off
