# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2010,SC2012,SC2016,SC2154 # sourced by ../run; names are plain, other shells expand
#
# Backups of a volume, with a substitute for LVM2.  The volume changes
# like one with a snapshot: the snapshot's file becomes its store.

# shellcheck source=tests/tools/lib/lvm.sh
. "$top/tests/tools/lib/lvm.sh"

vault=$work/vault
base_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["base"])' "$work/state/data.json"; }
# change SEED: changes the volume, whose last snapshot is that of the last backup
change()
{
	local store
	store=$LVM_FOLDER/$(base_of)
	rm "$store"
	truncate -s 40M "$store"
	"$maker" snapshot "$LVM_FOLDER/data" "$store" 8 30 "$1"
}
# A second later, so that its snapshot has another name
backup() { sleep 1.1 && schedule backup "$@"; }
# new_backup LINE...: resets the volume, without backups, with these lines for the destination
new_backup()
{
	rm -rf "$vault" "$work/restored"
	mkdir "$vault"
	new_lvm
	configure 'volume = vg/data' 'size = 1G' "$@"
}
vault_has() { [ "$(ls -A "$vault" | sed -E 's/[0-9]{8}T[0-9]{6}Z/TIME/')" = "$1" ]; }
one_snapshot() { [ "$(volumes '^data\.backup\.' | grep -vc 2024)" = 1 ] && has_volume "$(base_of)"; }
# restores VOLUME [OPTIONS]
restores()
{
	rm -f "$work/restored"
	exits 0 schedule backup --restore "$work/restored" "${@:2}" && cmp "$work/restored" "$1"
}
one_is_full='data.000001.TIME.full.dmsnap.zst'

new_backup "backup-directory = $vault"
row data.backup.20240101T000000Z dmsnap,dmsnap:data
row data.20240101T000000Z dmsnap,dmsnap-backup:data
row data.backup.20240102T000000Z dmsnap-backup:data
others=$(volumes 2024)
check "backup: none yet" exits 2 schedule backup --restore "$work/restored"
check "backup: reports it" complains 'no backup of data is known here'
check "backup: the first one" exits 0 backup
check "backup: is a full one" vault_has "$one_is_full"
check "backup: and says so" says '^data\.000001\..*: all of vg/data, .* stored$'
check "backup: is its owner's alone" [ "$(stat -c %a "$vault"/*)" = 600 ]
check "backup: so is its state" [ "$(stat -c %a "$work/state/data.json")" = 600 ]
check "backup: the snapshot of it stays" one_snapshot
check "backup: which is read-only" grep -qE '^lvcreate .* dmsnap-backup:data -L 1073741824b -p r vg/data$' "$LVM_FOLDER/calls"
check "backup: is compressed" [ "$(($(stat -c %s "$vault"/*)))" -lt "$(stat -c %s "$work/origin")" ]
cp "$LVM_FOLDER/data" "$work/volume-1"
check "backup: comes back" restores "$work/volume-1"
change 21
cp "$LVM_FOLDER/data" "$work/volume-2"
check "backup: an increment" exits 0 backup --json
check "backup: is JSON" json 'd["number"] == 2 and not d["full"] and 0 < d["bytes"] < 4002000 and d["file"].endswith("Z.increment.dmsnap.zst")'
check "backup: the older snapshot goes" one_snapshot
change 22
cp "$LVM_FOLDER/data" "$work/volume-3"
check "backup: another one" exits 0 backup
check "backup: is restored" restores "$work/volume-3"
check "backup: with a name that says when" says "$work/restored is what vg/data was at 2[0-9]{7}T[0-9]{6}Z \(backup 3\)"
check "backup: that of a number" restores "$work/volume-2" --at 2
second=$(sed -nE 's/.*"file": "data\.000002\.([^.]*)\..*/\1/p' "$work/state/data.json")
check "backup: that of a time" restores "$work/volume-2" --at "$second"
check "backup: as JSON" restores "$work/volume-1" --at 1 --json
check "backup: of one file" json 'd["files"] == 1 and d["number"] == 1'
for at in 9 x 20200101T000000Z; do
	check "backup: not that of $at" exits 2 schedule backup --restore "$work/none" --at $at
