# summary: the store has the structure that the in-tree driver gives it
# kernels: stock um smp
# default: 6.12 um smp
# timeout: 360
# smp: 1
# keeps: store.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts store
