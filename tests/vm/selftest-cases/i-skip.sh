# summary: cannot run here
# module: in-tree
# smp: 1

skip "no moon tonight"
