# summary: the module shows the in-tree driver's parameters, aliases and versions
# kernels: stock um smp
# timeout: 180

. /job/vm/transcripts/runner.sh
compare_transcripts module
