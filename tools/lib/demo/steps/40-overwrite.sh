# SPDX-License-Identifier: GPL-2.0-only
#
# title: Overwriting the origin
# boot: 1

say "Every file on the origin is overwritten in place, one is deleted, one is added." \
	"Before a block is overwritten, the driver copies it out for the snapshot."
for number in {01..12}; do
	head -c 2M /dev/urandom | dd of="/mnt/work/data-$number" bs=256k iflag=fullblock conv=notrunc status=none
done
run 'rm /mnt/work/data-12'
run 'echo "This letter is new." > /mnt/work/letter'
run 'date > /mnt/work/added'
run 'sync'
sums /mnt/work > "$NEW"
none_is_old()
{
	[ -z "$(comm -12 <(sort "$OLD") <(sort "$NEW"))" ]
}
held "no file on the origin is what it was" none_is_old
