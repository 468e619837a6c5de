# summary: LVM2: a snapshot with a truncated store is invalid, and its origin is activated
# default: 6.12
# guest: full
# disks: 128M
# timeout: 240
# smp: 1

. /job/vm/lib-lvm.sh

lvm_make 24
lvm_take cut -c 4k -L 24M
lvm_take whole -c 64k -L 24M
dd if=/dev/urandom of=/mnt/origin/big bs=1M count=10 status=none
lvm_files /mnt/origin 2
lvm_check
umount /mnt/origin
vgchange -q -an vg

note "made shorter than what it holds"
lvreduce -q -y -f -L 4M vg/cut
clear_log
vgchange -q -ay vg
expect_log "snapshot store refused: COW chunk outside the COW device"
expect_log "is invalid: its store cannot be used; 'dmsnap check' says"
expect_eq "$(lv_field origin lv_active)" active
expect_eq "$(lv_field cut lv_attr)" "swi-I-s---"
lvm_forget cut
mount_at /dev/vg/origin > /dev/null
lvm_check_origin
lvm_files /mnt/origin 3
lvm_check_origin
lvm_check

note "as long as it was, and yet not valid again"
umount /mnt/origin
vgchange -q -an vg
lvextend -q -L 24M vg/cut
clear_log
vgchange -q -ay vg
expect_log "Snapshot is marked invalid"
expect_eq "$(lv_field cut lv_attr)" "swi-I-s---"
mount_at /dev/vg/origin > /dev/null
lvm_check_origin
lvm_check

note "it can be removed"
lvremove -q -y vg/cut
lvm_check_origin
lvm_check
umount /mnt/origin
