# SPDX-License-Identifier: GPL-2.0-only
#
# Plays scenarios of dmsetup commands with the in-tree module and with ours, in one guest, and
# compares what a user sees.  The transcript of in-tree is kept, and without --full not made again.
# The cases transcript-*.sh source this after lib.sh.  This file makes and compares transcripts;
# the other files here have the scenarios, and `differences` lists the intended differences.
#
# A scenario file is sourced with `set -e`, once for each module:
#
#     scenario "chunk size: not a power of 2"      clean disks, no dm device
#     x dmsetup create s --table "0 $S snapshot $ORG $COW P 7"
#
# x COMMAND... puts the command, its output, its exit code and what device mapper
# logged meanwhile into the transcript, and never fails.  Anything else that fails
# is a mistake in the scenario and fails the case.
#
# Devices, the same for both modules: ORG, COW, COW2 (8 MB, blocks of 512 bytes)
# and K4 (8 MB, blocks of 4096); ORG_N ... are their numbers, S is the size of ORG
# in sectors.  MODULE_NOW is the one being played.
#
#   x COMMAND...                   RC is its exit code
#   in_tree_oopses WORDS           x does not run these commands; nor may a scenario
#   slice NAME DEVICE SECTORS [FROM]   a dm device that is a part of another one
#   put LETTER DEVICE SECTOR COUNT one direct write of at most 1 MB
#   show DEVICE [SECTOR COUNT]     contents as "<sectors><letter>", '.' for zeros
#   line NAME...                   x: table, status and events of dm devices
#   merge_over NAME                a merge is over, done or failed; for wait_until
#   try TABLE                      x: create, table, remove; then empties COW
#   blank DEVICE...                zeroes them

readonly TRANSCRIPTS=/job/vm/transcripts

scenario()
{
	_end_scenario
	SCENARIO=$1
}

_end_scenario()
{
	_no_devices
	# On top of all disks: one command instead of four
	blkdiscard -f /dev/mapper/disks 2> /dev/null
	dmesg --read-clear --notime >> "$TMP/log"
}

# _say TEXT: a line of the transcript
_say()
{
	printf '%s| %s\n' "$SCENARIO" "$1" >&3
}

# The kernel's log gets a mark before each command, and is put into the transcript
# by _merge_log: a dmesg for each command would take as long as the command.
x()
{
	local line
	RC=0
	MARK=$((MARK + 1))
	echo "<7>transcript $MARK" > /dev/kmsg
	_say "\$ $*"
	if in_tree_oopses "$*"; then
		_say "not played on Linux $KERNEL"
		RC=1
		return
	fi
	"$@" > "$TMP/x" 2>&1 || RC=$?
	[ "$RC" -ne 127 ] || fail "$SCENARIO: no such command: $* ($(< "$TMP/x"))"
	while read -r line || [ -n "$line" ]; do
		_say "$line"
	done < "$TMP/x"
	_say "= $RC"
	_say "mark $MARK"
}

# in_tree_oopses WORDS: would this command crash the kernel with the in-tree driver?  7.3 divides by
# the granularity of discards in sectors.  The in-tree driver gives the chunk size in sectors, where
# bytes are expected.  Below 512 the result is 0 sectors, and loading the table is an oops.
in_tree_oopses()
{
	[[ $KERNEL == 7.* && ${1,,} == *discard_zeroes_cow* ]]
}

# _merge_log FILE: replaces each mark there by what device mapper logged after it.  The in-tree
# driver's stores log with their own prefix, ours has one for all; and any thread may be the one
# that runs into the end of a device.
_merge_log()
{
	awk '
		NR == FNR && /^transcript [0-9]+$/ { mark = $2 }
		NR == FNR {
			sub(/^device-mapper: (persistent snapshot|transient snapshot|snapshot exception stores): /,
				"device-mapper: snapshots: ")
			sub(/^.*: attempt to access beyond/, "attempt to access beyond")
		}
		NR == FNR && /^device-mapper: |beyond end of device/ { said[mark, ++lines[mark]] = $0 }
		NR == FNR { next }
		/\| mark [0-9]+$/ {
			mark = $NF
			sub(/\| mark [0-9]+$/, "| log: ")
			for (i = 1; i <= lines[mark]; i++)
				print $0 said[mark, i]
			next
		}
		{ print }' "$TMP/log" "$1"
}

