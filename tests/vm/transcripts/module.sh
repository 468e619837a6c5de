# SPDX-License-Identifier: GPL-2.0-only
#
# Transcript scenarios: the module itself.

PARAMETERS=/sys/module/dm_snapshot/parameters

set_parameter()
{
	echo "$2" > "$PARAMETERS/$1"
}

scenario "parameters"
x stat -c "%a %n" "$PARAMETERS"/*
for name in snapshot_cow_threshold snapshot_copy_throttle; do
	x cat "$PARAMETERS/$name"
	for value in 1 0 100 4294967295 4294967296 -1 x 0x10 ''; do
		x set_parameter "$name" "$value"
		x cat "$PARAMETERS/$name"
	done
done

insert_module()
{
	insmod "$(module_path "$MODULE_NOW")" "$@" 2>&1 | sed "s,$(module_path "$MODULE_NOW"),dm-snapshot.ko,"
	return "${PIPESTATUS[0]}"
}

scenario "parameters: on the command line"
x rmmod dm_snapshot
for words in "snapshot_cow_threshold=7 snapshot_copy_throttle=55" snapshot_cow_threshold=x nonsense=1 ""; do
	# shellcheck disable=SC2086 # words
	x insert_module $words
	x cat "$PARAMETERS/snapshot_cow_threshold" "$PARAMETERS/snapshot_copy_throttle"
	rmmod dm_snapshot 2> /dev/null || true
done
insmod "$(module_path "$MODULE_NOW")"

scenario "what modinfo tells"
module=$(module_path "$MODULE_NOW")
for field in alias parm license name depends; do
	x modinfo -F "$field" "$module"
done

scenario "unloaded while in use"
x dmsetup create s --table "0 $S snapshot $ORG $COW P 8"
x rmmod dm_snapshot
x cat /sys/module/dm_snapshot/refcnt
x dmsetup create o --table "0 $S snapshot-origin $ORG"
x cat /sys/module/dm_snapshot/refcnt
x dmsetup remove s
x rmmod dm_snapshot
x dmsetup remove o
x cat /sys/module/dm_snapshot/refcnt

