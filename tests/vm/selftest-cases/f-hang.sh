# summary: does not end
# module: in-tree
# timeout: 4

sleep 1000
