# SPDX-License-Identifier: GPL-2.0-only
#
# Disks, device-mapper devices and mounts of a case.  Sourced by lib.sh, which describes them.

export DISKS_MADE=/run/dmsnap-disks     # "NAME KIND PATH" of make_*

sectors()
{
	blockdev --getsz "$1"
}

disk()
{
	local serial
	for serial in /sys/block/vd*/serial; do
		if [ -e "$serial" ] && [ "$(< "$serial")" = "disk$1" ]; then
			serial=${serial%/serial}
			printf '/dev/%s\n' "${serial##*/}"
			return
		fi
	done
	fail "this guest has no disk $1 (see '# disks:')"
}

make_ram()
{
	make_ram_bs "$1" "$2" 512
}

# null_blk and not brd: it supports any size and block size, and disks can be made and removed
# one by one.
make_ram_bs()
{
	local dir=/sys/kernel/config/nullb/$1 name
	modprobe null_blk nr_devices=0
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
	mkdir "$dir" || fail "there is a RAM disk $1 already"
	echo "$2" > "$dir/size"
	echo "$3" > "$dir/blocksize"
	echo 1 > "$dir/memory_backed"
	echo 1 > "$dir/discard"
	echo 1 > "$dir/power"
	# 6.12 names the device after the directory, 6.1 after its index
	if [ -e "/sys/block/$1" ]; then
		name=$1
	else
		name=nullb$(< "$dir/index")
	fi
	printf '%s ram /dev/%s\n' "$1" "$name" >> "$DISKS_MADE"
	printf '/dev/%s\n' "$name"
}

make_loop()
{
	local path
	modprobe loop
	truncate -s "$2M" "$TMP/$1.img"
	path=$(losetup -f --show "$TMP/$1.img")
	printf '%s loop %s\n' "$1" "$path" >> "$DISKS_MADE"
	printf '%s\n' "$path"
}

# shellcheck disable=SC2094 # the loop ends after it has changed the file that it reads
drop_disk()
{
	local name kind path
	while read -r name kind path; do
		if [ "$name" != "$1" ]; then
			continue
		fi
		case $kind in
		ram) echo 0 > "/sys/kernel/config/nullb/$name/power" && rmdir "/sys/kernel/config/nullb/$name" ;;
		loop) losetup -d "$path" ;;
		esac
		sed -i "/^$name /d" "$DISKS_MADE"
		# An explicit 0: in a trap, a bare return returns the value of $? from before the
		# trap
		return 0
	done < "$DISKS_MADE"
	fail "there is no disk $1"
}

dm_path()
{
	printf '/dev/mapper/%s\n' "$1"
}

dm_create()
{
	local name=$1 table=$2
	shift 2
	dmsetup create "$name" "$@" <<< "$table"
}

events_of()
{
	dmsetup info -c --noheadings -o events "$1"
}

events_above()
{
	[ "$(events_of "$1")" -gt "$2" ]
}

dm_load()
{
	dmsetup load "$1" <<< "$2"
}

dm_reload()
{
	dmsetup load "$1" <<< "$2"
	dmsetup resume "$1"
}

dm_remove()
{
	local name
	for name in "$@"; do
		dmsetup remove "$name"
	done
}

# fio, because every guest has it and its buffers repeat for a seed.  AES in counter mode would need
# another program.
fill()
{
	local device=$1 seed=$2 size offset=$((${4:-0}))
	size=${3:+$3M}
	fio --name=fill --filename="$device" --rw=write --bs=256k --ioengine=psync --direct=1 \
		--offset="${offset}M" ${size:+--size="$size"} --randseed="$((seed + 1))" --refill_buffers \
		--output="$TMP/fill.out" || fail "cannot fill $device: $(tail -n 5 "$TMP/fill.out")"
}

sum_of()
{
	/run/sum "$@"
}

mount_at()
{
	local where=/mnt/${1##*/} type
	mkdir -p "$where"
	# A snapshot of an XFS has the UUID of its origin
	type=$(blkid -p -o value -s TYPE "$1")
	if [ "$type" = xfs ]; then
		mount -t xfs -o "nouuid${2:+,$2}" "$1" "$where"
	else
		mount ${2:+-o "$2"} "$1" "$where"
	fi
	printf '%s\n' "$where"
}
