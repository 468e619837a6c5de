# SPDX-License-Identifier: GPL-2.0-only
#
# title: Looking into the snapshot
# boot: 1

say "The snapshot is a volume like any other. Mounted, it shows the files as they" \
	"were when it was taken."
mkdir /mnt/before
run 'mount /dev/demo/before /mnt/before'
run 'cat /mnt/work/letter'
run 'cat /mnt/before/letter'
held "all 13 files in the snapshot have their old checksums, and there are no others" \
	files_are /mnt/before "$OLD"
