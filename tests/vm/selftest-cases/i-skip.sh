# summary: cannot run here
# module: in-tree

skip "no moon tonight"
