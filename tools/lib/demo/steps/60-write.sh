# SPDX-License-Identifier: GPL-2.0-only
#
# title: Writing to the snapshot
# boot: 1

say "A snapshot can be written too, without the origin noticing."
run 'echo "Written in the snapshot." > /mnt/before/postscript'
run 'head -c 3M /dev/urandom > /mnt/before/data-01'
run 'sync'
sums /mnt/before > "$KEPT"
held "the snapshot has the files written to it, and its other ones as they were" \
	files_are /mnt/before "$KEPT"
rest_is_old()
{
	diff <(grep -v -e '/data-01$' "$OLD") <(grep -v -e '/data-01$' -e '/postscript$' "$KEPT")
}
held "what was not written there still is what it was at the start" rest_is_old
held "the origin has its new files and none of the snapshot's" files_are /mnt/work "$NEW"
