# summary: does not end
# module: in-tree
# timeout: 4
# smp: 1

sleep 1000
