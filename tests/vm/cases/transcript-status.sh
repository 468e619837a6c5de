# summary: status, table, events and log are what the in-tree driver shows, until it is full
# kernels: 6.1 6.12 um smp
# default: 6.1 um smp
# timeout: 360

. /job/vm/transcripts/runner.sh
compare_transcripts status
