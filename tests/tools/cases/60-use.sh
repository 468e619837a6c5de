# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# What all commands share: help, manual pages, completion, and that they refuse devices in use.

# shellcheck source=tests/tools/lib/terminal.sh
. "$top/tests/tools/lib/terminal.sh"

commands=(check dump restore repair diff export apply estimate status top wait doctor completion)

check "--help" exits 0 "$dmsnap" --help
for command in "${commands[@]}"; do
	check "$command is in --help" grep -q "^  $command " "$work/out"
done
# documented COMMAND: its manual page has exactly its options
documented()
{
	local page=$top/Documentation/man/dmsnap-$1.8.rst
	"$dmsnap" "$1" --help | grep -oE -e '^  --[a-z-]+' | tr -d ' ' | sort -u > "$work/options"
	grep -oE -e '^``--[a-z-]+' "$page" | sed 's/^``//' | sort -u > "$work/manual"
	diff <(grep -vx -e --help -e --quiet -e --progress "$work/options") "$work/manual"
}
for command in "${commands[@]}"; do
	check "$command --help" exits 0 "$dmsnap" "$command" --help
	check "$command: an unknown option" exits 2 "$dmsnap" "$command" --no-such-option
	check "$command: its manual page has its options" documented "$command"
done
check "no command" exits 2 "$dmsnap"
check "an unknown command" exits 2 "$dmsnap" no-such-command
# With --json an error is one line of JSON, even if the command line is invalid
is_json_error() { [ "$(wc -l < "$work/err")" = 1 ] && cp "$work/err" "$work/out" && json "d['schema'] == 1 and d['exit_code'] == $1 and $2"; }
check "--json: a missing file" exits 2 "$dmsnap" check --json "$work/no-such-file"
check "--json: reports the missing file in JSON" is_json_error 2 'd["error"].endswith("No such file or directory")'
check "--json: findings" exits 1 "$dmsnap" diff --json "$work/foreign"
check "--json: reports the exit code in JSON" is_json_error 1 'd["error"]'
check "--json: a name that is not UTF-8" exits 2 "$dmsnap" check --json $'\xff\e"'
check "--json: reports the name as UTF-8" is_json_error 2 '"\ufffd\x1b\"" in d["error"]'
check "--json: a wrong option" exits 2 "$dmsnap" check --json --no-such-option "$work/good"
check "--json: reports the wrong option in JSON" is_json_error 2 '"--no-such-option" in d["error"]'
check "--json: no room for the output" exits 2 bash -c "'$dmsnap' check --json '$work/good' > /dev/full"
check "--json: reports the failed output in JSON" is_json_error 2 '"No space" in d["error"]'
check "output that cannot be written" exits 2 bash -c "'$dmsnap' dump '$work/good' > /dev/full"

for shell in bash zsh fish; do
	check "completion for $shell" exits 0 "$dmsnap" completion "$shell"
done
check "completion: an unknown shell" exits 2 "$dmsnap" completion csh
# A machine with two snapshots
mkdir -p "$work/fake" "$work/here"
cat > "$work/fake/dmsnap" <<-END
	#!/bin/sh
	case \$1-\$2 in
	completion-snapshots) printf 'vg/monday\nvg/tuesday\n' ;;
	completion-*) exec '$dmsnap' "\$@" ;;
	esac
END
chmod +x "$work/fake/dmsnap"
# The files that are installed for the shells
mkdir "$work/shells"
for file in "$top"/tools/dmsnap/completion/*; do
	sed "s,@SBINDIR@,$work/fake," "$file" > "$work/shells/${file##*/}"
