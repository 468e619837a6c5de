# summary: the kernel's log has a splat, the case itself continues
# module: in-tree
# smp: 1

echo '<3>BUG: a test of the runner' > /dev/kmsg
sleep 1000
