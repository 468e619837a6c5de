# summary: loop disks below an origin and a COW device are truncated or detached: everything ends in time
# default: none
# timeout: 240

. /job/vm/lib-unplug.sh

plug()
{
	DISKS=([base]=$(make_loop base "$MB") [cow]=$(make_loop cow "$MB"))
}

# is_cut base|cow SECTORS
is_cut()
{
	truncate -s $(($2 * 512)) "$TMP/$1.img"
	losetup -c "${DISKS[$1]}"
	[ "$(blockdev --getsz "${DISKS[$1]}")" = "$2" ]
}

# A loop disk in use cannot be removed, but its file can be truncated.  A write before the disk has
# the new length makes the file longer again.
pull()
{
	local sectors=1024
	[ "${2:-}" != whole ] || sectors=0
	wait_until "$LIMIT" is_cut "$1" "$sectors"
}

unplug()
{
	drop_disk base
	drop_disk cow
}

is_detached()
{
	[ ! -e "/sys/block/${1##*/}/loop" ]
}

unplug_everywhere

note "detached while in use: that lasts until the last user has gone"
begin
losetup -d "${DISKS[base]}" "${DISKS[cow]}"
fio_verified "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --io_size=1M --size=4M
snap_check
dm_reload snap "$(snap_table snap P 8)"
snap_check
dm_remove snap witness org cow-snap base
wait_until 20 is_detached "${DISKS[cow]}"
wait_until 20 is_detached "${DISKS[base]}"
sed -i '/ loop /d' "$DISKS_MADE"
