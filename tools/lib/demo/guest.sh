# SPDX-License-Identifier: GPL-2.0-only
#
# Runs the steps of the demonstration in the guest:  guest.sh STEP...
#
# A step is a file steps/NN-NAME.sh; they are sourced in the order of their names.  The first lines
# of a step are for the host (run.py):
#
#     # title: A snapshot
#     # boot: 1                 in which boot of the machine
#
# It uses these functions.  A command that fails ends the demonstration.  $NOTES survives a reboot.
#
#   say TEXT...               plain words for the user, a paragraph
#   run 'COMMAND LINE'        shows the line, runs it, shows its output
#   held CLAIM COMMAND...     the command succeeds if the claim is true
#   progress WHAT DONE TOTAL  how far something is, in MB; DONE = TOTAL ends it

set -eEuo pipefail

NOTES=/results/notes
# shellcheck disable=SC2034 # for the steps
OLD=$NOTES/old.sha256 NEW=$NOTES/new.sha256 KEPT=$NOTES/snapshot.sha256
mkdir -p "$NOTES"

# tell KIND TEXT: a line for the host; its first byte marks it.  Not to stdout, which may be
# captured
tell()
{
	printf '\036%s %s\n' "$1" "$2" >&3
}

say()
{
	tell say "$*"
}

run()
{
	tell run "$1"
	eval "$1" 2>&1
}

held()
{
	CLAIM=$1
	shift
	# Not in an if: a claim's command must fail like any other command
	"$@"
	tell held "$CLAIM"
	CLAIM=
}

progress()
{
	tell progress "$*"
}

# --- functions for the steps ----------------------------------------------

# ours_is_loaded: the loaded module is the one that was built, and not the in-tree one
ours_is_loaded()
{
	local built
	built=$(modinfo -F srcversion "/lib/modules/$(uname -r)/updates/dm-snapshot.ko")
	[ -n "$built" ] && [ "$(< /sys/module/dm_snapshot/srcversion)" = "$built" ]
}

# sums DIR: checksums of all files below DIR, for sha256sum --check
sums()
{
	(cd "$1" && find . -type f ! -path './lost+found/*' | LC_ALL=C sort | xargs sha256sum)
}

# files_are DIR SUMS: DIR holds exactly these files, as read from the disks
files_are()
{
	sync
	echo 3 > /proc/sys/vm/drop_caches
	diff "$2" <(sums "$1")
}

# --- main ---------------------------------------------------------------------

exec 3>&1
export LVM_SUPPRESS_FD_WARNINGS=1 # LVM2 warns of inherited file descriptors
CLAIM=
trap 'tell broken "${CLAIM:+not so: $CLAIM; }exit code $? of: $BASH_COMMAND"' ERR

for step in "$@"; do
	tell begin "$step"
	# shellcheck source=/dev/null
	. "/job/demo/steps/$step.sh"
	tell end "$step"
done
