# summary: the guest goes away
# module: in-tree

poweroff -f
sleep 1000
