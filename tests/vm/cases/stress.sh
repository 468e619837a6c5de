# summary: many processes on an origin and its snapshots, which are created, removed, suspended and merged
# kernels: um smp
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh
. /job/vm/lib-stress.sh

seed_random
stress_rounds "$(option_seconds 20)"
