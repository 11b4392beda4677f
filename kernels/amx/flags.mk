FLAGS_amx := -mfma -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mamx-tile -mamx-int8 -ffp-contract=off
