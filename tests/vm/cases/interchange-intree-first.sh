# summary: a store written by the in-tree module is used by ours, and by in-tree again
# default: 6.1
# timeout: 240
# smp: 1

. /job/vm/lib-io.sh
. /job/vm/lib-interchange.sh
interchange in-tree ours
