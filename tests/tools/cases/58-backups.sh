# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2010,SC2012,SC2016,SC2154 # sourced by ../run; names are plain, other shells expand
#
# Backups of a volume, with a substitute for LVM2.  The volume changes as if it had a snapshot:
# the snapshot's file becomes its store.

# shellcheck source=tests/tools/lib/lvm.sh
. "$top/tests/tools/lib/lvm.sh"

vault=$work/vault
base_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["base"])' "$work/state/data.json"; }
# change SEED: changes the volume; the snapshot of the last backup gets the old contents
change()
{
	local store
	store=$LVM_FOLDER/$(base_of)
	rm "$store"
	truncate -s 40M "$store"
	"$maker" snapshot "$LVM_FOLDER/data" "$store" 8 30 "$1"
}
# In another second, so that its snapshot has another name
backup() { sleep 1.1 && schedule backup "$@"; }
# new_backup LINE...: resets the volume and the backups, with these lines for the destination
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
check "backup --restore: no backup yet" exits 2 schedule backup --restore "$work/restored"
check "backup --restore: reports that there is none" complains 'no backup of data is known here'
check "backup: the first one" exits 0 backup
check "backup: is a full one" vault_has "$one_is_full"
check "backup: reports what it stored" says '^data\.000001\..*: all of vg/data, .* stored$'
check "backup: the file is private" [ "$(stat -c %a "$vault"/*)" = 600 ]
check "backup: the state is private" [ "$(stat -c %a "$work/state/data.json")" = 600 ]
check "backup: keeps its snapshot" one_snapshot
check "backup: the snapshot is read-only" grep -qE '^lvcreate .* dmsnap-backup:data -L 1073741824b -p r vg/data$' "$LVM_FOLDER/calls"
check "backup: the file is compressed" [ "$(($(stat -c %s "$vault"/*)))" -lt "$(stat -c %s "$work/origin")" ]
cp "$LVM_FOLDER/data" "$work/volume-1"
check "backup --restore: gives the volume" restores "$work/volume-1"
change 21
cp "$LVM_FOLDER/data" "$work/volume-2"
check "backup: an increment" exits 0 backup --json
check "backup --json: describes the increment" json 'd["number"] == 2 and not d["full"] and 0 < d["bytes"] < 4002000 and d["file"].endswith("Z.increment.dmsnap.zst")'
check "backup: removes the older snapshot" one_snapshot
change 22
cp "$LVM_FOLDER/data" "$work/volume-3"
check "backup: a second increment" exits 0 backup
check "backup --restore: the second increment" restores "$work/volume-3"
check "backup --restore: reports the number and time" says "$work/restored is what vg/data was at 2[0-9]{7}T[0-9]{6}Z \(backup 3\)"
check "backup --restore: by number" restores "$work/volume-2" --at 2
second=$(sed -nE 's/.*"file": "data\.000002\.([^.]*)\..*/\1/p' "$work/state/data.json")
check "backup --restore: by time" restores "$work/volume-2" --at "$second"
check "backup: as JSON" restores "$work/volume-1" --at 1 --json
check "backup --restore: the first needs one file" json 'd["files"] == 1 and d["number"] == 1'
for at in 9 x 20200101T000000Z; do
	check "backup --restore: refuses --at $at" exits 2 schedule backup --restore "$work/none" --at $at
