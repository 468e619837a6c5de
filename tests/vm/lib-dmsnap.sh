# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for cases that run the program dmsnap ("# tools: dmsnap").  A case sources this after
# lib.sh.
#
#   exits CODE ARGUMENTS...    dmsnap must exit with CODE; its output goes to $TMP/out and $TMP/err
#   says REGEX                 standard output must match
#   complains REGEX            standard error must match

dmsnap=/job/vm/dmsnap
readonly dmsnap

exits()
{
	local want=$1 rc=0
	shift
	"$dmsnap" "$@" > "$TMP/out" 2> "$TMP/err" || rc=$?
	[ "$rc" -eq "$want" ] || fail "exit code $rc, not $want: dmsnap $*
$(cat "$TMP/out" "$TMP/err")"
}

says()
{
	grep -qE -- "$1" "$TMP/out" || fail "does not say $1:
$(cat "$TMP/out")"
}

complains()
{
	grep -qE -- "$1" "$TMP/err" || fail "does not complain $1:
$(cat "$TMP/err")"
}
