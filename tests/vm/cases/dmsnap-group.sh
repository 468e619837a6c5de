# summary: dmsnap create --group: one moment for two volumes; too slow, killed, cleaned up
# kernels: 6.1 6.12
# default: 6.12
# guest: full
# tools: dmsnap
# disks: 128M
# timeout: 300

# shellcheck disable=SC2154 # dmsnap is set by lib-dmsnap.sh
. /job/vm/lib-dmsnap.sh

# The program runs LVM2's command by its usual path, whatever PATH is.  In this guest it is a link
# to lvm.
mkdir -p "$TMP/bin"
LVCREATE=$(command -v lvcreate)
[ -L "$LVCREATE" ] || fail "$LVCREATE is no link"
LVM=$(readlink -f "$LVCREATE")

# fake_lvcreate: replaces lvcreate by the script on standard input, until real_lvcreate
fake_lvcreate()
{
	cat > "$TMP/bin/lvcreate"
	chmod +x "$TMP/bin/lvcreate"
	ln -sfn "$TMP/bin/lvcreate" "$LVCREATE"
}
real_lvcreate() { ln -sfn "$LVM" "$LVCREATE"; }

# slow_lvcreate SECONDS: delays lvcreate from the second call on
slow_lvcreate()
{
	rm -f "$TMP/second"
	fake_lvcreate <<-END
		#!/bin/bash
		if [ -e $TMP/second ]; then touch $TMP/waits; sleep $1 || exit 5; fi
		touch $TMP/second
		exec $LVM lvcreate "\$@"
	END
	rm -f "$TMP/waits"
}

# counter DEVICE: prints what the writer has written there last
counter()
{
	dd if="$1" bs=1M iflag=direct status=none | tr -s '\0 ' '\n' | tail -n 1
}

# written_past N: for wait_until
written_past() { [ "$(counter /dev/vg/b)" -gt "$1" ]; }

# put N: appends N
put()
{
	printf '%-512d' "$1" | dd bs=512 count=1 iflag=fullblock oflag=direct status=none
}

# Writes to a, then to b, always in turn.  Both stay open: each close would be an event for udev, and
# LVM2 would wait for all of them.
write_on()
{
	local n=0
	exec 7> /dev/vg/a 8> /dev/vg/b
	while [ ! -e "$TMP/stop" ]; do
		n=$((n + 1))
		put "$n" >&7
		put "$n" >&8
	done
	echo "$n" > "$TMP/written"
}

# same_moment GROUP
same_moment()
{
	local a b
	a=$(counter "/dev/vg/a-$1") b=$(counter "/dev/vg/b-$1")
	note "group $1: a has $a, b has $b"
	[ "$a" -eq "$b" ] || [ "$a" -eq $((b + 1)) ] || fail "group $1 is not of one moment: $a and $b"
}

# as_before SNAPSHOT...: all origins must be active, with only these snapshots
as_before()
{
	local lv
	for lv in a b fs; do
		expect_eq "$(dmsetup info -c --noheadings -o suspended "vg-$lv")" Active "$lv"
	done
	expect_eq "$(lvs --noheadings -S 'lv_attr=~^s' -o lv_name | xargs)" "$*"
}

run_load()
{
	local driver=$1 i
	load_module "$driver"
	rm -f "$TMP/stop"
	vgcreate -q --setautoactivation n vg "$(disk 0)"
	for lv in a b fs; do
		lvcreate -q -y -n $lv -L 8M vg
		blkdiscard -z "/dev/vg/$lv"
	done
	mkfs.ext4 -q -N 64 -J size=1 /dev/vg/fs
	mount_at /dev/vg/fs > /dev/null
	write_on &
	WRITER=$!

	note "$driver: groups beside a writer of a and b"
	for i in 1 2 3; do
		echo "$i" > /mnt/fs/note
		exits 0 create --group "g$i" vg/a vg/b vg/fs --size 4M --limit 600s
		expect_eq "$(xargs < "$TMP/out")" "vg/a-g$i vg/b-g$i vg/fs-g$i"
		same_moment "g$i"
		# The file system was frozen, so there is no journal to replay
		dumpe2fs -h "/dev/vg/fs-g$i" 2> /dev/null | grep '^Filesystem features' > "$TMP/features"
		if grep -q needs_recovery "$TMP/features"; then fail "the file system was not frozen"; fi
		mount_at "/dev/vg/fs-g$i" ro > /dev/null
		expect_eq "$(< "/mnt/fs-g$i/note")" "$i"
		umount "/mnt/fs-g$i"
		if [ "$i" -lt 3 ]; then
			lvremove -q -y "vg/a-g$i" "vg/b-g$i" "vg/fs-g$i"
		fi
	done
	expect_eq "$(lvs --noheadings -o lv_tags vg/a-g3 | xargs)" dmsnap.group.g3
}