done
touch "$work/here/volume.img"
completes()
{
	# shellcheck disable=SC2016 # for the other bash
	(cd "$work/here" && env PATH="$work/fake:$PATH" bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dmsnap; echo "${COMPREPLY[*]}"' \
		- "$work/shells/dmsnap" "${@:2}") > "$work/completed"
	[ "$(cat "$work/completed")" = "$1" ] || { cat "$work/completed"; return 1; }
}
check "completion of a command" completes 'restore' dmsnap rest
check "completion of an option" completes '--in-place' dmsnap repair --in
check "completion of a snapshot" completes 'vg/monday vg/tuesday' dmsnap status vg/
check "completion of snapshots but not files" completes 'vg/monday vg/tuesday' dmsnap wait ''
check "completion of a store, which may be a file" completes 'vg/monday vg/tuesday volume.img' dmsnap check ''
check "completion of an option's argument" completes 'vg/tuesday' dmsnap export vg/monday --origin vg/t
check "completion of a file" completes 'volume.img' dmsnap apply vol
check "completion of words" completes 'bash' dmsnap completion ba
check "completion of a style" completes 'json' dmsnap check --progress j
check "completion of a number: nothing" completes '' dmsnap status --warn ''
check "completion of a command of a command" completes 'reset' dmsnap overlay re
check "completion of its option" completes '--copies' dmsnap overlay create --co
check "completion of its argument" completes 'vg/monday vg/tuesday' dmsnap overlay drop vg/
check "completion of a name that is also a subcommand" completes '--progress --prometheus' dmsnap status --pr
check "completion of help's argument" completes 'estimate' dmsnap help est

if command -v fish > /dev/null && command -v zsh > /dev/null; then
	# fish_completes WORDS LINE: fish completes the line to one of these words
	fish_completes()
	{
		(cd "$work/here" && env PATH="$work/fake:$PATH" HOME="$work/here" \
			fish -c "source '$work/shells/dmsnap.fish'; complete -C '$2'") | cut -f 1 | sort > "$work/completed"
		[ "$(paste -s -d ' ' "$work/completed")" = "$1" ] || { cat "$work/completed"; return 1; }
	}
	check "completion in fish: of a command" fish_completes 'repair restore' 'dmsnap re'
	check "completion in fish: of a command of a command" fish_completes 'reset' 'dmsnap overlay re'
	check "completion in fish: of its option" fish_completes '--copies' 'dmsnap overlay create --co'
	check "completion in fish: no options of another subcommand" fish_completes '--progress' 'dmsnap overlay status --pro'
	check "completion in fish: of an option" fish_completes '--in-place' 'dmsnap repair --in'
	check "completion in fish: of a snapshot" fish_completes 'vg/monday vg/tuesday' 'dmsnap status vg/'
	check "completion in fish: of an argument" fish_completes 'bash fish zsh' 'dmsnap completion '
	check "completion in fish: of a file" fish_completes 'volume.img' 'dmsnap apply vol'
	# zsh_completes LINE COMPLETED: types the line and Tab in a terminal, with the function in $functions
	zsh_completes()
	{
		terminal respawn-pane -k "cd '$work/here' && PATH=$work/fake:\$PATH exec zsh -f"
		# shellcheck disable=SC2016 # for the other shell
		terminal send-keys "PROMPT='ready> '; fpath=($functions \$fpath); autoload -U compinit; compinit -u -d $work/zcompdump; clear" Enter
		shows '^ready>' && terminal send-keys -l "$1" && terminal send-keys Tab && shows "^ready> $2"
	}
	mkdir -p "$work/zsh"
	"$dmsnap" completion zsh > "$work/zsh/_dmsnap"
	terminal new-session -d -x 120 -y 12 'sleep 60'
	functions=$work/zsh
	check "completion in zsh: with the output of dmsnap completion" zsh_completes 'dmsnap rest' 'dmsnap restore *$'
	functions=$work/shells
	check "completion in zsh: of a command" zsh_completes 'dmsnap rest' 'dmsnap restore *$'
	check "completion in zsh: of a command of a command" zsh_completes 'dmsnap overlay res' 'dmsnap overlay reset *$'
	check "completion in zsh: of its option" zsh_completes 'dmsnap overlay create --cop' 'dmsnap overlay create --copies *$'
	check "completion in zsh: of an option" zsh_completes 'dmsnap repair --in-p' 'dmsnap repair --in-place *$'
	check "completion in zsh: of a snapshot" zsh_completes 'dmsnap status vg/t' 'dmsnap status vg/tuesday *$'
	check "completion in zsh: of an argument" zsh_completes 'dmsnap check --progress j' 'dmsnap check --progress json *$'
	check "completion in zsh: of a file" zsh_completes 'dmsnap apply vol' 'dmsnap apply volume\.img *$'
	terminal kill-server
else
	echo "FAIL: fish and zsh are not installed. On Debian: apt install fish zsh"
	failed=$((failed + 1))
fi

if command -v rst2man > /dev/null && command -v mandoc > /dev/null; then
	check "the manual pages" make --no-print-directory -C "$top" man
	# without_complaints COMMAND...: it succeeds and prints nothing
	without_complaints()
	{
		if ! "$@" > "$work/out" 2>&1 || [ -s "$work/out" ]; then
			head "$work/out"
			return 1
		fi
	}
	for page in "$top"/Documentation/man/*.rst; do
		page=$top/build/unit/man/$(basename "$page" .rst)
		check "the manual page ${page##*/}" without_complaints mandoc -Tlint -W warning "$page"
		check "the manual page ${page##*/}: for man" without_complaints groff -man -ww -Tutf8 -z "$page"
	done
