# summary: limits and discards are those of the in-tree driver
# smp: 1
# timeout: 120

. /job/vm/transcripts/runner.sh
compare_transcripts discard