done
check "backup --restore: leaves no file when refused" [ ! -e "$work/none" ]
by_hand()
{
	local file
	rm -f "$work/restored"
	for file in "$vault"/*; do
		zstd -dc "$file" | "$dmsnap" apply "$work/restored" > "$work/out" || return 1
	done
	cmp "$work/restored" "$work/volume-3"
}
check "backup: can be restored by hand" by_hand
"$maker" volume "$work/restored" 8004 98
check "backup --restore: refuses to overwrite another volume" unchanged "$work/restored" exits 2 schedule backup --restore "$work/restored"
cp "$work/volume-1" "$work/restored"
dd if=/dev/urandom of="$work/restored" bs=1M seek=1 count=2 conv=notrunc status=none
check "backup --restore: refuses one that begins like the backup" unchanged "$work/restored" exits 2 schedule backup --restore "$work/restored"
check "backup --restore: --overwrite overwrites it" exits 0 schedule backup --restore "$work/restored" --overwrite
check "backup --restore: it holds the volume then" cmp "$work/restored" "$work/volume-3"
check "backup: list" exits 0 schedule backup --list
check "backup --list: has all backups" [ "$(grep -cE '^ +[123] 2[0-9TZ]+ (full|increment) ' "$work/out")" = 3 ]
check "backup: list, as JSON" exits 0 schedule backup --list --json
check "backup --list: --json prints the same" json '[b["full"] for b in d["backups"]] == [True, False, False] and d["destination"].startswith("directory /")'
check "backup: verify" exits 0 schedule backup --verify
check "backup --verify: all are good" says '^3 backups, 0 with something wrong$'
check "backup: does not touch other snapshots" [ "$(volumes 2024)" = "$others" ]

# damaged_file OFFSET: a bad byte is found in each part of a file; the zstd frame has no checksum
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
	check "backup: finds a bad byte $offset" damaged_file "$offset"
done
first_file=$(ls "$vault"/data.000001.*)
mv "$first_file" "$work/kept-file"
check "backup --verify: a missing file" exits 1 schedule backup --verify
check "backup --verify: names the missing file" says "data\.000001\..*: cannot be read: No such file"
cp "$(ls "$vault"/data.000003.*)" "$first_file"
check "backup --verify: another file under its name" exits 1 schedule backup --verify
mv "$work/kept-file" "$first_file"
head -c 1000 "$first_file" > "$work/cut" && mv "$first_file" "$work/kept-file" && mv "$work/cut" "$first_file"
check "backup --restore: a truncated file" exits 1 schedule backup --restore "$work/none"
check "backup --restore: truncated, leaves no file" [ ! -e "$work/none" ]
mv "$work/kept-file" "$first_file"

# --- full backups on request -----------------------------------------------

check "backup --full" exits 0 backup --full --json
check "backup --full: makes a full backup" json 'd["full"] and d["number"] == 4 and d["why_full"] == "asked for"'
change 23
set_volume "$(base_of)" lv_attr swi-I-s---
check "backup: after the last snapshot became invalid" exits 0 backup
check "backup: is a full one, and says why" complains 'all of vg/data is backed up: the snapshot .* is invalid'
check "backup: the full one is right" restores "$LVM_FOLDER/data"
python3 - "$LVM_FOLDER/lvm.json" <<-'END'
	import json, sys
	volumes = [v for v in json.load(open(sys.argv[1])) if not v["lv_name"].startswith("data.backup.2026") or True]
	volumes = [v for v in volumes if "dmsnap,dmsnap-backup:data" != v["lv_tags"]]
	json.dump(volumes, open(sys.argv[1], "w"))
END
check "backup: after the last snapshot was removed" exits 0 backup
check "backup: is a full one for that as well" complains 'the snapshot vg/data\.backup\..* of the last one is not there'
# A different volume of the same name
set_volume "$(base_of)" lv_uuid other
check "backup: the last snapshot was replaced" exits 0 backup
check "backup: notices the replacement" complains 'is not there'
new_backup "backup-directory = $vault" 'full-every = 2' 'keep-fulls = 1' 'compress = no'
for seed in 31 32 33; do
	check "backup: full-every, $seed" exits 0 backup
	change $seed
done
check "backup: every second one is full, and the older chain is removed" vault_has data.000003.TIME.full.dmsnap
check "backup: an increment of the new chain" exits 0 backup
check "backup: the increment is right" restores "$LVM_FOLDER/data"
mkdir -p "$work/elsewhere"
configure 'volume = vg/data' 'size = 1G' "backup-directory = $work/elsewhere"
check "backup: to another destination" exits 0 backup
check "backup: is a full one there" complains 'the destination is another one'
check "backup: keeps the files of the old destination" vault_has $'data.000003.TIME.full.dmsnap\ndata.000004.TIME.increment.dmsnap'

# --- interruptions ------------------------------------------------------------------

# goes_on: the next backup after a failure is right, and nothing is left over
goes_on()
{
	configure 'volume = vg/data' 'size = 1G' "$destination"
	exits 0 backup && one_snapshot && restores "$LVM_FOLDER/data" && exits 0 schedule backup --verify
}
# Hooks and commands are children of the program
for line in 'before = kill -9 $PPID' 'after = kill -9 $PPID' 'after = kill -INT $PPID; sleep 1' 'before = false'; do
	destination="backup-directory = $vault"
	new_backup "$destination" "$line"
	schedule backup > /dev/null 2>&1 || true
	check "backup: after a full backup with $line" goes_on
	vault_now=$(ls -A "$vault" | wc -l)
	check "backup: leaves no file of it, $line" [ "$vault_now" = 1 ]
	change 41
	configure 'volume = vg/data' 'size = 1G' "$destination" "$line"
	sleep 1.1
	schedule backup > /dev/null 2>&1 || true
	check "backup: after an increment with $line" goes_on
	check "backup: leaves one increment, $line" [ "$(ls "$vault" | grep -c increment)" = 1 ]
done
destination="backup-directory = $vault"
new_backup "$destination" "before = touch $work/frozen" "after = rm $work/frozen"
check "backup: a signal during lvcreate" exits 2 signalled backup
check "backup: \"after\" runs after the signal" [ ! -e "$work/frozen" ]
check "backup: works after the signal" goes_on
keep="cat > $vault/\$DMSNAP_FILE"
give="restore-command = cat $vault/\$DMSNAP_FILE"
for line in 'head -c 1000 > /dev/null; kill -9 $PPID' "$keep; kill -9 \$PPID" "$keep; exit 3" 'head -c 1000 > /dev/null; exit 3' true 'cat > /dev/full'; do
	new_backup "backup-command = $keep" "$give"
	check "backup: a command as the destination" exits 0 backup
	change 51
	configure 'volume = vg/data' 'size = 1G' "backup-command = $line" "$give"
	sleep 1.1
	schedule backup > "$work/out" 2> "$work/err" || true
	destination="backup-command = $keep"$'\n'$give
	check "backup: after the command $line" goes_on
	check "backup: the next one is an increment, $line" [ "$(grep -c '"full": true' "$work/state/data.json")" = 1 ]
done
new_backup "backup-command = $keep" "$give"
check "backup: a command that uses the names" exits 0 backup
check "backup: the name is that of the file" vault_has "$one_is_full"
configure 'volume = vg/data' 'size = 1G' 'backup-command = exit 3'
check "backup: a command that fails" exits 2 backup
check "backup: reports the exit code" complains 'command exit 3: exit code 3'
check "backup: leaves no extra snapshot" one_snapshot
check "backup: a command fails, and SIGCHLD is ignored" exits 2 with_lvm "${without_children[@]}" "$dmsnap" backup data --config "$config"
check "backup: reports the exit code with SIGCHLD ignored" complains 'command exit 3: exit code 3'
configure 'volume = vg/data' 'size = 1G' "backup-command = $keep"
check "backup --restore: no restore-command" exits 2 schedule backup --restore "$work/none"
check "backup --restore: reports that it is missing" complains 'restore-command, .*, is not given'
new_backup "backup-directory = $vault/none"
check "backup: no such directory" exits 2 backup
check "backup: reports the missing directory" complains 'none/data\..*: cannot be made'
new_backup
check "backup: no destination" exits 2 schedule backup
check "backup: reports that there is no destination" complains 'none of backup-directory, backup-ssh and backup-command is given'
two_at_once()
{
	local first try code=0
	new_backup "backup-directory = $vault" \
		"before = touch $work/begun; for try in \$(seq 400); do if [ -e $work/go-on ]; then break; fi; sleep 0.05; done"
	schedule backup > /dev/null 2>&1 &
	first=$!
	for ((try = 0; try < 200; try++)); do
		if [ -e "$work/begun" ]; then break; fi
		sleep 0.05
	done
	{ exits 2 schedule backup && complains 'another backup of data is at work already'; } || code=$?
	touch "$work/go-on"
	wait "$first" && [ "$code" = 0 ]
}
check "backup: one at a time" two_at_once
printf '{"schema": 1}' > "$work/state/data.json"
check "backup: a damaged state file" unchanged "$work/state/data.json" exits 2 schedule backup
check "backup: says what to do with it" complains 'data\.json: is not what dmsnap backup writes .* move it away'
if [ "$(id -u)" = 0 ]; then
	new_backup "backup-directory = $vault"
	mount -t tmpfs -o size=100k none "$vault"
	check "backup: a full disk" exits 2 backup
	check "backup: reports the full disk" complains 'No space left'
	check "backup: leaves no file on the full disk" [ -z "$(ls -A "$vault")" ]
	umount "$vault"
	destination="backup-directory = $vault"
	check "backup: with room it continues" goes_on
fi

# Killed while the file still has its temporary name: by lvs, which it runs then to see whether
# the snapshot is still valid
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
check "backup: killed while it writes, leaves a temporary file" [ "$(wc -l <<< "$part" | tr -d ' ')$(grep -c '^\.data\.000001\..*\.dmsnap-' <<< "$part")" = 11 ]
# Names like the temporary one but for a letter, a directory, a link, and one of another backup
mkdir "$vault/${part%-??????}-folder"
ln -s nowhere "$vault/${part%-??????}-abclnk"
touch "$vault/${part}7" "$vault/${part%?}" "$vault/${part/data.000001/data.000007}"
others_there=$(leftovers | grep -vxF -e "$part")
check "backup: the next one after that" goes_on
check "backup: removes the temporary file and nothing else" [ "$(leftovers)" = "$others_there" ]

# --- through ssh ----------------------------------------------------------------------

# The substitute does what sshd on the other machine does: a shell runs the command
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
check "backup: the file is on the other machine" vault_has "$one_is_full"
change 61
touch "$work/ssh/down"
check "backup: the other machine is down" exits 2 backup
check "backup: reports ssh's exit code" complains 'ssh user@backup:.*: exit code 255'
rm "$work/ssh/down"
touch "$vault/.data.000002.part"
check "backup: the other machine is up again" exits 0 backup
check "backup --restore: through ssh" restores "$LVM_FOLDER/data"
check "backup --verify: through ssh" exits 0 schedule backup --verify
PATH=$PATH_before
vault=$work/vault

# --- the recipes of the guide -----------------------------------------------------------

# recipe PROGRAM: prints the guide's lines for it, with a repository in $work
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
	check "backup --restore: from $program" restores "$LVM_FOLDER/data"
	check "backup --verify: from $program" exits 0 schedule backup --verify
done
