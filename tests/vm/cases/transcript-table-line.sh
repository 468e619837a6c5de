# summary: table lines are taken and refused as the in-tree driver does
# kernels: 6.1 6.12 um smp
# default: 6.1 um smp
# timeout: 360

. /job/vm/transcripts/runner.sh
compare_transcripts table-line
