# summary: merges start, continue, end and are refused as with the in-tree driver
# kernels: stock um smp
# default: 6.12 um smp
# timeout: 360
# smp: 1
# keeps: merge.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts merge