blank()
{
	local device
	for device; do
		blkdiscard -f "$device" 2> /dev/null
	done
}

slice()
{
	dmsetup create "$1" --table "0 $3 linear $2 ${4:-0}"
}

put()
{
	dd if="$TMP/pattern.$1" of="$2" bs="$(($4 * 512))" count=1 seek="$(($3 * 512))" \
		oflag=direct,seek_bytes conv=notrunc status=none
}

show()
{
	dd if="$1" bs="$((${3:-$S} * 512))" count=1 skip="$((${2:-0} * 512))" iflag=direct,skip_bytes \
		status=none | tr '\0' . | fold -b -w 512 | uniq -c | cut -b 1-9 | tr -d ' ' | tr '\n' ' '
}

line()
{
	local name
	for name; do
		x dmsetup table "$name"
		x dmsetup status "$name"
		x dmsetup info -c --noheadings -o name,events,suspended,readonly "$name"
	done
}

try()
{
	x dmsetup create s --table "$1"
	if [ "$RC" -eq 0 ]; then
		x dmsetup table s
		x dmsetup remove s
		blank "$COW"
	fi
}

merge_over()
{
	local used rest
	read -r _ _ _ used rest < <(dmsetup status "$1")
	[ "${used%%/*}" = "$rest" ] || [[ $used != */* ]]
}

# Suspended devices first, because they block the devices above them.  Devices that never had a
# table are not in /sys.
_no_devices()
{
	local tries i dir names
	for ((tries = 0; tries < 5; tries++)); do
		names=()
		for dir in /sys/block/dm-*/dm; do
			if [ ! -e "$dir" ] || [ "$(< "$dir/name")" = disks ]; then
				continue
			fi
			names+=("$(< "$dir/name")")
			if [ "$(< "$dir/suspended")" = 1 ]; then
				dmsetup resume --noflush "${names[-1]}" 2> /dev/null || true
			fi
		done
		if [ "${#names[@]}" -eq 0 ]; then
			_no_bare_devices
			return
		fi
		for ((i = ${#names[@]} - 1; i >= 0; i--)); do
			dmsetup remove "${names[i]}" 2> /dev/null || true
		done
	done
	fail "$SCENARIO leaves dm devices: ${names[*]}"
}

_no_bare_devices()
{
	local name
	for name in $(dmsetup ls | cut -f 1); do
		[ "$name" = disks ] || dmsetup remove "$name"
	done
}

_make_disks()
{
	local letter
	ORG=$(make_ram org 8) COW=$(make_ram cow 8) COW2=$(make_ram cow2 8) K4=$(make_ram_bs k4 8 4096)
	# shellcheck disable=SC2034 # read by the scenarios
	ORG_N=$(_number "$ORG") COW_N=$(_number "$COW") COW2_N=$(_number "$COW2") K4_N=$(_number "$K4")
	S=$(sectors "$ORG")
	dm_create disks "0 $S linear $ORG 0
$S $S linear $COW 0
$((2 * S)) $S linear $COW2 0
$((3 * S)) $S linear $K4 0"
	for letter in A B C D; do
		dd if=/dev/zero bs=1M count=1 status=none | tr '\0' "$letter" > "$TMP/pattern.$letter"
	done
	# Under emulation a program at the same address starts twice as fast
	echo 0 > /proc/sys/kernel/randomize_va_space
}

_number()
{
	cat "/sys/class/block/${1##*/}/dev"
}

# _play FILE MODULE TRANSCRIPT
_play()
{
	SCENARIO=none
	MARK=0
	# shellcheck disable=SC2034 # read by the scenarios
	MODULE_NOW=$2
	load_module "$2"
	# Otherwise ours has an invalid snapshot where in-tree has none
	if [ "$2" = ours ]; then
		echo 1 > /sys/module/dm_snapshot/parameters/refuse_bad_store
	fi
	dmesg --clear
	: > "$TMP/log"
	# shellcheck disable=SC1090 # the scenarios
	. "$TRANSCRIPTS/$1.sh" 3> "$TMP/transcript"
	_end_scenario
	_merge_log "$TMP/transcript" > "$3"
}

# --- comparing ---------------------------------------------------------------

# The allowed differences: blocks of the file `differences`, see its head.
_read_differences()
{
	local key value what='' where='*'
	DIFF_WHAT=() DIFF_SIDE=() DIFF_REGEX=() DIFF_USED=() DIFF_WHERE=()
	while read -r key value; do
		case $key in
		'' | '#'*) ;;
		scenario:) what=$value where='*' ;;
		kernel:) where=$value ;;
		reason:) [ -n "$value" ] || fail "differences: no reason for $what" ;;
		ours: | in-tree:)
			DIFF_WHAT+=("$what") DIFF_SIDE+=("${key%:}") DIFF_REGEX+=("$value") DIFF_USED+=(0)
			DIFF_WHERE+=("$where")
			;;
		*) fail "differences: what is '$key'?" ;;
		esac
	done < "$1"
}

