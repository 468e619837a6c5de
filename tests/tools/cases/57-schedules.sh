# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Snapshots on a schedule, with a substitute for LVM2 (tests/tools/lvm2).  Guests test the real
# LVM2: tests/vm/cases/dmsnap-schedule.sh.

# shellcheck source=tests/tools/lib/lvm.sh
. "$top/tests/tools/lib/lvm.sh"

hooks=$work/hooks
new_lvm
configure '# of a database' 'volume = vg/data' 'size = 20%' 'keep-hourly = 2' '' 'keep-daily=3' 'keep-weekly = 2' \
	"before = echo before \$DMSNAP_NAME \$DMSNAP_VOLUME \$DMSNAP_SNAPSHOT \$(ls $LVM_FOLDER | wc -l) >> $hooks" \
	"after = echo after \$(ls $LVM_FOLDER | wc -l) >> $hooks"
check "rotate: makes a snapshot" exits 0 schedule rotate
check "rotate: reports it" says '^created vg/data\.[0-9]{8}T[0-9]{6}Z$'
first=$(volumes '^data\.')
check "rotate: with the given size, and writable" grep -qE "^lvcreate -q -y -s -n $first --addtag dmsnap --addtag dmsnap:data -l 20%ORIGIN vg/data$" "$LVM_FOLDER/calls"
check "rotate: runs the hooks before and after" [ "$(cat "$hooks")" = "before data vg/data $first 3
after 4" ]

# One of long ago; two of the same day; one of another hour of that day
row data.20250101T100000Z dmsnap,dmsnap:data
row data.20250303T100000Z dmsnap,dmsnap:data
row data.20250304T100000Z dmsnap,dmsnap:data
row data.20250304T110000Z dmsnap,dmsnap:data
row data.20250304T113000Z dmsnap,dmsnap:data
row data.20250305T000000Z dmsnap,dmsnap:data
# Not made by dmsnap, by another schedule, of another volume, merging, and without a time
row data.20240101T000000Z ''
row data.20240102T000000Z dmsnap
row data.20240103T000000Z dmsnap:data
row data.20240104T000000Z dmsnap,dmsnap:other
row data.20240105T000000Z dmsnap,dmsnap:data swi-a-s--- other
row data.20240106T000000Z dmsnap,dmsnap:data Swi-a-s---
row data.20240107T000000Z dmsnap,dmsnap-backup:data
row data.20241301T000000Z dmsnap,dmsnap:data
row data.mine dmsnap,dmsnap:data
row mine.20240101T000000Z dmsnap,dmsnap:data
# Of those to be removed one is mounted
row data.20240201T000000Z dmsnap,dmsnap:data swi-aos---
row data.20250305T110000Z dmsnap,dmsnap:data swi-I-s---
others=$(volumes '2024|mine')
check "prune --dry-run" unchanged "$LVM_FOLDER/lvm.json" exits 0 schedule prune --dry-run
cp "$work/out" "$work/plan"
plan_is()
{
	diff - "$work/plan" <<-END
		in use vg/data.20240201T000000Z: its time is over
		would remove vg/data.20250101T100000Z: its time is over
		would remove vg/data.20250303T100000Z: its time is over
		would remove vg/data.20250304T100000Z: its time is over
		would remove vg/data.20250304T110000Z: its time is over
		kept vg/data.20250304T113000Z: daily
		kept vg/data.20250305T000000Z: hourly, daily, weekly
		would remove vg/data.20250305T110000Z: is invalid
		kept vg/$first: hourly, daily, weekly
	END
}
check "prune --dry-run: reports what would be removed and why" plan_is
check "prune --dry-run --json" unchanged "$LVM_FOLDER/lvm.json" exits 0 schedule prune --dry-run --json
check "prune --dry-run --json: prints the same plan" json 'd["dry_run"] and [s["action"] for s in d["snapshots"]].count("removed") == 5 and d["snapshots"][0]["action"] == "in use"'
check "prune" exits 0 schedule prune
check "prune: reports what it removed" says '^removed vg/data\.20250305T110000Z: is invalid$'
check "prune: reports what it did not remove because it is in use" complains 'vg/data\.20240201T000000Z would be removed .*, but is in use'
check "prune: keeps the rest" [ "$(volumes '^data\.2025')" = $'data.20250304T113000Z\ndata.20250305T000000Z' ]
check "prune: does not touch other snapshots" [ "$(volumes '2024|mine')" = "$others" ]
check "prune: a second time removes nothing" unchanged "$LVM_FOLDER/lvm.json" exits 0 schedule prune
# LVM2 has the last word: the snapshot may have been mounted since
row data.20230101T000000Z dmsnap,dmsnap:data
echo 'lvremove 5' > "$LVM_FOLDER/fail"
check "prune: LVM2 refuses to remove one" exits 2 schedule prune
check "prune: reports the refusal" complains 'lvremove: exit code 5'
rm "$LVM_FOLDER/fail"

new_lvm
true > "$hooks"
check "rotate --json" exits 0 schedule rotate --json
check "rotate --json: names what was created and removed" json 'd["created"].startswith("vg/data.") and d["removed"] == []'
# hooked LINE...: recreates the volumes, with these lines in the configuration
hooked() { new_lvm && configure 'volume = vg/data' 'size = 1G' 'keep-daily = 3' "$@" && rm -f "$hooks"; }
hooked 'before = exit 3' "after = touch $hooks"
check "rotate: \"before\" fails" exits 2 schedule rotate
check "rotate: reports that \"before\" failed" complains 'the command "before": exit code 3'
check "rotate: makes no snapshot if \"before\" failed" lacks_volume 'data\..*'
check "rotate: \"after\" runs if \"before\" failed" [ -e "$hooks" ]
hooked "after = touch $hooks"
echo 'lvcreate 5' > "$LVM_FOLDER/fail"
check "rotate: lvcreate fails" exits 2 schedule rotate
check "rotate: reports that lvcreate failed" complains 'no snapshot of vg/data: /usr/sbin/lvcreate: exit code 5'
check "rotate: \"after\" runs if lvcreate failed" [ -e "$hooks" ]
# Prefix for a command: starts it with SIGCHLD ignored
without_children=(python3 -c 'import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])')
check "rotate: lvcreate fails, and SIGCHLD is ignored" exits 2 with_lvm "${without_children[@]}" "$dmsnap" rotate data --config "$config"
check "rotate: reports the failure with SIGCHLD ignored" complains 'no snapshot of vg/data: /usr/sbin/lvcreate: exit code 5'
hooked 'after = kill -9 $$'
check "rotate: \"after\" fails" exits 2 schedule rotate
check "rotate: reports that \"after\" failed" complains 'the command "after": ended by signal 9'
check "rotate: keeps the snapshot if \"after\" failed" has_volume 'data\..*'
hooked "before = echo out; echo '{}'"
check "rotate: hooks print to standard error" exits 0 schedule rotate --json
check "rotate: hooks do not print into the JSON" is_json
# A signal to all processes while what "before" has frozen is frozen
hooked "before = touch $work/frozen" "after = rm $work/frozen"
check "rotate: a signal during lvcreate" exits 2 signalled rotate
check "rotate: reports the signal" complains 'interrupted by a signal'
check "rotate: \"after\" runs after the signal" [ ! -e "$work/frozen" ]
check "rotate: lvcreate is not interrupted" has_volume 'data\..*'
# A snapshot's name has its time in seconds
while has_volume "data\\.$(date -u +%Y%m%dT%H%M%SZ)"; do sleep 0.1; done
check "rotate: the next one works" exits 0 schedule rotate
hooked "before = touch $work/frozen; kill -TERM \$PPID" "after = rm $work/frozen"
check "rotate: a signal during \"before\"" exits 2 schedule rotate
check "rotate: \"after\" runs after a signal during \"before\"" [ ! -e "$work/frozen" ]
check "rotate: makes no snapshot after a signal during \"before\"" lacks_volume 'data\..*'
both_at_once()
{
	hooked "before = echo begin >> $hooks; sleep 0.3; echo end >> $hooks"
	schedule rotate > /dev/null 2>&1 &
	# In the same second LVM2 refuses the second snapshot, which would have the same name
	schedule rotate > /dev/null 2>&1
	wait $!
	[ "$(cat "$hooks")" = $'begin\nend\nbegin\nend' ]
}
check "rotate: one at a time" both_at_once
check "rotate: its lock file is private" [ "$(stat -c %a "$work/state/data.lock")" = 600 ]

# refused_config REGEX LINE...: a file with these lines is refused with this message
refused_config()
{
	configure "${@:2}"
	unchanged "$LVM_FOLDER/lvm.json" exits 2 schedule rotate && complains "$1"
}
new_lvm
good=('volume = vg/data' 'size = 1G' 'keep-daily = 3')
check "config: no volume" refused_config 'volume is not given' 'size = 1G'
check "config: no size" refused_config 'size is not given' 'volume = vg/data'
check "config: no retention" refused_config 'none of keep-hourly' 'volume = vg/data' 'size = 1G'
check "config: no such volume" refused_config 'there is no logical volume vg/none' 'volume = vg/none' "${good[@]:1}"
check "config: an unknown key" refused_config 'line 4: unknown key "keep-dayly"; "keep-daily" is one' "${good[@]}" 'keep-dayly = 4'
check "config: a key that is given twice" refused_config 'line 4: size is there twice' "${good[@]}" 'size = 2G'
check "config: no value" refused_config 'line 4: after has no value' "${good[@]}" 'after ='
check "config: no key" refused_config 'line 4: is not "key = value"' "${good[@]}" 'after'
check "config: an invalid volume" refused_config 'line 1: volume: "data" is not a logical volume' 'volume = data' "${good[@]:1}"
check "config: an option for a volume" refused_config 'is not a logical volume' 'volume = vg/--force' "${good[@]:1}"
for size in 0 x 101% 0% -1G; do
	check "config: size $size" refused_config 'line 2: size: ' 'volume = vg/data' "size = $size" 'keep-daily = 3'
done
check "config: an invalid number" refused_config 'line 3: keep-daily: "x" is not a number' "${good[@]:0:2}" 'keep-daily = x'
check "config: low-water without extend-by" refused_config 'low-water and extend-by go together' "${good[@]}" 'low-water = 80%'
check "config: two destinations" refused_config 'only one of' "${good[@]}" 'backup-directory = /x' 'backup-command = cat'
check "config: an option for a host" refused_config 'is not HOST:DIRECTORY' "${good[@]}" 'backup-ssh = -oProxyCommand=x:/y'
writable() { configure "${good[@]}" && chmod "$1" "$config" && exits 2 schedule rotate && complains 'others may write to it'; }
check "config: writable by its group" writable 660
check "config: writable by all" writable 602
rm -f "$config" && mkfifo -m 600 "$config"
check "config: a FIFO" exits 2 timeout 10 "$dmsnap" rotate data --config "$config"
check "config: an unreadable file" exits 2 "$dmsnap" rotate data --config /proc/self/mem
check "config: reports why it cannot be read" complains '/proc/self/mem: cannot be read: Input/output error'
rm -f "$config"
check "config: none" exits 2 schedule rotate
check "config: names the missing file" complains 'data\.conf: cannot be read: No such file'
check "config: an unknown name" exits 2 "$dmsnap" rotate unheard-of
check "config: looks for it in /etc" complains '^dmsnap: /etc/dmsnap/unheard-of\.conf: '
for name in ../data .data 'a b' ''; do
	check "config: refuses the name \"$name\"" exits 2 "$dmsnap" rotate "$name"
done
configure "${good[@]}"
mkdir "$work/no-lvm2" "$work/planted"
check "no LVM2" exits 2 in_place_of_sbin "$work/no-lvm2" "$dmsnap" rotate data --config "$config"
check "no LVM2: reports it" complains '^dmsnap: lvs is not there: is LVM2 installed?'
for program in lvs lvcreate lvremove; do
	printf '#!/bin/sh\ntouch %s/planted/was-run\nexit 1\n' "$work" > "$work/planted/$program"
	chmod +x "$work/planted/$program"
done
with_planted() { PATH=$work/planted:$PATH with_lvm "$@"; }
check "LVM2's programs are not taken from PATH" exits 0 with_planted "$dmsnap" rotate data --config "$config"
check "the programs in PATH were not run" [ ! -e "$work/planted/was-run" ]
check "extend: needs low-water" exits 4 schedule extend
check "extend: reports that it needs low-water" complains 'low-water and extend-by are not given'

# --- the journal ------------------------------------------------------------------

# with_journal COMMAND...: collects what it logs in $work/journal, one field a line
with_journal()
{
	# shellcheck disable=SC2016 # for the other shell
	unshare -m bash -c 'mkdir -p /run/systemd && mount -t tmpfs none /run/systemd && mkdir /run/systemd/journal || exit 9
		python3 - "$1" <<-"END" &
			import socket, sys
			journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
			journal.bind("/run/systemd/journal/socket")
			journal.settimeout(20)
			with open(sys.argv[1], "wb") as file:
			    while (entry := journal.recv(65536)) != b"end":
			        file.write(entry + b"\n")
		END
		shift
		for ((try = 0; try < 100; try++)); do
			if [ -S /run/systemd/journal/socket ]; then break; fi
			sleep 0.1
		done
		"$@"
		code=$?
		python3 -c "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b\"end\", \"/run/systemd/journal/socket\")"
		wait
		exit $code' - "$work/journal" "$@"
}
if unshare -m true 2> /dev/null; then
	# For the inner shell
	export -f in_place_of_sbin
	export work
	new_lvm
	row data.20240201T000000Z dmsnap,dmsnap:data
	check "the journal gets the messages" exits 0 with_journal in_place_of_sbin "$top/tests/tools/lvm2" "$dmsnap" rotate data --config "$config"
	check "journal: the name of the schedule" grep -qx 'DMSNAP_NAME=data' "$work/journal"
	check "journal: the new snapshot" grep -qE '^DMSNAP_OBJECT=vg/data\.2[0-9]{7}T[0-9]{6}Z$' "$work/journal"
	echo 'lvs 5' > "$LVM_FOLDER/fail"
	check "the journal gets failures" exits 2 with_journal in_place_of_sbin "$top/tests/tools/lvm2" "$dmsnap" prune data --config "$config"
	check "journal: with its priority" grep -qx 'PRIORITY=3' "$work/journal"
	check "journal: with the action" grep -qx 'DMSNAP_ACTION=failed' "$work/journal"
	check "journal: with the message" grep -qx 'MESSAGE=/usr/sbin/lvs: exit code 5' "$work/journal"
	rm "$LVM_FOLDER/fail"
else
	echo "1 skipped"
fi
