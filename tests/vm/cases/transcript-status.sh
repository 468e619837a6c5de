# summary: status, table, events and log are what the in-tree driver shows, until it is full
# smp: 1
# timeout: 120

. /job/vm/transcripts/runner.sh
compare_transcripts status