# _is_here KERNELS: is the running kernel one of them?
_is_here()
{
	[ "$1" = '*' ] || [[ " $1 " == *" $KERNEL "* ]]
}

# _is_meant SIDE SCENARIO TEXT: may this line be on that side only?
_is_meant()
{
	local i
	for i in "${!DIFF_WHAT[@]}"; do
		# shellcheck disable=SC2053 # a glob
		if [[ $1 = "${DIFF_SIDE[i]}" && $2 == ${DIFF_WHAT[i]} && $3 =~ ^(${DIFF_REGEX[i]})$ ]] &&
			_is_here "${DIFF_WHERE[i]}"; then
			DIFF_USED[i]=1
			return 0
		fi
	done
	return 1
}

# compare_files IN-TREE OURS DIFFERENCES: fails with the differences that are not intended
compare_files()
{
	local line side bad=0 i text
	_read_differences "$3"
	diff -U 0 "$1" "$2" > "$TMP/diff" || [ $? -eq 1 ] || fail "diff failed"
	while IFS= read -r line; do
		case $line in
		'---'* | '+++'* | '@@'*) continue ;;
		-*) side=in-tree ;;
		+*) side=ours ;;
		esac
		text=${line#?}
		if ! _is_meant "$side" "${text%%| *}" "${text#*| }"; then
			printf '%-7s %s\n' "$side" "$text" >&2
			bad=$((bad + 1))
		fi
	done < "$TMP/diff"
	for i in "${!DIFF_USED[@]}"; do
		# Without a scenario of that name here it belongs to another file
		if [ "${DIFF_USED[i]}" -eq 0 ] && _is_here "${DIFF_WHERE[i]}" &&
			_has_scenario "$1" "${DIFF_WHAT[i]}"; then
			echo "listed, but not seen: ${DIFF_WHAT[i]}: ${DIFF_SIDE[i]}: ${DIFF_REGEX[i]}" >&2
			bad=$((bad + 1))
		fi
	done
	[ "$bad" -eq 0 ] || fail "$bad differences that transcripts/differences does not explain"
}

_has_scenario()
{
	local name
	[ "$2" != '*' ] || return 1
	while read -r name; do
		# shellcheck disable=SC2053 # a glob
		if [[ $name == $2 ]]; then
			return 0
		fi
	done < <(cut -d '|' -f 1 "$1" | uniq)
	return 1
}

# compare_transcripts FILE: plays it with both modules; the case needs "# keeps: FILE.in-tree"
compare_transcripts()
{
	local in_tree=$RESULTS/$1.in-tree ours=$RESULTS/$1.ours kept=/job/vm/kept/$1.in-tree
	_make_disks
	if [ -e "$kept" ]; then
		note "what in-tree shows is that of an earlier run"
		cp "$kept" "$in_tree"
	else
		_play "$1" in-tree "$in_tree"
	fi
	_play "$1" ours "$ours"
	note "$(cut -d '|' -f 1 "$ours" | uniq | grep -c .) scenarios, $(grep -c '| \$ ' "$ours") commands"
	compare_files "$in_tree" "$ours" "$TRANSCRIPTS/differences"
}
