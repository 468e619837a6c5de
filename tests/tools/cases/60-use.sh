# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# What all commands share: help, manual, completion, and that they do not
# touch devices in use.

# shellcheck source=tests/tools/lib/terminal.sh
. "$top/tests/tools/lib/terminal.sh"

commands=(check dump restore repair diff export apply estimate status top wait doctor completion)

check "--help" exits 0 "$dmsnap" --help
for command in "${commands[@]}"; do
	check "$command is in --help" grep -q "^  $command " "$work/out"
done
# Each option of a command is in its manual page, and no other
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
	check "$command: its manual has its options" documented "$command"
done
check "no command" exits 2 "$dmsnap"
check "an unknown command" exits 2 "$dmsnap" no-such-command
# An error is JSON then, in one line, even if the command line is invalid
is_json_error() { [ "$(wc -l < "$work/err")" = 1 ] && cp "$work/err" "$work/out" && json "d['schema'] == 1 and d['exit_code'] == $1 and $2"; }
check "--json: a missing file" exits 2 "$dmsnap" check --json "$work/no-such-file"
check "--json: is an error in JSON" is_json_error 2 'd["error"].endswith("No such file or directory")'
check "--json: findings" exits 1 "$dmsnap" diff --json "$work/foreign"
check "--json: have their code" is_json_error 1 'd["error"]'
check "--json: a name in no encoding" exits 2 "$dmsnap" check --json $'\xff\e"'
check "--json: is shown in one" is_json_error 2 '"\ufffd\x1b\"" in d["error"]'
check "--json: a wrong option" exits 2 "$dmsnap" check --json --no-such-option "$work/good"
check "--json: is an error in JSON" is_json_error 2 '"--no-such-option" in d["error"]'
check "--json: no room for the output" exits 2 bash -c "'$dmsnap' check --json '$work/good' > /dev/full"
check "--json: is an error in JSON" is_json_error 2 '"No space" in d["error"]'
check "output that cannot be written" exits 2 bash -c "'$dmsnap' dump '$work/good' > /dev/full"

for shell in bash zsh fish; do
	check "completion for $shell" exits 0 "$dmsnap" completion "$shell"
done
check "completion: no other" exits 2 "$dmsnap" completion csh
# The snapshots of a machine with two
mkdir -p "$work/fake" "$work/here"
cat > "$work/fake/dmsnap" <<-END
	#!/bin/sh
	case \$1-\$2 in
	completion-snapshots) printf 'vg/monday\nvg/tuesday\n' ;;
	completion-*) exec '$dmsnap' "\$@" ;;
	esac
END
chmod +x "$work/fake/dmsnap"
# What is installed for the shells
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
check "completion of snapshots, not of files" completes 'vg/monday vg/tuesday' dmsnap wait ''
check "completion of a store: also of files" completes 'vg/monday vg/tuesday volume.img' dmsnap check ''
check "completion of an option's argument" completes 'vg/tuesday' dmsnap export vg/monday --origin vg/t
check "completion of a file" completes 'volume.img' dmsnap apply vol
check "completion of words" completes 'bash' dmsnap completion ba
check "completion of a style" completes 'json' dmsnap check --progress j
check "completion of a number: nothing" completes '' dmsnap status --warn ''
check "completion of a command of a command" completes 'reset' dmsnap overlay re
check "completion of its option" completes '--copies' dmsnap overlay create --co
check "completion of its argument" completes 'vg/monday vg/tuesday' dmsnap overlay drop vg/
check "completion of a command that is called like one of another" completes '--progress --prometheus' dmsnap status --pr
check "completion of what help is for" completes 'estimate' dmsnap help est

if command -v fish > /dev/null && command -v zsh > /dev/null; then
	# fish_completes WORDS LINE
	fish_completes()
	{
		(cd "$work/here" && env PATH="$work/fake:$PATH" HOME="$work/here" \
			fish -c "source '$work/shells/dmsnap.fish'; complete -C '$2'") | cut -f 1 | sort > "$work/completed"
		[ "$(paste -s -d ' ' "$work/completed")" = "$1" ] || { cat "$work/completed"; return 1; }
	}
	check "completion in fish: of a command" fish_completes 'repair restore' 'dmsnap re'
	check "completion in fish: of a command of a command" fish_completes 'reset' 'dmsnap overlay re'
	check "completion in fish: of its option" fish_completes '--copies' 'dmsnap overlay create --co'
	check "completion in fish: not those of another" fish_completes '--progress' 'dmsnap overlay status --pro'
	check "completion in fish: of an option" fish_completes '--in-place' 'dmsnap repair --in'
	check "completion in fish: of a snapshot" fish_completes 'vg/monday vg/tuesday' 'dmsnap status vg/'
	check "completion in fish: of an argument" fish_completes 'bash fish zsh' 'dmsnap completion '
	check "completion in fish: of a file" fish_completes 'volume.img' 'dmsnap apply vol'
	# zsh_completes LINE COMPLETED: in a terminal, as people do, with the file in $functions
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
	check "completion in zsh: from what it prints" zsh_completes 'dmsnap rest' 'dmsnap restore *$'
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
	# without_complaints COMMAND...: it prints no complaints
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