done
check "backup: none of these makes a file" [ ! -e "$work/none" ]
by_hand()
{
	local file
	rm -f "$work/restored"
	for file in "$vault"/*; do
		zstd -dc "$file" | "$dmsnap" apply "$work/restored" > "$work/out" || return 1
	done
	cmp "$work/restored" "$work/volume-3"
}
check "backup: comes back by hand" by_hand
"$maker" volume "$work/restored" 8004 98
check "backup: not over something else" unchanged "$work/restored" exits 2 schedule backup --restore "$work/restored"
cp "$work/volume-1" "$work/restored"
dd if=/dev/urandom of="$work/restored" bs=1M seek=1 count=2 conv=notrunc status=none
check "backup: not over another volume that begins as the backup does" unchanged "$work/restored" exits 2 schedule backup --restore "$work/restored"
check "backup: unless told to" exits 0 schedule backup --restore "$work/restored" --overwrite
check "backup: then it is there" cmp "$work/restored" "$work/volume-3"
check "backup: list" exits 0 schedule backup --list
check "backup: has them all" [ "$(grep -cE '^ +[123] 2[0-9TZ]+ (full|increment) ' "$work/out")" = 3 ]
check "backup: list, as JSON" exits 0 schedule backup --list --json
check "backup: list is JSON" json '[b["full"] for b in d["backups"]] == [True, False, False] and d["destination"].startswith("directory /")'
check "backup: verify" exits 0 schedule backup --verify
check "backup: all are fine" says '^3 backups, 0 with something wrong$'
check "backup: others' snapshots are left alone" [ "$(volumes 2024)" = "$others" ]

# A byte of each part of a file; the zstd frame has no checksum
damaged_file()
{
	local file
	file=$(ls "$vault"/data.000002.*)
	cp "$file" "$work/kept-file"
	put "$file" "$1" a55aa5
	exits 1 schedule backup --verify --json && json '[w["file"].startswith("data.000002") for w in d["wrong"]] == [True]' &&
		rm -f "$work/restored" && exits 1 schedule backup --restore "$work/restored" && [ ! -e "$work/restored" ]
	local code=$?
	mv "$work/kept-file" "$file"
	return $code
}
length=$(stat -c %s "$vault"/data.000002.*)
for offset in 0 9 100 $((length / 2)) $((length - 3)); do
	check "backup: one that is wrong at byte $offset" damaged_file "$offset"
done
first_file=$(ls "$vault"/data.000001.*)
mv "$first_file" "$work/kept-file"
check "backup: one that is gone" exits 1 schedule backup --verify
check "backup: is named" says "data\.000001\..*: cannot be read: No such file"
cp "$(ls "$vault"/data.000003.*)" "$first_file"
check "backup: one in another's place" exits 1 schedule backup --verify
mv "$work/kept-file" "$first_file"
head -c 1000 "$first_file" > "$work/cut" && mv "$first_file" "$work/kept-file" && mv "$work/cut" "$first_file"
check "backup: one that is cut off" exits 1 schedule backup --restore "$work/none"
check "backup: makes nothing" [ ! -e "$work/none" ]
mv "$work/kept-file" "$first_file"

# --- full backups on request -----------------------------------------------

check "backup --full" exits 0 backup --full --json
check "backup --full: is one" json 'd["full"] and d["number"] == 4 and d["why_full"] == "asked for"'
change 23
set_volume "$(base_of)" lv_attr swi-I-s---
check "backup: the last snapshot is invalid" exits 0 backup
check "backup: so all is written, and why" complains 'all of vg/data is backed up: the snapshot .* is invalid'
check "backup: which is right" restores "$LVM_FOLDER/data"
python3 - "$LVM_FOLDER/lvm.json" <<-'END'
	import json, sys
	volumes = [v for v in json.load(open(sys.argv[1])) if not v["lv_name"].startswith("data.backup.2026") or True]
	volumes = [v for v in volumes if "dmsnap,dmsnap-backup:data" != v["lv_tags"]]
	json.dump(volumes, open(sys.argv[1], "w"))
END
check "backup: the last snapshot is gone" exits 0 backup
check "backup: all is written, too" complains 'the snapshot vg/data\.backup\..* of the last one is not there'
# Another volume in its place
set_volume "$(base_of)" lv_uuid other
check "backup: a snapshot of that name that is another" exits 0 backup
check "backup: is not taken for it" complains 'is not there'
new_backup "backup-directory = $vault" 'full-every = 2' 'keep-fulls = 1' 'compress = no'
for seed in 31 32 33; do
	check "backup: full-every, $seed" exits 0 backup
	change $seed
done
check "backup: every second one is full, and the chain before goes" vault_has data.000003.TIME.full.dmsnap
check "backup: an increment of it" exits 0 backup
check "backup: which is right" restores "$LVM_FOLDER/data"
mkdir -p "$work/elsewhere"
configure 'volume = vg/data' 'size = 1G' "backup-directory = $work/elsewhere"
check "backup: to another place" exits 0 backup
check "backup: all of it" complains 'the destination is another one'
check "backup: and what is there stays" vault_has $'data.000003.TIME.full.dmsnap\ndata.000004.TIME.increment.dmsnap'

# --- interrupted anywhere ----------------------------------------------------------

# goes_on: after a failure the next backup is right, and nothing is left over
goes_on()
{
	configure 'volume = vg/data' 'size = 1G' "$destination"
	exits 0 backup && one_snapshot && restores "$LVM_FOLDER/data" && exits 0 schedule backup --verify
}
# The program is the parent of its hooks and commands
for line in 'before = kill -9 $PPID' 'after = kill -9 $PPID' 'after = kill -INT $PPID; sleep 1' 'before = false'; do
	destination="backup-directory = $vault"
	new_backup "$destination" "$line"
	schedule backup > /dev/null 2>&1 || true
	check "backup: the first one, ended by $line" goes_on
	vault_now=$(ls -A "$vault" | wc -l)
	check "backup: leaves no file" [ "$vault_now" = 1 ]
	change 41
	configure 'volume = vg/data' 'size = 1G' "$destination" "$line"
	sleep 1.1
	schedule backup > /dev/null 2>&1 || true
	check "backup: an increment, ended by $line" goes_on
	check "backup: is one" [ "$(ls "$vault" | grep -c increment)" = 1 ]
done
destination="backup-directory = $vault"
new_backup "$destination" "before = touch $work/frozen" "after = rm $work/frozen"
check "backup: a signal during lvcreate" exits 2 signalled backup
check "backup: \"after\" comes then, too" [ ! -e "$work/frozen" ]
check "backup: then it continues" goes_on
keep="cat > $vault/\$DMSNAP_FILE"
give="restore-command = cat $vault/\$DMSNAP_FILE"
for line in 'head -c 1000 > /dev/null; kill -9 $PPID' "$keep; kill -9 \$PPID" "$keep; exit 3" 'head -c 1000 > /dev/null; exit 3' true 'cat > /dev/full'; do
	new_backup "backup-command = $keep" "$give"
	check "backup: by a command" exits 0 backup
	change 51
	configure 'volume = vg/data' 'size = 1G' "backup-command = $line" "$give"
	sleep 1.1
	schedule backup > "$work/out" 2> "$work/err" || true
	destination="backup-command = $keep"$'\n'$give
	check "backup: the command is $line" goes_on
	check "backup: and the next is an increment" [ "$(grep -c '"full": true' "$work/state/data.json")" = 1 ]
done
new_backup "backup-command = $keep" "$give"
check "backup: the command has names" exits 0 backup
check "backup: of its file" vault_has "$one_is_full"
configure 'volume = vg/data' 'size = 1G' 'backup-command = exit 3'
check "backup: a command that fails" exits 2 backup
check "backup: is said to" complains 'command exit 3: exit code 3'
check "backup: no snapshot is left of it" one_snapshot
check "backup: a command that fails, and SIGCHLD is ignored" exits 2 with_lvm "${without_children[@]}" "$dmsnap" backup data --config "$config"
check "backup: is said to" complains 'command exit 3: exit code 3'
configure 'volume = vg/data' 'size = 1G' "backup-command = $keep"
check "backup: no way back" exits 2 schedule backup --restore "$work/none"
check "backup: reports it" complains 'restore-command, .*, is not given'
new_backup "backup-directory = $vault/none"
check "backup: no folder" exits 2 backup
check "backup: reports it" complains 'none/data\..*: cannot be made'
new_backup
check "backup: no destination" exits 2 schedule backup
check "backup: reports it" complains 'none of backup-directory, backup-ssh and backup-command is given'
two_at_once()
{
	new_backup "backup-directory = $vault" "before = sleep 2"
	schedule backup > /dev/null 2>&1 &
	sleep 1
	exits 2 schedule backup && complains 'another backup of data is at work already'
	local code=$?
	wait $! && [ "$code" = 0 ]
}
check "backup: one at a time" two_at_once
printf '{"schema": 1}' > "$work/state/data.json"
check "backup: what is known cannot be read" unchanged "$work/state/data.json" exits 2 schedule backup
check "backup: and it says what to do" complains 'data\.json: is not what dmsnap backup writes .* move it away'
if [ "$(id -u)" = 0 ]; then
	new_backup "backup-directory = $vault"
	mount -t tmpfs -o size=100k none "$vault"
	check "backup: a full disk" exits 2 backup
	check "backup: reports it" complains 'No space left'
	check "backup: nothing is left there" [ -z "$(ls -A "$vault")" ]
	umount "$vault"
	destination="backup-directory = $vault"
	check "backup: with room it continues" goes_on
fi

# Killed while the file has its temporary name: lvs is asked then whether the snapshot is still valid
mkdir "$work/killing-lvm"
cp -P "$top"/tests/tools/lvm2/* "$work/killing-lvm"
rm "$work/killing-lvm/lvs"
cat > "$work/killing-lvm/lvs" <<-END
	#!/bin/sh
	if [ -n "\$(find "$vault" -name '.data.*.dmsnap-??????' -type f)" ]; then kill -9 \$PPID; fi
	exec "$top/tests/tools/lvm2/lvs" "\$@"
END
chmod +x "$work/killing-lvm/lvs"
leftovers() { find "$vault" -name '.data.*' -printf '%f\n' | sort; }
destination="backup-directory = $vault"
new_backup "$destination"
in_place_of_sbin "$work/killing-lvm" "$dmsnap" backup data --config "$config" > /dev/null 2>&1 || true
part=$(leftovers)
check "backup: killed while it writes, leaves a part" [ "$(wc -l <<< "$part" | tr -d ' ')$(grep -c '^\.data\.000001\..*\.dmsnap-' <<< "$part")" = 11 ]
# As the part would be called, but for a letter; a folder and a link; a part of another backup
mkdir "$vault/${part%-??????}-folder"
ln -s nowhere "$vault/${part%-??????}-abclnk"
touch "$vault/${part}7" "$vault/${part%?}" "$vault/${part/data.000001/data.000007}"
others_there=$(leftovers | grep -vxF -e "$part")
check "backup: the next one after that" goes_on
check "backup: removes the part, and nothing else" [ "$(leftovers)" = "$others_there" ]

# --- through ssh ----------------------------------------------------------------------

# The substitute does what the other machine would: a shell runs the command
mkdir -p "$work/ssh" "$work/remote/it's there"
cat > "$work/ssh/ssh" <<-END
	#!/bin/bash
	[ "\$1" = -- ] && [ "\$2" = user@backup ] || exit 255
	if [ -e "$work/ssh/down" ]; then exit 255; fi
	exec sh -c "\$3"
END
chmod +x "$work/ssh/ssh"
PATH_before=$PATH
PATH=$work/ssh:$PATH
vault="$work/remote/it's there"
new_backup "backup-ssh = user@backup:$vault"
check "backup: through ssh" exits 0 backup
check "backup: is there, with its name" vault_has "$one_is_full"
change 61
touch "$work/ssh/down"
check "backup: the other machine is not there" exits 2 backup
check "backup: which is reported" complains 'ssh user@backup:.*: exit code 255'
rm "$work/ssh/down"
touch "$vault/.data.000002.part"
check "backup: it is again" exits 0 backup
check "backup: what comes back is right" restores "$LVM_FOLDER/data"
check "backup: verified from there" exits 0 schedule backup --verify
PATH=$PATH_before
vault=$work/vault

# --- the recipes of the guide -----------------------------------------------------------

# recipe PROGRAM: the lines of the guide for it, with its repository here
recipe()
{
	sed -n "/^    # $1\$/,/^\$/p" "$top/Documentation/admin-guide.rst" | grep -E "(compress|-command) =" | sed "s,^    ,,; s,/srv/$1,$work/$1,g; s,/etc/dmsnap/$1.password,$work/password,"
}
echo secret > "$work/password"
for program in restic borg; do
	if ! command -v "$program" > /dev/null; then
		echo "1 skipped"
		continue
	fi
	export XDG_CACHE_HOME=$work/cache-of-$program BORG_BASE_DIR=$work/borg-base BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
	if [ "$program" = restic ]; then
		restic -q -r "$work/restic" --password-file "$work/password" init > /dev/null
	else
		borg init -e none "$work/borg" 2> /dev/null
	fi
	mapfile -t lines < <(recipe "$program")
	new_backup "${lines[@]}"
	check "backup: to $program" exits 0 backup
	change 71
	check "backup: an increment to $program" exits 0 backup
	check "backup: back from $program" restores "$LVM_FOLDER/data"
	check "backup: verified from $program" exits 0 schedule backup --verify
done
