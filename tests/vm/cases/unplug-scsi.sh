# summary: SCSI disks of an origin and of a COW device are pulled under load, at a merge, a handover, a stall: everything ends in time
# default: none
# timeout: 240

. /job/vm/lib-unplug.sh
. /job/vm/lib-scsi.sh

# Each I/O takes one tick or two
plug()
{
	scsi_plug 2 "$MB" delay=2
	DISKS=([base]=${SCSI[0]} [cow]=${SCSI[1]})
}

pull()
{
	scsi_pull "${DISKS[$1]}"
}

unplug()
{
	scsi_unplug
}

unplug_everywhere
