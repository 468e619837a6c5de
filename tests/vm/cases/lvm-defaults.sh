# summary: LVM2: with the package's modprobe file alone, a storm of writes invalidates no snapshot
# default: 6.1 6.12
# guest: full
# disks: 384M
# timeout: 240

. /job/vm/lib-lvm.sh

conf=/etc/modprobe.d/dmsnap.conf
parameters=/sys/module/dm_snapshot/parameters

# load_by_conf STALL LOW_WATER: modprobe reads the file, and the module has these then
load_by_conf()
{
	unload_module
	modprobe dm-snapshot
	expect_eq "$(loaded_module)" ours
	expect_eq "$(< $parameters/stall_on_full) $(< $parameters/low_water)" "$1 $2"
}

note "as it comes with the package the file changes nothing"
cp /job/vm/dmsnap.conf "$conf"
load_by_conf N 0
note "each line of it is right"
sed -i 's/^#options/options/' "$conf"
expect_eq "$(grep -c ^options "$conf")" 3
load_by_conf Y 75

lvm_make 100
cat > /etc/lvm/lvmlocal.conf <<-END
	activation {
		monitoring = 1
		snapshot_autoextend_threshold = 70
		snapshot_autoextend_percent = 100
	}
END
pkill -x dmeventd || true
lvm_take snap -L 16M
lvchange -q --monitor y vg/snap
pgrep -x dmeventd > /dev/null || fail "dmeventd does not run"
table=$(dmsetup table vg-snap)

note "80 MB into a snapshot of 16"
dd if=/dev/urandom of=/mnt/origin/big bs=256k count=320 oflag=direct status=none
expect_match "$(dmsetup status vg-snap)" ".* snapshot [0-9]+/[0-9]+ [0-9]+"
lvm_files /mnt/origin 2
expect_eq "$(lv_field snap lv_attr)" swi-a-s---
lvm_check snap
lvm_check_origin

note "LVM2 finds the table that it has loaded"
expect_eq "${table##*snapshot }" "$(dmsetup table vg-snap | sed 's/.*snapshot //')"
lvchange -q --refresh vg/snap
lvm_check snap
expect_eq "$(dmsetup message vg-snap 0 stats | grep -E 'stall|low_water' | xargs)" \
	"stalled 0 stall_on_full 1 low_water 75"

note "without it the storm costs the snapshot"
lvremove -q -y vg/snap
lvm_forget snap
rm /mnt/origin/big "$conf"
echo N > $parameters/stall_on_full
echo 0 > $parameters/low_water
lvm_take snap -L 16M
lvchange -q --monitor y vg/snap
dd if=/dev/urandom of=/mnt/origin/big bs=256k count=320 oflag=direct status=none
expect_match "$(dmsetup status vg-snap)" ".* snapshot Invalid"
rm /etc/lvm/lvmlocal.conf
