# summary: the program dmsnap with the kernel's own driver: what works there, and what is refused
# module: in-tree
# default: none
# guest: full
# disks: 256M
# tools: dmsnap
# timeout: 300

. /job/vm/lib-lvm.sh
. /job/vm/lib-dmsnap.sh

export STATE_DIRECTORY=$TMP/state
with_config() { exits "$1" "$2" data --config "$TMP/data.conf" "${@:3}"; }
# ours PREFIX: the snapshots whose names begin so
ours() { lvs --noheadings -o lv_name vg | tr -d ' ' | grep "^$1\.2" || true; }
# full_copy OF TARGET: a full stream, applied
# shellcheck disable=SC2154 # dmsnap is set by lib-dmsnap.sh
full_copy() { "$dmsnap" export --full --origin "$1" 2> "$TMP/err" | "$dmsnap" apply "$2" > "$TMP/out"; }

lvm_make 32
lvm_take s0 -c 4k -L 24M
lvm_files /mnt/origin 2
first=$(dmsetup status vg-s0)
lvm_files /mnt/origin 3
lvm_take s1 -c 4k -L 24M

note "status, metrics, top, estimate, doctor"
clear_log
read -r _ _ _ used metadata < <(dmsetup status vg-s0)
exits 0 status
says "^vg/s0 +active +[0-9.]+ % +$used +$metadata +4\\.0 KiB +vg-origin +vg-s0-cow\$"
exits 0 status vg/s0 --json
says '"state": "active"'
exits 1 status --warn 1
exits 0 status --warn 80 --critical 95
says '^DMSNAP OK - 2 snapshots \| '
exits 0 status --prometheus
says '^dmsnap_snapshot_info\{name="vg-s0",.*driver="kernel"\} 1$'
says '^dmsnap_cow_used_bytes\{name="vg-s0"\} [1-9][0-9]+$'
exits 0 top --interval 0.3
says '^vg/s0 +active +\['
exits 0 top vg/s0 --interval 0.3 --count 2 --json
expect_eq "$(grep -c '^{.*"name":"vg-s0".*}$' "$TMP/out")" 2
exits 0 estimate --for 10s --status "$first" --status "$(dmsetup status vg-s0)"
says '% full, '
exits 1 doctor
says "^loaded +the kernel's own dm_snapshot, in use\$"
lvm_take small -L 4M
head -c 6M /dev/urandom > /mnt/origin/more
sync -f /mnt/origin
exits 1 status
says '^vg/small +invalid +-'
exits 0 top --interval 0.3
says '^vg/small +invalid +-'
# They send no message, which this driver does not know, and which the kernel would log each time
expect_no_log 'does not support messages'
lvremove -q -y vg/small

note "wait and extend"
exits 3 wait vg/s0 --invalid --timeout 0.5
exits 4 wait vg/origin --merged
exits 2 wait vg/s0 --fill 90
complains 'no event for a fill level'
cat > "$TMP/data.conf" <<-CONF
	volume = vg/origin
	size = 16M
	keep-hourly = 1
	low-water = 60%
	extend-by = 25%
	backup-directory = $TMP/vault
CONF
with_config 0 rotate
with_config 4 extend
complains 'no event for a fill level'

note "rotate and prune"
sleep 1.1
kept=$(ours data)
with_config 0 rotate
says "removed vg/$kept: its time is over"
with_config 0 prune
expect_eq "$(ours data | wc -l)" 1
lvremove -q -y "vg/$(ours data)"

note "what an active snapshot has committed cannot be told"
for words in 'check vg/s0' 'diff vg/s0' 'export vg/s0 --origin vg/s1'; do
	# shellcheck disable=SC2086 # several words
	exits 2 $words
	complains 'its driver does not commit when it is told to'
done
full_copy vg/s1 "$TMP/copy"
expect_eq "$(sum_of "$TMP/copy")" "$(sum_of /dev/vg/s1)"
full_copy vg/s0 "$TMP/old"
expect_eq "$(sum_of "$TMP/old")" "$(sum_of /dev/vg/s0)"

note "backup: each is a full one"
mkdir "$TMP/vault"
with_config 0 backup
says 'full\.dmsnap\.zst: all of vg/origin'
lvm_files /mnt/origin 4
sleep 1.1
with_config 0 backup
complains 'all of vg/origin is backed up: the driver of vg/data\.backup\..* does not commit'
says 'full\.dmsnap\.zst: all of vg/origin'
with_config 0 backup --verify
with_config 0 backup --restore "$TMP/restored"
expect_eq "$(sum_of "$TMP/restored")" "$(sum_of "/dev/vg/$(ours data.backup)")"
lvremove -q -y "vg/$(ours data.backup)"

note "create --group"
exits 0 create --group g vg/origin --size 8M --limit 600s
expect_eq "$(xargs < "$TMP/out")" vg/origin-g
lvm_check s1
lvremove -q -y vg/origin-g vg/s1

note "deactivated, its store can be read: the copy of the snapshot becomes the volume"
umount /mnt/origin
dm_remove vg-s0 vg-origin
exits 0 check vg-s0-cow --origin vg-origin-real
says '^0 found wrong'
exits 0 diff vg-s0-cow --origin vg-origin-real
"$dmsnap" export vg-s0-cow --origin vg-origin-real 2> "$TMP/err" | "$dmsnap" apply "$TMP/old" > "$TMP/out"
expect_eq "$(sum_of "$TMP/old")" "$(sum_of /dev/mapper/vg-origin-real)"
