# summary: LVM2: snapshots can be activated after a power cut, and continue
# default: none
# guest: full
# boots: 2
# disks: 128M 128M
# timeout: 240
# smp: 1

. /job/vm/lib-lvm.sh

if [ "$STAGE" -eq 1 ]; then
	lvm_make 24
	for kb in 4 64 512; do
		lvm_take "s$kb" -c "${kb}k" -L 24M
		lvm_files /mnt/origin "$kb"
	done
	mount_at /dev/vg/s64 > /dev/null
	lvm_files /mnt/s64 2
	lvm_check s4 s512
	sync "$RESULTS"/*
	# With both file systems mounted and all devices active
	power_cut
fi

# s64 and the origin have to replay their logs
vgchange -q -ay vg
expect_eq "$(loaded_module)" ours
for name in origin s64; do
	mount_at "/dev/vg/$name" > /dev/null
done
lvm_check_origin
umount /mnt/s64
lvm_check
lvm_files /mnt/origin 3
lvm_take later -c 16k -L 16M
lvm_files /mnt/origin 4
for name in s4 s64 s512 later; do
	expect_eq "$(lv_field "$name" lv_attr)" swi-a-s---
done
lvm_check_origin
lvm_check
umount /mnt/origin
for name in origin s4 s64 s512 later; do
	expect_ok e2fsck -f -n "/dev/vg/$name"
done
