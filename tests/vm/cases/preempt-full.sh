# summary: with preempt=full, snapshots taken and removed in any order during I/O keep their images
# kernels: 7.3 6.12-deb13 6.12 6.1
# default: none
# timeout: 240
# append: preempt=full

expect_preemption full
. /job/vm/cases/io-come-and-go.sh
