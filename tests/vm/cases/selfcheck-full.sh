# summary: full guest: LVM2, udev and dmeventd work with an in-tree snapshot
# default: 6.1
# guest: full
# module: in-tree
# disks: 128M 128M
# timeout: 240
# smp: 1

vgcreate -q vg "$(disk 0)" "$(disk 1)"
lvcreate -q -n origin -L 64M vg
mkfs.ext4 -q /dev/vg/origin
where=$(mount_at /dev/vg/origin)
echo old > "$where/file"
sync
lvcreate -q -s -n snap -L 32M vg/origin
echo new > "$where/file"
sync

expect_eq "$(cat "$(mount_at /dev/vg/snap)/file")" old
[ -L /dev/disk/by-id/dm-name-vg-snap ] || fail "udev has not made its link"
pgrep -x dmeventd > /dev/null || fail "dmeventd has not been started"
expect_match "$(lvs --noheadings -o lv_attr vg/snap)" " *swi-aos---"
