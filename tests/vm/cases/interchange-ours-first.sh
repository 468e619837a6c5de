# summary: a store written by ours goes on with the in-tree module, and back again
# kernels: stock um smp
# default: none
# timeout: 240
# smp: 1

. /job/vm/lib-io.sh
. /job/vm/lib-interchange.sh
interchange ours in-tree
