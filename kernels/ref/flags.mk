FLAGS_ref := -fno-tree-vectorize -fno-tree-slp-vectorize -ffp-contract=off
