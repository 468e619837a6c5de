# summary: the module shows the in-tree driver's parameters, aliases and versions
# kernels: stock um smp
# timeout: 180
# smp: 1
# keeps: module.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts module
