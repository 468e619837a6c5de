# summary: devices come and go in any order as with the in-tree driver
# timeout: 120

. /job/vm/transcripts/runner.sh
compare_transcripts order
