FLAGS_neon_dotprod := -march=armv8.2-a+dotprod -ffp-contract=off
