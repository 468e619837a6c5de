# SPDX-License-Identifier: GPL-2.0-only
#
# title: After the restart
# boot: 2

say "A fresh kernel. Whoever activates the volumes first, udev's rules or LVM2, has" \
	"the kernel load a snapshot driver, and gets the new one."
run 'vgchange --activate y demo'
held "what was loaded is the module that was built here" ours_is_loaded
mkdir /mnt/work /mnt/before
run 'mount /dev/demo/work /mnt/work'
run 'mount /dev/demo/before /mnt/before'
run 'cat /mnt/work/letter'
run 'cat /mnt/before/letter'
run 'cat /mnt/before/postscript'
run 'lvs -o lv_name,lv_attr,lv_size,origin,data_percent demo'
held "the snapshot has the old files and those written to it, by their checksums" \
	files_are /mnt/before "$KEPT"
held "the origin has its new files, by their checksums" files_are /mnt/work "$NEW"
run 'umount /mnt/before /mnt/work'
run 'vgchange --activate n demo'
