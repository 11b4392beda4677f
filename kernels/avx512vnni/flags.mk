FLAGS_avx512vnni := -mfma -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -ffp-contract=off
