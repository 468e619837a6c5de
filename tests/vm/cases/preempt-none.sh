# summary: with preempt=none, snapshots taken and removed in any order during I/O keep their images
# kernels: 6.12-deb13 6.12 6.1
# default: none
# timeout: 240
# append: preempt=none

expect_preemption none
. /job/vm/cases/io-come-and-go.sh
