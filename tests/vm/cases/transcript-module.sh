# summary: the module shows the in-tree driver's parameters, aliases and versions
# timeout: 60

. /job/vm/transcripts/runner.sh
compare_transcripts module
