# summary: the kernel crashes
# module: in-tree
# smp: 1

echo c > /proc/sysrq-trigger
sleep 1000
