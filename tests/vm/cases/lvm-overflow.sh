# summary: LVM2: a snapshot that has overflowed is shown as invalid and unmounted; the origin and others keep working
# default: 6.1
# guest: full
# disks: 128M 128M
# timeout: 240
# smp: 1

. /job/vm/lib-lvm.sh

is_unmounted()
{
	! mountpoint -q "$1"
}

lvm_make 24
lvm_take large -L 24M
lvm_take small -L 4M
lvm_files /mnt/origin 2
lvm_check large
mount_at /dev/vg/small ro > /dev/null
pgrep -x dmeventd > /dev/null || fail "dmeventd does not run"
head -c 5M /dev/urandom > /mnt/origin/big
lvm_files /mnt/origin 3
expect_eq "$(lv_field small lv_attr)" swi-I-s---
expect_eq "$(lv_field small data_percent)" 100.00
expect_eq "$(lv_field large lv_attr)" swi-a-s---
# dmeventd has received the event
wait_until 30 is_unmounted /mnt/small
expect_fail mount -o ro /dev/vg/small /mnt/small
lvm_check large
lvm_check_origin

note "it stays invalid"
umount /mnt/origin
vgchange -q -an vg
vgchange -q -ay vg
expect_eq "$(lv_field small lv_attr)" swi-I-s---
mount_at /dev/vg/origin > /dev/null
lvm_files /mnt/origin 5
lvm_check_origin
lvm_check large

note "and can be removed"
lvremove -q -y vg/small
lvm_forget small
lvm_files /mnt/origin 6
lvm_check
lvm_check_origin
