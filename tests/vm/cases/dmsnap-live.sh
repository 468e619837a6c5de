# summary: the program dmsnap agrees with dmsetup on live snapshots, watches them, and waits for their ends
# default: none
# guest: full
# tools: dmsnap
# disks: 128M 128M
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-merge.sh
. /job/vm/lib-lvm.sh
. /job/vm/lib-dmsnap.sh

# field NAME: prints this member of the only snapshot in the JSON
field()
{
	sed -nE "s/^ +\"$1\": \"?([^\"]*[^\",])\"?,?\$/\\1/p" "$TMP/out"
}

# wait_begin ARGUMENTS...: runs dmsnap wait in the background; it sleeps when this returns
wait_begin()
{
	# shellcheck disable=SC2154 # of lib-dmsnap.sh
	"$dmsnap" wait "$@" > "$TMP/wait" 2>&1 &
	WAITER=$!
	wait_until 10 sleeps_in_poll
}

sleeps_in_poll()
{
	grep -q poll "/proc/$WAITER/wchan"
}

# wait_ends CODE REGEX
wait_ends()
{
	local rc=0
	wait "$WAITER" || rc=$?
	expect_eq "$rc" "$1" "the exit code of dmsnap wait, which said: $(cat "$TMP/wait")"
	expect_match "$(cat "$TMP/wait")" "$2"
}

# It did not run in the meantime
sleeps_on()
{
	local before
	before=$(grep -E '^(non)?voluntary' "/proc/$WAITER/status")
	sleep 2
	expect_eq "$(grep -E '^(non)?voluntary' "/proc/$WAITER/status")" "$before" "it does not sleep"
}

write_kb()
{
	fio_run "$(dm_path org)" --rw=write --bs=4k --size="$1k"
}

terminal()
{
	tmux -f /dev/null "$@"
}

terminal_shows()
{
	terminal capture-pane -p > "$TMP/pane"
	grep -qE -- "$1" "$TMP/pane"
}

# Chunk by chunk, where the snapshot has no copy yet
fills_on_terminal()
{
	[ "$FILLED" -lt 2048 ] || fail "no rate is shown: $(cat "$TMP/pane")"
	fio_run "$(dm_path org)" --rw=write --bs=4k --offset="$((1024 + FILLED))k" --size=32k
	FILLED=$((FILLED + 32))
	terminal_shows '^snap .* (s|min), [0-9:]{8}'
}

note "none"
exits 0 status
says '^There are no snapshots'
exits 2 status nobody
complains 'nobody'

note "what dmsetup says"
origin_make 16
snap_take snap P 8 4
write_kb 1024
exits 0 status
says "^snap +active +[0-9.]+ % +$(status_of snap | cut -d ' ' -f 1) +$(status_of snap | cut -d ' ' -f 2) +4\\.0 KiB +org +cow-snap\$"
exits 0 status /dev/mapper/snap --json
expect_eq "$(field used_sectors)/$(field total_sectors) $(field metadata_sectors)" "$(status_of snap)"
expect_eq "$(field origin_device) $(field cow_device) $(field store) $(field chunk_sectors)" "$(dmsetup table snap | cut -d ' ' -f 4-)"
expect_eq "$(field name) $(field state) $(field origin) $(field cow)" "snap active org cow-snap"
exits 1 status --warn 20
exits 0 status --warn 50
exits 1 status --warn 20 --critical 50
says "^DMSNAP WARNING - snap is [0-9.]+ % full \\| 'snap'=[0-9.]+%;20;50;0;100\$"
exits 2 status --critical 20
exits 0 status --prometheus --output "$TMP/dmsnap.prom"
mv "$TMP/dmsnap.prom" "$TMP/out"
says '^dmsnap_snapshot_info\{name="snap",.*driver="dmsnap"\} 1$'
says '^dmsnap_copied_chunks_total\{name="snap"\} 256$'
dmsetup suspend snap
exits 0 status snap
says '^snap +suspended '
dmsetup resume snap
exits 2 status org

note "checked while in use, by the snapshot's name and by its COW device"
for name in snap cow-snap "$(dm_path cow-snap)"; do
	exits 0 check "$name"
	says '^valid, version 1, 8 sectors a chunk: 256 exceptions, '
done
exits 0 check snap --json
expect_eq "$(field committed)" 256

note "watched"
writer_start steady "$(dm_path org)" --rw=write --bs=4k --size=1M
exits 0 top --interval 0.5
says '^snap +active +\[#+\.+\] '
exits 0 top --interval 0.3 --count 2 --json
expect_eq "$(grep -c '^{.*"name":"snap".*}$' "$TMP/out")" 2
writers_stop
terminal new-session -d -x 100 -y 24 "$dmsnap top --interval 0.3; echo \"exit code \$?\"; sleep 60"
wait_until 20 terminal_shows '^snap +active +\[#+\.+\] '
FILLED=0
wait_until 60 fills_on_terminal
terminal send-keys Enter
wait_until 20 terminal_shows '^copies for origin writes +[0-9]+ +[0-9]'
terminal send-keys q
wait_until 20 terminal_shows '^snap +active '
terminal send-keys q
wait_until 20 terminal_shows '^exit code 0'
terminal kill-server