else
	echo "FAIL: rst2man and mandoc are not installed. On Debian: apt install python3-docutils mandoc"
	failed=$((failed + 1))
fi

locked() { flock --exclusive "$work/good" "$dmsnap" check "$work/good" > "$work/out" 2> "$work/err"; }
locked_refused()
{
	local code=0
	locked || code=$?
	[ "$code" = 2 ] && complains 'live'
}
check "an image that is locked is refused" locked_refused

# qemu_has START TYPE COMMAND...: runs it while this byte of the image is locked, as by QEMU
qemu_has()
{
	python3 -c '
import fcntl, struct, subprocess, sys
path, start, kind, *command = sys.argv[1:]
with open(path, "r+b") as file:
    kind = {"read": fcntl.F_RDLCK, "write": fcntl.F_WRLCK}[kind]
    fcntl.fcntl(file, 37, struct.pack("hhqqixxxx", kind, 0, int(start), 1, 0))  # F_OFD_SETLK
    sys.exit(subprocess.run(command).returncode)' "$work/good" "$@"
}
check "an image that QEMU writes is refused" exits 2 qemu_has 101 read "$dmsnap" check "$work/good"
check "the message says that it is live" complains 'live'
check "an image that QEMU only reads can be read" exits 0 qemu_has 100 read "$dmsnap" check "$work/good"
check "an image that QEMU reads cannot be repaired" exits 2 qemu_has 100 read "$dmsnap" repair --in-place "$work/good"
check "an image with a lock of an unknown program is refused" exits 2 qemu_has 5000 write "$dmsnap" check "$work/good"
# The reverse: dmsnap holds the lock that keeps QEMU from writing
no_writer_beside()
{
	mkfifo "$work/slow"
	"$dmsnap" apply --dry-run "$work/origin" --input "$work/slow" > "$work/out" 2> "$work/err" &
	local program=$! code=0
	exec {feed}> "$work/slow"
	head -c 40 "$work/stream" >&"$feed"
	python3 -c '
import fcntl, struct, sys, time
with open(sys.argv[1], "r+b") as file:
    for attempt in range(100):
        lock = fcntl.fcntl(file, 36, struct.pack("hhqqixxxx", fcntl.F_WRLCK, 0, 201, 1, 0))  # F_OFD_GETLK
        if struct.unpack("hhqqixxxx", lock)[0] != fcntl.F_UNLCK:
            sys.exit(0)
        time.sleep(0.05)
sys.exit(1)' "$work/origin" || code=$?
	exec {feed}>&-
	rm "$work/slow"
	wait "$program" || true
	return "$code"
}
check "QEMU cannot write an image that dmsnap reads" no_writer_beside

# Needs root and a loop device
if [ "$(id -u)" = 0 ] && loop=$(losetup --show -f "$work/good" 2> /dev/null); then
	check "an image behind a loop device is refused" exits 2 "$dmsnap" check "$work/good"
	check "the message names the loop device" complains "live: $loop stands on it"
	check "a block device" exits 0 "$dmsnap" check "$loop"
	in_use() { exits 2 "$dmsnap" check "$loop" && complains 'live'; }
	exec {held}< <(python3 -c 'import os, sys, time; os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL); print(flush=True); time.sleep(60)' "$loop")
	read -r -u "$held"
	check "a block device in use is refused" in_use
	kill "$!" && exec {held}<&-
	losetup -d "$loop"
	# Reads of a loop device fail when its file has become shorter
	truncate -s 1M "$work/shortened"
	loop=$(losetup --show -f "$work/shortened")
	truncate -s 0 "$work/shortened"
	check "check: the header cannot be read" exits 1 "$dmsnap" check "$loop"
	check "check: reports it" says '^header, byte 0: reading failed$'
	check "check: does not take it for zeros" [ "$(grep -c 'no store' "$work/out")" = 0 ]
	losetup -d "$loop"
else
	echo "1 skipped"
fi

# --- misspelt words ------------------------------------------------

