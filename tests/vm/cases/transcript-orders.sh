# summary: tables are replaced in every order with the same outcome as with the in-tree driver
# kernels: stock um smp
# default: 6.12
# timeout: 600
# smp: 1
# keeps: orders.in-tree

. /job/vm/transcripts/runner.sh
compare_transcripts orders
