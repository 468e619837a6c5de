# summary: LVM2: with the package's modprobe file alone, a storm of writes invalidates no snapshot
# default: 6.1 6.12
# guest: full
# disks: 384M
# tools: dmsnap
# timeout: 360

# shellcheck disable=SC2154 # dmsnap is set by lib-dmsnap.sh
. /job/vm/lib-lvm.sh
. /job/vm/lib-dmsnap.sh

conf=/etc/modprobe.d/dmsnap.conf
parameters=/sys/module/dm_snapshot/parameters

# load_by_conf STALL LOW_WATER: loads the module by modprobe, which reads the file; the parameters
# must have these values then
load_by_conf()
{
	unload_module
	modprobe dm-snapshot
	expect_eq "$(loaded_module)" ours
	expect_eq "$(< $parameters/stall_on_full) $(< $parameters/low_water)" "$1 $2"
}

# storm: writes 80 MB over data that snapshots show
storm() { dd if=/dev/urandom of=/mnt/origin/big bs=256k count=320 oflag=direct conv=notrunc status=none; }

stalls() { dmsetup message "vg-$1" 0 stats | grep -qx 'stalled 1'; }

# survives SNAPSHOT PID: the snapshot must survive a storm; the process that extends it notices
# only when it is full
survives()
{
	kill -STOP "$2"
	storm &
	wait_until 120 stalls "$1"
	kill -CONT "$2"
	wait "$!"
	expect_match "$(dmsetup status "vg-$1")" ".* snapshot [0-9]+/[0-9]+ [0-9]+"
	lvm_files /mnt/origin 2
	expect_eq "$(lv_field "$1" lv_attr)" swi-a-s---
	lvm_check "$1"
	lvm_check_origin
}

note "as packaged, the file changes nothing"
cp /job/vm/dmsnap.conf "$conf"
load_by_conf N 0
note "each of its lines is right"
sed -i 's/^#options/options/' "$conf"
expect_eq "$(grep -c ^options "$conf")" 3
load_by_conf Y 75

# monitoring 0|1: sets whether LVM2 starts dmeventd, which extends snapshots
monitoring()
{
	cat > /etc/lvm/lvmlocal.conf <<-END
		activation {
			monitoring = $1
			snapshot_autoextend_threshold = 70
			snapshot_autoextend_percent = 100
		}
	END
}

lvm_make 100
monitoring 1
pkill -x dmeventd || true
lvm_take snap -L 16M
lvchange -q --monitor y vg/snap
table=$(dmsetup table vg-snap)

note "80 MB into a snapshot of 16"
survives snap "$(pgrep -x dmeventd)"

note "LVM2 finds the table that it has loaded"
expect_eq "${table##*snapshot }" "$(dmsetup table vg-snap | sed 's/.*snapshot //')"
lvchange -q --refresh vg/snap
lvm_check snap
expect_eq "$(dmsetup message vg-snap 0 stats | grep -E 'stall|low_water' | xargs)" \
	"stalled 0 stall_on_full 1 low_water 75"

note "the same with the command of dmsnap-extend@.service, and not dmeventd"
lvremove -q -y vg/snap
lvm_forget snap
export STATE_DIRECTORY=$TMP/state
mkdir -p /etc/dmsnap
cat > /etc/dmsnap/data.conf <<-END
	volume = vg/origin
	size = 16M
	keep-hourly = 1
	low-water = 75%
	extend-by = 50%
END
monitoring 0
pkill -x dmeventd || true
exits 0 rotate data
snap=$(lvs --noheadings -o lv_name -S 'lv_attr=~^s' vg | tr -d ' ')
cp "$RESULTS/origin.sums" "$RESULTS/$snap.sums"
"$dmsnap" extend data > "$TMP/extended" 2>&1 &
extender=$!
wait_until 30 grep -q "^watches vg/$snap, up to 75 % of 16.0 MiB$" "$TMP/extended"
survives "$snap" "$extender"
if pgrep -x dmeventd > /dev/null; then fail "dmeventd runs"; fi
grep -q "^vg/$snap was .* full, with 16.0 MiB: made larger" "$TMP/extended" || fail "$(< "$TMP/extended")"
kill "$extender"
wait "$extender" || true
lvremove -q -y "vg/$snap"
lvm_forget "$snap"
rm -r /etc/dmsnap

note "without it the storm costs the snapshot"
rm "$conf"
echo N > $parameters/stall_on_full
echo 0 > $parameters/low_water
monitoring 1
lvm_take snap -L 16M
lvchange -q --monitor y vg/snap
pkill -STOP -x dmeventd
storm
pkill -CONT -x dmeventd
expect_match "$(dmsetup status vg-snap)" ".* snapshot Invalid"
rm /etc/lvm/lvmlocal.conf
