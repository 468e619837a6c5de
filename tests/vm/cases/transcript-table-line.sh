# summary: table lines are taken and refused as the in-tree driver does
# smp: 1
# timeout: 120

. /job/vm/transcripts/runner.sh
compare_transcripts table-line
