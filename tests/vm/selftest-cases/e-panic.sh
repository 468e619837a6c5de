# summary: the kernel crashes
# module: in-tree

echo c > /proc/sysrq-trigger
sleep 1000
