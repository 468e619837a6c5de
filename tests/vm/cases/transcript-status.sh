# summary: status, table, events and log are those of the in-tree driver, until the COW device is full
# kernels: stock um smp
# default: 6.1 um smp
# timeout: 360
# smp: 1
# keeps: status.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts status
