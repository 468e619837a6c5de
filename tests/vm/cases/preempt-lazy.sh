# summary: with preempt=lazy, snapshots taken and removed in any order during I/O keep their images
# kernels: 7.3
# default: none
# timeout: 240
# append: preempt=lazy

expect_preemption lazy
. /job/vm/cases/io-come-and-go.sh
