# SPDX-License-Identifier: GPL-2.0-only
#
# title: A volume with files
# boot: 1

say "LVM2 makes a volume group of two virtual disks, and a volume in it. The volume" \
	"gets an ext4 file system, a letter and twelve files of random data."
run 'vgcreate demo /dev/vda /dev/vdb'
run 'lvcreate --size 160M --name work demo'
run 'mkfs.ext4 -q /dev/demo/work'
mkdir /mnt/work
run 'mount /dev/demo/work /mnt/work'
run 'echo "This letter is old." > /mnt/work/letter'
for number in {01..12}; do
	head -c 2M /dev/urandom > "/mnt/work/data-$number"
done
sums /mnt/work > "$OLD"
run 'du -sh /mnt/work'
say "Their checksums are noted down outside of the machine's disks."
