# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the guest tests on SCSI disks that misbehave (scsi_debug).  A case sources this after
# lib.sh.
#
#   scsi_plug COUNT MB [OPTIONS...]     makes disks with scsi_debug; sets SCSI to their paths
#   scsi_pull PATH             removes the disk, as if it were unplugged
#   scsi_unplug                removes all disks; they must not be in use

SCSI=()

_scsi_path()
{
	local dir=(/sys/bus/pseudo/drivers/scsi_debug/adapter"$1"/host*/target*/*:*/block/*)
	printf '/dev/%s\n' "${dir[0]##*/}"
}

_scsi_is_there()
{
	[ -b "$(_scsi_path "$1")" ]
}

scsi_plug()
{
	local count=$1 mb=$2 i
	shift 2
	modprobe sd_mod
	modprobe scsi_debug dev_size_mb="$mb" add_host="$count" per_host_store=1 "$@"
	SCSI=()
	for ((i = 0; i < count; i++)); do
		wait_until 20 _scsi_is_there "$i"
		SCSI+=("$(_scsi_path "$i")")
	done
}

scsi_pull()
{
	echo 1 > "/sys/block/${1##*/}/device/delete"
}

scsi_unplug()
{
	rmmod scsi_debug
}
