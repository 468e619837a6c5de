# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The guest tests fs-*.sh: a file system on an origin, read and changed through its snapshots.  A
# case sources this after lib-io.sh.
#
#   fs_case TYPE               ext4 or xfs

fs_case()
{
	local type=$1 org snap out rounds=0
	make_device base 320
	make_device cow-still 48
	make_device cow-torn 48
	# shellcheck disable=SC2034 # read by org_load
	SIZE=$(sectors "$(dm_path base)")
	org_load
	fs_make "$type" "$(dm_path org)"
	org=$(mount_at "$(dm_path org)")
	make_files "$org" 1
	sums "$org" > "$TMP/old"

	note "a snapshot of an idle file system"
	# No sync: dmsetup suspend freezes the file system, which writes everything back
	take still 8
	writer_start small "$org/big" --rw=randwrite --bs=4k --iodepth=16 --size=6M --fsync=32 --overwrite=1
	writer_start large "$org/huge" --rw=randwrite --bsrange=4k-128k --iodepth=4 --size=6M --overwrite=1
	snap=$(mount_at "$(dm_path still)" ro)
	check_files "$snap" old

	note "one of a busy file system, not frozen: its log has to be replayed"
	take torn 128 --nolockfs
	while [ "$rounds" -lt 2 ]; do
		check_files "$snap" old
		rounds=$((rounds + 1))
	done
	writers_move
	check_files "$snap" old
	umount "$snap"
	snap=$(mount_at "$(dm_path torn)")
	check_files "$snap" old ./big ./huge
	note "writes to it through its own mount"
	make_files "$snap" 2
	rm "$snap/file-3"
	sums "$snap" > "$TMP/new"
	writers_move
	check_files "$snap" new
	umount "$snap"
	snap=$(mount_at "$(dm_path torn)" ro)
	check_files "$snap" new
	umount "$snap"
	writers_stop
	check_files "$org" old ./big ./huge
	umount "$org"
	for out in still torn org; do
		fs_check "$type" "$(dm_path "$out")"
	done

	note "everything is opened again"
	dm_remove org still torn
	dm_create still "$(snap_table still P 8)"
	dm_create torn "$(snap_table torn P 128)"
	org_load
	check_files "$(mount_at "$(dm_path still)" ro)" old
	check_files "$(mount_at "$(dm_path torn)" ro)" new
	check_files "$(mount_at "$(dm_path org)" ro)" old ./big ./huge
}

make_device()
{
	local ram
	ram=$(make_ram "ram-$1" "$2")
	dm_create "$1" "0 $(sectors "$ram") linear $ram 0"
}

fs_make()
{
	case $1 in
	ext4) mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -N 512 -J size=4 "$2" ;;
	xfs) mkfs.xfs -q -K "$2" ;;
	esac
}

# Read-only; repairs nothing
fs_check()
{
	case $1 in
	ext4) expect_ok e2fsck -f -n "$2" ;;
	xfs) expect_ok xfs_repair -n "$2" ;;
	esac
}

# take NAME CHUNK [OPTION]: takes a snapshot in LVM2's order; OPTION is for dmsetup suspend
take()
{
	dmsetup create "$1" --notable
	dm_load "$1" "$(snap_table "$1" P "$2")"
	dmsetup suspend ${3:+"$3"} org
	dmsetup resume "$1"
	dmsetup resume org
}

# make_files WHERE SEED: overwrites existing files
make_files()
{
	local i
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
		head -c "$(((i * 7919 + $2) * 23 % 400000))" /dev/urandom > "$1/file-$i"
	done
	for i in big huge; do
		head -c 6291456 /dev/urandom > "$1/$i"
	done
	mkdir -p "$1/dir"
	ln -f "$1/file-1" "$1/dir/link"
}

# sums WHERE [FILE...]: checksums of all files but these
sums()
{
	local where=$1 name skip=()
	shift
	for name; do
		skip+=(! -path "$name")
	done
	(cd "$where" && find . -type f ! -path './lost+found/*' "${skip[@]}" | LC_ALL=C sort | xargs sha256sum)
}

# check_files WHERE SUMS [FILE...]: all files but these must be unchanged when they are read from
# the device
check_files()
{
	local where=$1 want=$TMP/$2 name
	shift 2
	sync
	echo 3 > /proc/sys/vm/drop_caches
	sums "$where" "$@" > "$TMP/have"
	cp "$want" "$TMP/want"
	for name; do
		sed -i "\\, $name\$,d" "$TMP/want"
	done
	diff "$TMP/want" "$TMP/have" || fail "the files in $where are not what they should be"
}
