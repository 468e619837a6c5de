# SPDX-License-Identifier: GPL-2.0-only
#
# title: What device mapper and LVM2 say
# boot: 1

say "The table: work is an origin, before its snapshot, with what lies below them:" \
	"-real is the volume's data, -cow the space for the copies."
run 'dmsetup table'
say "The status of a snapshot: sectors of the space in use / all sectors of it, and" \
	"how many of those in use are the driver's own notes."
run 'dmsetup status'
run 'lvs -o lv_name,lv_attr,lv_size,origin,data_percent demo'
counts()
{
	[[ $(dmsetup status demo-before) =~ ^0\ 327680\ snapshot\ ([0-9]+)/196608\ ([0-9]+)$ ]] &&
		[ "${BASH_REMATCH[1]}" -gt $((24 * 2048)) ] && [ "${BASH_REMATCH[2]}" -gt 0 ]
}
held "the driver has counted the copies of at least 24 MB of old files" counts
lvm_agrees()
{
	[[ $(lvs --noheadings -o lv_attr demo/before) == '  swi-aos---' ]]
}
held "to LVM2 it is a valid, writable, active snapshot" lvm_agrees