check "-V" exits 0 "$dmsnap" -V
check "--version prints the version" says '^dmsnap [0-9]'
check "help" exits 0 "$dmsnap" help
check "is --help" says '^  check '
check "help of a command" exits 0 "$dmsnap" help apply
check "help of a command has its options" says '^  --undo'
check "help of an unknown command" exits 2 "$dmsnap" help applu
check "a misspelt command" exits 2 "$dmsnap" chekc
check "the right command is suggested" complains '^dmsnap: unknown command "chekc"; "check" is one\.'
check "a misspelt subcommand" exits 2 "$dmsnap" overlay creat
check "the right subcommand is suggested" complains '^dmsnap: unknown command of overlay "creat"; "create" is one\.'
check "a subcommand is missing" exits 2 "$dmsnap" overlay
check "help of a subcommand" exits 0 "$dmsnap" help overlay create
check "help of a subcommand has its options" says '^  --copies'
check "overlay: no size" exits 2 "$dmsnap" overlay create "$work/good"
check "overlay: reports that --size is missing" complains '\-\-size'
check "overlay: refuses both --ram and --dir" exits 2 "$dmsnap" overlay create "$work/good" --size 4M --ram --dir "$work"
check "overlay: refuses both --resume and --size" exits 2 "$dmsnap" overlay create --resume good --size 4M
check "create: no group" exits 2 "$dmsnap" create vg/a
check "create: reports that --group is missing" complains '\-\-group'
check "create: an invalid name" exits 2 "$dmsnap" create --group 'of monday' vg/a
check "create: reports the invalid name" complains '"of monday" is not a name of a group'
check "create: an invalid percentage" exits 2 "$dmsnap" create --group monday vg/a --size 2.5%
check "create: reports the invalid percentage" complains '"2.5%" is not a part of a volume'
check "create: an invalid size" exits 2 "$dmsnap" create --group monday vg/a --size 4Q
check "create: a limit that is too short" exits 2 "$dmsnap" create --group monday vg/a --limit 0.01s
check "create: reports the shortest limit" complains '\-\-limit is 0.1s at least'
check "a misspelt option" exits 2 "$dmsnap" repair "$work/good" --in-places
check "the right option is suggested" complains '^dmsnap: unknown option or argument of repair "--in-places"; "--in-place" is one\.'
check "a word that resembles no command" exits 2 "$dmsnap" xyzzy
check "nothing is suggested for it" complains '^dmsnap: unknown command "xyzzy"\. Try'
check "an argument is missing" exits 2 "$dmsnap" check
check "the message begins with the program's name" complains '^dmsnap: '
check "check: an unknown header" exits 1 "$dmsnap" check "$work/foreign"
check "check: reports the fields of the header" says 'magic 0xefbeadde, version 1, 8 sectors a chunk'
check "check: another version" exits 1 "$dmsnap" check "$work/version"
check "check: reports the version" says 'version 2, 8 sectors a chunk'
check "repair: another version" exits 1 "$dmsnap" repair "$work/version"
check "repair: reports the version" complains 'a store of version 2'
truncate -s 8M "$work/ext4"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 "$work/ext4"
check "check: a file system, which begins with zeros" unchanged "$work/ext4" exits 1 "$dmsnap" check "$work/ext4"
check "check: names it, and says that a store would be made there" says 'a new one would be made here, over ext4$'
check "check: counts it as a finding" says '^1 found wrong, 0 noted$'
check "check: a file system, as JSON" exits 1 "$dmsnap" check --json "$work/ext4"
check "check: names it in JSON" json '[f["kind"] for f in d["findings"]] == ["other_contents"] and d["contents"] == "ext4" and d["wrong"] == 1 and not d["is_store"]'
truncate -s 8M "$work/table"
put "$work/table" 446 00000000830000000100000000400000
put "$work/table" 510 55aa
check "check: a partition table" exits 1 "$dmsnap" check "$work/table"
check "check: names the partition table" says 'over a dos partition table$'
# LVM2 wipes only the beginning of a new COW device
truncate -s 8M "$work/used"
put "$work/used" 5000 dead
check "check: a wiped device with old data" exits 0 "$dmsnap" check "$work/used"
check "check: mentions the old data" says 'a new one would be made here, over something that is not zero at byte 5000$'
check "check: old data, as JSON" exits 0 "$dmsnap" check --json "$work/used"
check "check: old data is no finding in JSON" json 'd["wrong"] == 0 and d["contents"] == "something that is not zero at byte 5000"'
put "$work/ext4" 0 deadbeef
check "check: a file system" exits 1 "$dmsnap" check "$work/ext4"
check "check: names the file system" says 'this is not a store, but holds ext4'
script -qec "'$dmsnap' apply '$work/good' --dry-run" "$work/out" < /dev/null > "$work/err" || true
check "apply: says on a terminal that it waits for input" says 'waits for its input'
