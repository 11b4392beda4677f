FLAGS_neon_bf16 := -march=armv8.2-a+dotprod+bf16 -ffp-contract=off
