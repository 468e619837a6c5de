# summary: status, table, events and log are what the in-tree driver shows, until it is full
# kernels: stock um smp
# default: 6.1 um smp
# timeout: 360
# smp: 1
# keeps: status.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts status
