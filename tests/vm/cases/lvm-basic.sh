# summary: LVM2: snapshots of several chunk sizes taken, extended, renamed, refreshed, deactivated and removed
# default: 6.1
# guest: full
# disks: 128M 128M
# timeout: 180
# smp: 1

. /job/vm/lib-lvm.sh

lvm_make 24
for kb in 4 16 64 512; do
	lvm_take "s$kb" -c "${kb}k" -L 24M
	expect_eq "$(lv_field "s$kb" lv_attr)" swi-a-s---
	expect_eq "$(lv_field "s$kb" chunk_size)" "$kb.00k"
	lvm_files /mnt/origin "$kb"
done
lvm_check_origin

for kb in 4 16 64 512; do
	percent=$(lv_field "s$kb" data_percent)
	note "s$kb is $percent % full"
	expect_match "$percent" '[0-9]+\.[0-9][0-9]'
	[ "${percent%.*}" -ge 5 ] || fail "s$kb is only $percent % full"
	[ "${percent%.*}" -lt 90 ] || fail "s$kb is already $percent % full"
done

note "a snapshot in use is extended, and then takes more than it could have had"
lvm_take grows -c 4k -L 4M
mount_at /dev/vg/grows > /dev/null
lvm_files /mnt/grows 5
lvextend -q -L 20M vg/grows
expect_eq "$(lv_field grows lv_size)" 20.00m
percent=$(lv_field grows data_percent)
[ "${percent%.*}" -lt 30 ] || fail "it is $percent % full"
head -c 5M /dev/urandom > /mnt/origin/big
lvm_files /mnt/origin 6
rm /mnt/origin/big
lvm_files /mnt/origin 7
umount /mnt/grows
percent=$(lv_field grows data_percent)
[ "${percent%.*}" -gt 20 ] || fail "it is only $percent % full"
lvm_check_origin
lvm_check grows

note "renamed, refreshed"
lvm_rename s16 other
lvchange -q --refresh vg/s64
lvchange -q --refresh vg/origin
lvm_files /mnt/origin 8
lvm_check

note "deactivated and activated, the snapshot that was written too"
umount /mnt/origin
vgchange -q -an vg
expect_eq "$(dmsetup info -c --noheadings -o name)" "No devices found"
unload_module
vgchange -q -ay vg
expect_eq "$(loaded_module)" ours
mount_at /dev/vg/origin > /dev/null
lvm_files /mnt/origin 9
lvm_check_origin
lvm_check

note "removed one by one, neither in the order in which they came nor the other way round"
for name in s64 s4 grows s512 other; do
	lvremove -q -y "vg/$name"
	lvm_forget "$name"
	lvm_files /mnt/origin 10
	lvm_check
	lvm_check_origin
done
expect_match "$(dmsetup table vg-origin)" "0 49152 linear .*"
expect_eq "$(dmsetup info -c --noheadings -o name)" vg-origin
