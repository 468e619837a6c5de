# summary: a store is handed over from table to table as with the in-tree driver, in wrong orders too
# kernels: stock um smp
# default: 6.1 um smp
# timeout: 360
# smp: 1
# keeps: handover.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts handover
