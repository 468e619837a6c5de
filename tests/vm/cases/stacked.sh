# summary: a snapshot of a snapshot, all levels written, merged, full, and removed in any order
# kernels: stock um smp
# default: 6.12
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh

# The devices on top of the snapshot `lower`, which is itself an origin
lower_load()
{
	dm_create lower "$(snap_table lower P 8)"
	upper_load
}

upper_load()
{
	dm_create org2 "0 $SIZE snapshot-origin $(dm_path lower)"
	dm_create upper "0 $SIZE snapshot $(dm_path lower) $(dm_path cow-upper) P 16"
}

# empty NAME: removes the store from its COW device
empty()
{
	dd if=/dev/zero of="$(dm_path "cow-$1")" bs=4k count=1 oflag=direct status=none
}

sums()
{
	local name
	for name; do
		printf '%s %s\n' "$name" "$(sum_of "$(dm_path "$name")")"
	done
}

origin_make 4 9
snap_take lower P 8
ram=$(make_ram ram-upper 8)
dm_create cow-upper "0 16384 linear $ram 0"

note "all levels are written at once, each in its part"
upper_load
expect_eq "$(sum_of "$(dm_path upper)")" "${FROZEN[lower]}" "what the upper one shows first"
writer_start org "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=3M --io_size=512k
writer_start lower "$(dm_path org2)" --rw=randwrite --bsrange=4k-64k --iodepth=8 --size=2M --io_size=512k
writers_move
expect_eq "$(sum_of "$(dm_path upper)")" "${FROZEN[lower]}" "the upper one, while both below are written"
writer_start upper "$(dm_path upper)" --rw=randwrite --bs=4k --iodepth=8 --offset=1M --size=1M --io_size=256k
writers_move
writers_stop
want=$(sums base lower upper)

note "removed in each order that the levels allow, loaded again"
for order in "upper org2 lower org" "org2 upper lower org" "org upper org2 lower" "org2 org upper lower"; do
	note "$order"
	expect_fail dmsetup remove lower
	# shellcheck disable=SC2086 # names
	dm_remove $order
	org_load
	lower_load
	expect_eq "$(sums base lower upper)" "$want" "after $order"
done

note "the upper one is merged into the lower one"
upper=$(sum_of "$(dm_path upper)")
dm_load org2 "0 $SIZE snapshot-merge $(dm_path lower) $(dm_path cow-upper) P 16"
dmsetup suspend org2
dmsetup suspend upper
dmsetup resume org2
dm_remove upper
fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=1M
merge_wait org2 60
expect_eq "$(sum_of "$(dm_path lower)")" "$upper" "what was merged"
dm_remove org2

note "the lower one is lost: the upper one says so, and all can be removed"
dm_remove lower
table=$(dmsetup table cow-lower)
dm_reload cow-lower "0 2048 ${table#* * }"
empty lower
empty upper
lower_load
fio_run "$(dm_path org)" --rw=write --bs=64k --iodepth=4
expect_eq "$(status_of lower)" Invalid
expect_fail dd if=/dev/zero of="$(dm_path org2)" bs=4k count=1 seek=5 oflag=direct status=none
expect_fail dd if="$(dm_path upper)" of=/dev/null bs=1M iflag=direct status=none
dmsetup status > /dev/null
dm_remove upper org2 lower org
