# summary: the guest goes away
# module: in-tree
# smp: 1

poweroff -f
sleep 1000
