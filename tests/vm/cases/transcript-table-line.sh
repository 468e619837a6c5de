# summary: table lines are taken and refused as the in-tree driver does
# kernels: stock um smp
# default: 6.1 um smp
# timeout: 360
# smp: 1
# keeps: table-line.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts table-line
