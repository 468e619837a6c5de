# summary: no memory is leaked when the module is unloaded (kmemleak)
# kernels: um smp
# timeout: 240
# append: kmemleak=on
# fresh: yes

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

readonly LEAKS=/sys/kernel/debug/kmemleak
# kmemleak ignores objects younger than 5 s (MSECS_MIN_AGE)
readonly LEAST_AGE=6

unload_module
echo clear > "$LEAKS" # objects from the boot are not ours
load_module ours
origin_make 4
snap_take snap P 8 10
snap_take other N 16 10
snap_take full P 8 1
fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=8 --io_size=2M --randseed=1
fio_run "$(dm_path snap)" --rw=randwrite --bs=4k --iodepth=8 --io_size=1M --randseed=2
expect_eq "$(status_of full)" Invalid "the snapshot on a small disk"
expect_fail dmsetup create bad --table "0 8 snapshot $(dm_path base) $(dm_path base) X 8"
snap_drop other
snap_drop full
merge_begin snap
merge_wait org 60
dm_remove org cow-snap base
unload_module
sleep "$LEAST_AGE"
echo scan > "$LEAKS"
echo scan > "$LEAKS"
expect_eq "$(< "$LEAKS")" "" "unreferenced memory"
