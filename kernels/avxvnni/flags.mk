FLAGS_avxvnni := -mavx2 -mfma -mavxvnni -ffp-contract=off
