# summary: table lines are accepted and refused as by the in-tree driver
# kernels: stock um smp
# default: 6.1 um smp
# timeout: 360
# smp: 1
# keeps: table-line.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts table-line
