# summary: devices are created and removed in any order as with the in-tree driver
# kernels: stock um smp
# default: 6.1 um smp
# timeout: 360
# smp: 1
# keeps: order.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts order
