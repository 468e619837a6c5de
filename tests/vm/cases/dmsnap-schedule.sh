# summary: dmsnap's schedules and backups with real LVM2: made, kept, removed, extended, restored
# default: 6.12
# guest: full
# disks: 256M
# tools: dmsnap
# timeout: 300

. /job/vm/lib-lvm.sh
. /job/vm/lib-dmsnap.sh

export STATE_DIRECTORY=$TMP/state
lvm_make 48
mkdir "$TMP/vault"
cat > "$TMP/data.conf" <<-END
	volume = vg/origin
	size = 8M
	keep-hourly = 1
	low-water = 60%
	extend-by = 25%
	backup-directory = $TMP/vault
END
with_config() { exits "$1" "$2" data --config "$TMP/data.conf" "${@:3}"; }
# ours PREFIX: prints the snapshots whose names begin with it
ours() { lvs --noheadings -o lv_name vg | tr -d ' ' | grep "^$1\.2" || true; }
is_extended() { [ "$(lvs --noheadings --nosuffix --units m -o lv_size "vg/$1" | tr -d ' ' | cut -d. -f1)" -gt 8 ]; }

note "rotate"
with_config 0 rotate
first=$(ours data)
expect_eq "$(lv_field "$first" lv_tags)" "dmsnap,dmsnap:data"
expect_eq "$(lv_field "$first" lv_size)" "8.00m"
sleep 1.1
# Snapshots that dmsnap did not make, one with a name that it could have used
lvcreate -q -s -n data.20200101T000000Z -L 4M vg/origin
mount_at "/dev/vg/$first" ro > /dev/null
with_config 0 rotate
complains "vg/$first would be removed .*, but is in use"
umount "/mnt/$first"
sleep 1.1
with_config 0 rotate
says "removed vg/$first: its time is over"
expect_eq "$(ours data | wc -l)" 2
lvs vg/data.20200101T000000Z > /dev/null || fail "a snapshot was removed that was not dmsnap's"
# LVM2 selects by UUID and tag: snapshots with other tags are not removed
kept=$(ours data | tail -n 1)
lvchange -q --deltag dmsnap:data "vg/$kept"
lvremove -q -y --select "lv_uuid=\"$(lv_field "$kept" lv_uuid)\" && lv_tags=\"dmsnap:data\"" "vg/$kept" || true
lvs "vg/$kept" > /dev/null || fail "LVM2 does not find the tag"
lvchange -q --addtag dmsnap:data "vg/$kept"

note "extend: sleeps until the event, and nothing is lost"
# shellcheck disable=SC2154 # dmsnap is set by lib-dmsnap.sh
"$dmsnap" extend data --config "$TMP/data.conf" > "$TMP/extended" 2>&1 &
extender=$!
wait_until 30 grep -q "^watches vg/$kept, up to 60 % of 8.0 MiB$" "$TMP/extended"
# Far more than fits
dd if=/dev/urandom of=/mnt/origin/big bs=256k count=80 oflag=direct status=none
wait_until 60 is_extended "$kept"
expect_eq "$(lv_field "$kept" lv_attr)" swi-a-s---
# A later snapshot is watched as well; the schedule removes the earlier one
sleep 1.1
with_config 0 rotate
later=$(ours data | tail -n 1)
wait_until 30 grep -q "^watches vg/$later," "$TMP/extended"
dd if=/dev/urandom of=/mnt/origin/big bs=256k count=80 oflag=direct conv=notrunc status=none
wait_until 60 is_extended "$later"
expect_eq "$(lv_field "$later" lv_attr)" swi-a-s---
grep -q "vg/$kept was .* % full, with 8.0 MiB: made larger" "$TMP/extended" || fail "does not say so: $(cat "$TMP/extended")"
kill "$extender"
wait "$extender" || true
lvremove -q -y "vg/$later" vg/data.20200101T000000Z

note "backup: full, an increment while files are written, and back"
sed -i 's/^size = .*/size = 24M/' "$TMP/data.conf"
rm /mnt/origin/big
with_config 0 backup
says 'full\.dmsnap\.zst: all of vg/origin'
base=$(ours data.backup)
expect_eq "$(lv_field "$base" lv_attr)" sri-a-s---
lvm_files /mnt/origin 3
sleep 1.1
with_config 0 backup --json
says '"full": false'
younger=$(ours data.backup)
expect_eq "$(wc -w <<< "$younger")" 1
[ "$younger" != "$base" ] || fail "the older snapshot is there, and the new one is not"
shown=$(sum_of "/dev/vg/$younger")
lvm_files /mnt/origin 4
with_config 0 backup --verify
with_config 0 backup --restore "$TMP/restored"
expect_eq "$(sum_of "$TMP/restored")" "$shown"
lvcreate -q -y -n copy -L 48M vg
with_config 0 backup --restore vg/copy
expect_eq "$(sum_of /dev/vg/copy)" "$shown"

note "backup: interrupted after lvcreate"
# shellcheck disable=SC2016 # for the shell of the hook
echo 'after = kill -9 $PPID' >> "$TMP/data.conf"
sleep 1.1
"$dmsnap" backup data --config "$TMP/data.conf" > /dev/null 2>&1 || true
expect_eq "$(ours data.backup | wc -l)" 2
sed -i '/^after/d' "$TMP/data.conf"
sleep 1.1
with_config 0 backup
says 'increment\.dmsnap\.zst: '
expect_eq "$(ours data.backup | wc -l)" 1
with_config 0 backup --restore "$TMP/again"
expect_eq "$(sum_of "$TMP/again")" "$(sum_of "/dev/vg/$(ours data.backup)")"
lvm_check_origin