# qemu_has START TYPE COMMAND...: while this byte is locked, as by QEMU
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
check "an image to which QEMU writes is not read" exits 2 qemu_has 101 read "$dmsnap" check "$work/good"
check "and it says so" complains 'live'
check "an image that QEMU only reads is read" exits 0 qemu_has 100 read "$dmsnap" check "$work/good"
check "but not written to" exits 2 qemu_has 100 read "$dmsnap" repair --in-place "$work/good"
check "an image that another program locked in its own way is not read" exits 2 qemu_has 5000 write "$dmsnap" check "$work/good"
# In the other direction: the lock that QEMU takes for writing
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
check "one that is read is not open to writers" no_writer_beside

# Needs root and a loop device
if [ "$(id -u)" = 0 ] && loop=$(losetup --show -f "$work/good" 2> /dev/null); then
	check "an image behind a loop device is refused" exits 2 "$dmsnap" check "$work/good"
	check "and it says so" complains "live: $loop stands on it"
	check "a block device" exits 0 "$dmsnap" check "$loop"
	in_use() { exits 2 "$dmsnap" check "$loop" && complains 'live'; }
	exec {held}< <(python3 -c 'import os, sys, time; os.open(sys.argv[1], os.O_RDONLY | os.O_EXCL); print(flush=True); time.sleep(60)' "$loop")
	read -r -u "$held"
	check "one that is in use is refused" in_use
	kill "$!" && exec {held}<&-
	losetup -d "$loop"
else
	echo "1 skipped"
fi

# --- misspelt words ------------------------------------------------

check "-V" exits 0 "$dmsnap" -V
check "is the version" says '^dmsnap [0-9]'
check "help" exits 0 "$dmsnap" help
check "is --help" says '^  check '
check "help of a command" exits 0 "$dmsnap" help apply
check "has its options" says '^  --undo'
check "help of none" exits 2 "$dmsnap" help applu
check "a command with a wrong letter" exits 2 "$dmsnap" chekc
check "is named, with the one that was meant" complains '^dmsnap: "chekc" is no command; "check" is\.'
check "a command of a command with a wrong letter" exits 2 "$dmsnap" overlay creat
check "is named, with the one that was meant" complains '^dmsnap: "creat" is no command of overlay; "create" is\.'
check "a command of a command is missing" exits 2 "$dmsnap" overlay
check "help of a command of a command" exits 0 "$dmsnap" help overlay create
check "has its options" says '^  --copies'
check "overlay: no size" exits 2 "$dmsnap" overlay create "$work/good"
check "overlay: says so" complains '\-\-size'
check "overlay: memory has no folder" exits 2 "$dmsnap" overlay create "$work/good" --size 4M --ram --dir "$work"
check "overlay: no size when one is taken up" exits 2 "$dmsnap" overlay create --resume good --size 4M
check "create: no group" exits 2 "$dmsnap" create vg/a
check "create: says so" complains '\-\-group'
check "create: a bad name" exits 2 "$dmsnap" create --group 'of monday' vg/a
check "create: says so" complains '"of monday" is no name of a group'
check "create: a bad part" exits 2 "$dmsnap" create --group monday vg/a --size 2.5%
check "create: says so" complains '"2.5%" is no part of a volume'
check "create: a bad size" exits 2 "$dmsnap" create --group monday vg/a --size 4Q
check "create: a limit that nothing can keep" exits 2 "$dmsnap" create --group monday vg/a --limit 0.01s
check "create: says so" complains '\-\-limit is 0.1s at least'
check "an option with a letter too many" exits 2 "$dmsnap" repair "$work/good" --in-places
check "is named, with the one that was meant" complains '^dmsnap: "--in-places" is no option or argument of repair; "--in-place" is\.'
check "a word that is near to none" exits 2 "$dmsnap" xyzzy
check "has nothing suggested" complains '^dmsnap: "xyzzy" is no command\. Try'
check "an argument is missing" exits 2 "$dmsnap" check
check "and the message begins as all do" complains '^dmsnap: '
check "check: an unknown header" exits 1 "$dmsnap" check "$work/foreign"
check "check: what it says" says 'magic 0xefbeadde, version 1, 8 sectors a chunk'
check "check: another version" exits 1 "$dmsnap" check "$work/version"
check "check: which one" says 'version 2, 8 sectors a chunk'
check "repair: another version is not an unknown chunk size" exits 1 "$dmsnap" repair "$work/version"
check "repair: it says which one" complains 'a store of version 2'
truncate -s 8M "$work/ext4"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 "$work/ext4"
check "check: a file system, which begins with zeros" exits 0 "$dmsnap" check "$work/ext4"
check "check: by its name, although a store could be made there" says 'a new one would be made here, over ext4$'
put "$work/ext4" 0 deadbeef
check "check: a file system" exits 1 "$dmsnap" check "$work/ext4"
check "check: by its name" says 'this is not a store, but holds ext4'
script -qec "'$dmsnap' apply '$work/good' --dry-run" "$work/out" < /dev/null > "$work/err" || true
check "apply: on a terminal it says that it waits" says 'waits for its input'
