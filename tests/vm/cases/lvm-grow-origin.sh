# summary: LVM2: an origin grows beside writers while it has snapshots, as the administrator's guide says
# kernels: 6.1 6.12
# default: 6.12
# guest: full
# disks: 128M
# timeout: 180
# smp: 1

. /job/vm/lib-lvm.sh

# lengths: prints the lengths of the tables of origin and snapshots, in MiB
lengths() { for lv in origin s4 s64; do echo $(($(blockdev --getsz "/dev/vg/$lv") / 2048)); done | xargs; }

# grown MB: extends the file system, and writes this much, beyond the old end of the origin
grown()
{
	resize2fs /dev/vg/origin > /dev/null 2>&1
	head -c "$1M" /dev/urandom > /mnt/origin/behind
	lvm_files /mnt/origin "$1"
	lvm_check
	lvm_check_origin
	rm /mnt/origin/behind
	lvm_files /mnt/origin 2
}

write_on()
{
	while [ ! -e "$TMP/stop" ]; do
		head -c 64k /dev/urandom > /mnt/origin/file-1
		sync -f /mnt/origin
	done
}

drivers=(in-tree ours)
[ "$FULL" = yes ] || drivers=(ours)
for driver in "${drivers[@]}"; do
	note "--- $driver"
	load_module "$driver"
	rm -f "$TMP/stop"
	lvm_make 24
	lvm_take s4 -c 4k -L 28M
	lvm_files /mnt/origin 3
	lvm_take s64 -c 64k -L 28M
	write_on &
	writer=$!

	note "the refusal that makes it necessary"
	expect_fail lvextend -q -L +8M vg/origin
	expect_match "$OUTPUT" '.*Snapshot origin volumes can be resized only while inactive: try lvchange -an.*'

	note "the metadata, then the tables"
	lvextend -q --config global/activation=0 -L +8M vg/origin
	expect_eq "$(lengths)" "24 24 24"
	lvchange -q --refresh vg/origin
	expect_eq "$(lengths)" "32 24 24"
	touch "$TMP/stop"
	wait "$writer"
	lvm_files /mnt/origin 4
	grown 6

	note "the machine restarts in between"
	lvextend -q --config global/activation=0 -L +4M vg/origin
	umount /mnt/origin
	vgchange -q -an vg
	vgchange -q -ay vg
	expect_eq "$(lengths)" "36 24 24"
	mount_at /dev/vg/origin > /dev/null
	grown 8

	note "a snapshot is extended in between"
	lvextend -q --config global/activation=0 -L +4M vg/origin
	lvextend -q -L +4M vg/s4
	lvchange -q --refresh vg/origin
	expect_eq "$(lengths)" "40 24 24"
	grown 10

	note "a merge brings the files back, and the length stays"
	umount /mnt/origin
	lvremove -q -y vg/s64
	cp "$RESULTS/s4.sums" "$RESULTS/origin.sums"
	lvm_forget s64
	lvconvert -q --merge --interval 1 vg/s4
	expect_eq "$(($(blockdev --getsz /dev/vg/origin) / 2048))" 40
	e2fsck -fn /dev/vg/origin > "$TMP/fsck" || fail "$(cat "$TMP/fsck")"
	mount_at /dev/vg/origin > /dev/null
	lvm_check_origin
	umount /mnt/origin
	vgremove -q -ff -y vg
done