note "waited for: invalid"
exits 3 wait snap --invalid --timeout 0.5
exits 2 wait org --invalid
exits 2 wait snap --merged
complains 'at the origin'
wait_begin snap --invalid
sleeps_on
dmsetup rename snap other
dmsetup rename other snap
write_kb 8192
wait_ends 0 'snap is invalid'
exits 1 status
says '^snap +invalid: no free chunk +- '
exits 1 wait snap --fill 90
snap_drop snap

note "waited for: gone"
snap_take snap P 8 4
wait_begin snap --invalid
dm_remove snap
wait_ends 1 'snap is gone'
dm_remove cow-snap
drop_disk ram-snap

note "waited for: a fill level"
snap_take snap P 8 4
wait_begin snap --fill 50
write_kb 1024
sleeps_on
write_kb 3072
wait_ends 0 'snap is (49|[5-9][0-9])\.. % full'
exits 0 wait snap --fill 50
exits 3 wait snap --fill 99 --timeout 0.5
snap_drop snap

note "waited for: merged"
snap_take snap P 8
write_kb 4096
merge_begin snap
exits 0 wait org --merged --timeout 60
says '^org is merged'
exits 0 status
says '^org +merged '
org_reload() { dm_reload org "0 $SIZE snapshot-origin $(dm_path base)"; }
org_reload
exits 4 wait org --merged
says 'no snapshot that is being merged'
exits 0 wait org --merged --or-none
dm_remove cow-snap
drop_disk ram-snap

note "waited for: merged, but it fails"
snap_take snap P 8
write_kb 4096
dm_reload cow-snap "0 $(sectors "$(dm_path cow-snap)") error"
merge_begin snap
exits 1 wait org --merged --timeout 60
says '^org is merge failed'
exits 1 status
org_reload
dm_remove cow-snap org base

# LVM2 replaces the table when the merge is complete
lvm_merge()
{
	lvm_take "$1" -c 4k -L 40M
	lvm_files /mnt/origin 2
	head -c 8M /dev/urandom > /mnt/origin/big
	umount /mnt/origin
	exits 0 status "vg/$1"
	says "^vg/$1 +active .* vg-origin +vg-$1-cow\$"
	pv_speed 1000
	lvconvert -q --merge --background --config "global/use_lvmpolld=0 activation/polling_interval=1" "vg/$1"
	exits 0 status vg/origin
	says '^vg/origin +merging, [0-9.]+ MiB left '
	wait_begin vg/origin --merged
	pv_speed 0
	wait_ends 0 'vg/origin (is merged|has the target linear now.*)'
	wait_until 30 merge_is_gone "$1"
	exits 4 wait vg/origin --merged
	mount_at /dev/vg/origin > /dev/null
}

merge_is_gone()
{
	! lvs "vg/$1" > /dev/null 2>&1
}

note "LVM2"
pv_make
lvm_make 32 /dev/mapper/pv0 /dev/mapper/pv1
lvm_merge one
umount /mnt/origin
vgchange -q -an vg

note "LVM2 puts a merge off"
vgchange -q -ay vg
lvm_take late -c 4k -L 40M
mount_at /dev/vg/origin > /dev/null
head -c 2M /dev/urandom > /mnt/origin/late
lvconvert -q --merge --background --config "global/use_lvmpolld=0 activation/polling_interval=1" vg/late
exits 5 wait vg/origin --merged
says 'vg/origin is to be merged into when LVM2 activates it next'
exits 5 wait vg/origin --merged --or-none
exits 5 wait vg-origin --merged --json
says '"result":"postponed"'
umount /mnt/origin
pv_speed 1000
vgchange -q -an vg
vgchange -q -ay --config "global/use_lvmpolld=0 activation/polling_interval=1" vg
wait_begin vg/origin --merged
pv_speed 0
wait_ends 0 'vg/origin (is merged|has the target linear now.*)'
wait_until 30 merge_is_gone late
mount_at /dev/vg/origin > /dev/null
[ ! -e /mnt/origin/late ] || fail "what was written before the merge is there still"
umount /mnt/origin

note "a merge is deactivated in the middle"
lvm_take torn -c 4k -L 40M
mount_at /dev/vg/origin > /dev/null
head -c 8M /dev/urandom > /mnt/origin/torn
umount /mnt/origin
pv_speed 1000
lvconvert -q --merge --background --config "global/use_lvmpolld=0 activation/polling_interval=100" vg/torn
wait_begin vg/origin --merged
vgchange -q -an vg
wait_ends 1 'vg/origin has gone, before the end of its merge was seen'
pv_speed 0
vgchange -q -ay --config "global/use_lvmpolld=0 activation/polling_interval=1" vg
wait_until 60 merge_is_gone torn
vgchange -q -an vg

note "the kernel's own driver"
load_module in-tree
vgchange -q -ay vg
mount_at /dev/vg/origin > /dev/null
lvm_merge two
lvm_take small -L 4M
exits 2 wait vg/small --fill 50
complains 'no event for a fill level'
wait_begin vg/small --invalid
head -c 6M /dev/urandom > /mnt/origin/more
sync -f /mnt/origin
wait_ends 0 'vg/small is invalid'
exits 1 status
