FLAGS_neon_i8mm := -march=armv8.2-a+dotprod+i8mm -ffp-contract=off