stop_writer()
{
	touch "$TMP/stop"
	wait "$WRITER"
	[ "$(< "$TMP/written")" -gt 20 ] || fail "the writer has hardly written"
	expect_eq "$(counter /dev/vg/a)" "$(< "$TMP/written")"
	expect_eq "$(counter /dev/vg/b)" "$(< "$TMP/written")"
}

if [ "$FULL" = yes ]; then
	run_load in-tree
	stop_writer
	umount /mnt/fs
	vgremove -q -ff -y vg
fi

run_load ours
note "hooks, and JSON"
exits 0 create --group hooked vg/a --size 4M --limit 600s --before "touch $TMP/before" --after "touch $TMP/after" --json
says '"held_up_seconds": [0-9.]+'
[ -e "$TMP/before" ] || fail "the hook in front was not run"
[ -e "$TMP/after" ] || fail "the hook behind was not run"
exits 2 create --group nohook vg/a --before false --after "rm $TMP/after"
complains '^dmsnap: --before: exit code 1'
[ ! -e "$TMP/after" ] || fail "the hook behind was not run"
lvremove -q -y vg/a-hooked

note "an output that cannot be written: the snapshot is there all the same"
rc=0
"$dmsnap" create --group full vg/a --size 4M --limit 600s > /dev/full 2> "$TMP/err" || rc=$?
expect_eq "$rc" 1
complains 'all snapshots are there, but writing the output failed'
expect_eq "$(lvs --noheadings -o lv_tags vg/a-full | xargs)" dmsnap.group.full
lvremove -q -y vg/a-full

note "what cannot be"
exits 2 create --group g3 vg/a
complains 'there is a group g3 already: vg/a-g3 is of it'
exits 2 create --group new vg/a vg/nosuch
exits 2 create --group new vg/a vg/a
complains 'vg/a is named twice'
exits 2 create --group "bad name" vg/a
as_before a-g3 b-g3 fs-g3

note "names that two groups would have in common: nothing of another one is removed"
lvcreate -q -y -n a-x -L 4M vg
exits 0 create --group x-new vg/a --size 4M --limit 600s
exits 2 create --group new vg/a-x --size 4M
complains 'there is a volume vg/a-x-new already, and it is of no group new'
as_before a-g3 a-x-new b-g3 fs-g3
lvremove -q -y vg/a-x-new vg/a-x

note "a volume that is suspended is left alone"
dmsetup suspend vg-b
exits 2 create --group new vg/a vg/b
complains 'vg/b is suspended, by somebody else'
expect_eq "$(dmsetup info -c --noheadings -o suspended vg-b)" Suspended
dmsetup resume vg-b

note "LVM2 fails at the second one: all is undone"
fake_lvcreate <<-END
	#!/bin/bash
	[[ " \$* " != *" vg/b "* ]] || exit 5
	exec $LVM lvcreate "\$@"
END
exits 2 create --group half vg/a vg/b vg/fs --size 4M --limit 600s --after "touch $TMP/after-half"
complains 'lvcreate: exit code 5'
[ -e "$TMP/after-half" ] || fail "the hook behind was not run"
as_before a-g3 b-g3 fs-g3

note "too slow: all is undone, and the writer did not wait any longer"
slow_lvcreate 8
exits 2 create --group slow vg/a vg/b vg/fs --size 4M --limit 4s
complains 'it took longer than 4 s: all is as before'
as_before a-g3 b-g3 fs-g3

# begin_slow GROUP: starts a command that hangs after the first snapshot, with the other volume
# suspended; sets SLOW and GUARDIAN
begin_slow()
{
	slow_lvcreate 1000
	"$dmsnap" create --group "$1" vg/a vg/b --size 4M --limit 600s > "$TMP/slow.out" 2> "$TMP/slow.err" &
	SLOW=$!
	wait_until 60 test -e "$TMP/waits"
	GUARDIAN=$(pgrep -P "$SLOW" -x dmsnap)
	expect_eq "$(dmsetup info -c --noheadings -o suspended vg-b)" Suspended
}

# end_slow: also waits until LVM2's command has gone
end_slow()
{
	pkill -KILL -f "sleep 1000"
	real_lvcreate
	wait_until 20 sh -c '! pgrep lvcreate'
}

