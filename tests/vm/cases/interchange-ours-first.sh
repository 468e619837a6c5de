# summary: a store written by ours is used by the in-tree module, and by ours again
# kernels: stock um smp
# default: none
# timeout: 240
# smp: 1

. /job/vm/lib-io.sh
. /job/vm/lib-interchange.sh
interchange ours in-tree
