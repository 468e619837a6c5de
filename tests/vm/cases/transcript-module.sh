# summary: the module shows the in-tree driver's parameters, aliases and versions
# smp: 1
# timeout: 60

. /job/vm/transcripts/runner.sh
compare_transcripts module