# undone WORDS: the command must have failed and said so, and left no snapshot
undone()
{
	local rc=0
	wait "$SLOW" || rc=$?
	expect_eq "$rc" 2
	grep -q "$1: all is as before" "$TMP/slow.err" || fail "$(cat "$TMP/slow.err")"
	as_before a-g3 b-g3 fs-g3
}

resumed() { wait_until 10 sh -c 'dmsetup info -c --noheadings -o suspended vg-b | grep -q Active'; }

note "LVM2 hangs: the writer proceeds after the default limit of 10 s"
fake_lvcreate <<-END
	#!/bin/bash
	touch $TMP/waits
	sleep 1000 || exit 5
END
rm -f "$TMP/waits"
"$dmsnap" create --group hangs vg/a vg/b --size 4M 2> "$TMP/slow.err" &
SLOW=$!
wait_until 60 test -e "$TMP/waits"
wait_until 30 sh -c 'dmsetup info -c --noheadings -o suspended vg-a vg-b | xargs | grep -qx "Active Active"'
last=$(counter /dev/vg/b)
wait_until 60 written_past "$last"
pgrep -f "sleep 1000" > /dev/null || fail "LVM2 does not hang"
end_slow
undone 'it took longer than 10 s'

note "a signal: all is undone, and told"
begin_slow interrupted
kill -TERM "$SLOW"
end_slow
undone 'interrupted by a signal'

note "the guardian is killed: all is undone"
begin_slow unguarded
kill -KILL "$GUARDIAN"
end_slow
undone 'the process that was to resume them was killed'

note "both are killed: the next one resumes what they have suspended"
begin_slow both
kill -KILL "$GUARDIAN" "$SLOW"
wait "$SLOW" || true
end_slow
expect_eq "$(dmsetup info -c --noheadings -o suspended vg-b)" Suspended
exits 0 create --group again vg/a vg/b --size 4M --limit 600s
complains 'an interrupted group is removed: vg/a-both'
same_moment again
as_before a-again a-g3 b-again b-g3 fs-g3
lvremove -q -y vg/a-again vg/b-again

killed_in_between()
{
	note "killed in between: the origins go on at once, the next group cleans up"
	begin_slow killed
	kill -KILL "$SLOW"
	wait "$SLOW" || true
	resumed
	end_slow
	expect_match "$(lvs --noheadings -o lv_tags vg/a-killed | xargs)" ".*dmsnap.unfinished.*"
	# A tag that is not dmsnap's does not join snapshots into a group
	lvchange -q --addtag ours vg/a-g3 vg/a-killed
	# A volume with dmsnap's tags that is not a snapshot is left alone
	lvcreate -q -y -n plain -L 4M --addtag dmsnap.group.killed --addtag dmsnap.unfinished vg
	exec 9< /dev/vg/a-killed
	exits 2 create --group after vg/a vg/b --size 4M
	complains 'the interrupted group killed cannot be removed: unmount vg/a-killed'
	exec 9<&-
	exits 0 create --group after vg/a vg/b --size 4M --limit 600s
	complains 'an interrupted group is removed: vg/a-killed$'
	same_moment after
	lvremove -q -y vg/plain
	as_before a-after a-g3 b-after b-g3 fs-g3
}

killed_with_a_table_loaded()
{
	note "killed while an origin has a table that is not to be used yet: it keeps the one it has"
	fake_lvcreate <<-END
		#!/bin/bash
		dmsetup load vg-b --table "0 $(blockdev --getsz /dev/vg/b) error"
		touch $TMP/waits
		sleep 1000 || exit 5
	END
	rm -f "$TMP/waits"
	table=$(dmsetup table vg-b)
	"$dmsnap" create --group half vg/a vg/b --size 4M --limit 600s 2> "$TMP/slow.err" &
	SLOW=$!
	wait_until 60 test -e "$TMP/waits"
	expect_eq "$(dmsetup info -c --noheadings -o tables_loaded vg-b)" Both
	kill -KILL "$SLOW"
	wait "$SLOW" || true
	resumed
	end_slow
	expect_eq "$(dmsetup table vg-b)" "$table"
	expect_eq "$(dmsetup info -c --noheadings -o tables_loaded vg-b)" Live
	as_before a-after a-g3 b-after b-g3 fs-g3
}

if [ "$FULL" = yes ]; then
	killed_in_between
	killed_with_a_table_loaded
fi

stop_writer
umount /mnt/fs
vgremove -q -ff -y vg
