# summary: LVM2: dmeventd extends a snapshot that fills faster than it polls, and nothing is lost
# default: 6.12
# guest: full
# disks: 256M
# timeout: 180
# smp: 1

. /job/vm/lib-lvm.sh

is_autoextended()
{
	[ "$(lvs --noheadings --nosuffix --units m -o lv_size vg/snap | tr -d ' ' | cut -d. -f1)" -gt 12 ]
}

lvm_make 48
# dmeventd checks a snapshot every ten seconds, and when an event wakes it
cat > "$TMP/lvmlocal.conf" <<-END
	activation {
		monitoring = 1
		snapshot_autoextend_threshold = 60
		snapshot_autoextend_percent = 100
	}
END
cp "$TMP/lvmlocal.conf" /etc/lvm/lvmlocal.conf
pkill -x dmeventd || true
lvm_take snap -L 12M
lvchange -q --monitor y vg/snap
dmsetup message vg-snap 0 stall on
pgrep -x dmeventd > /dev/null || fail "dmeventd does not run"

# 30 MB in some seconds, straight to the disk: the snapshot would be lost long before
# dmeventd looks for the first time
dd if=/dev/urandom of=/mnt/origin/big bs=256k count=120 oflag=direct status=none
wait_until 60 is_autoextended
expect_log "it is full, writes wait for a larger device"
lvm_files /mnt/origin 2
expect_eq "$(lv_field snap lv_attr)" swi-a-s---
lvm_check snap
lvm_check_origin

note "the setting survives when LVM2 reloads the table"
lvextend -q -L +4M vg/snap
expect_eq "$(dmsetup message vg-snap 0 stats | grep stalled)" "stalled 0"
lvm_check snap
rm /etc/lvm/lvmlocal.conf
