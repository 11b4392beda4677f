FLAGS_avx2 := -mavx2 -mfma -ffp-contract=off
