# SPDX-License-Identifier: GPL-2.0-only
#
# title: Going back to the snapshot
# boot: 2

say "Was the change a mistake? Then the snapshot is merged: its content goes back to" \
	"the volume, in the background, and the snapshot is no more."
run 'vgchange --activate y demo'
tell run 'lvconvert --merge --interval 1 demo/before'
lvconvert --merge --interval 1 demo/before > /tmp/lvconvert.log 2>&1 &
converting=$!

# What is left to merge is what is in use beyond the notes: see the status line
first=0 left=1
while read -r _ _ target used notes < <(dmsetup status demo-work 2> /dev/null); do
	if [ "$target" = snapshot-merge ] && [[ $used == */* ]]; then
		left=$(((${used%%/*} - notes) / 2048))
		if [ "$first" -eq 0 ]; then
			first=$left
			line="$used $notes"
		fi
		progress merging "$((first - left))" "$first"
		if [ "$left" -eq 0 ]; then
			break
		fi
	elif ! kill -0 "$converting" 2> /dev/null; then
		break
	fi
	sleep 0.1
done
wait "$converting"
if [ "$first" -gt 0 ]; then
	if [ "$left" -gt 0 ]; then
		progress merging "$first" "$first"
	fi
	say "The status line showed how far it was: it began at $line (sectors in use / all," \
		"driver's notes) and ends when what is in use is notes only."
fi
grep -v lvmpolld /tmp/lvconvert.log # a daemon that this machine does without
run 'lvs -o lv_name,lv_attr,lv_size,origin,data_percent demo'
no_snapshot()
{
	! lvs demo/before > /dev/null 2>&1
}
held "the snapshot is gone" no_snapshot
run 'mount /dev/demo/work /mnt/work'
run 'cat /mnt/work/letter'
held "the volume has the files of the snapshot again, by their checksums" files_are /mnt/work "$KEPT"
run 'umount /mnt/work'
run 'vgchange --activate n demo'
