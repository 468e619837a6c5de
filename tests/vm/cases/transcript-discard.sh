# summary: limits and discards are those of the in-tree driver
# kernels: stock um smp
# default: 6.12 um smp
# timeout: 360
# smp: 1
# keeps: discard.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts discard
