# summary: the module shows the in-tree driver's parameters, aliases and versions
# kernels: 6.1 6.12 um smp
# timeout: 180

. /job/vm/transcripts/runner.sh
compare_transcripts module
