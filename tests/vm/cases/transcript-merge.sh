# summary: merges begin, go on, end and are refused as with the in-tree driver
# smp: 1
# timeout: 150

. /job/vm/transcripts/runner.sh
compare_transcripts merge
