# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers of the cases that run the program dmsnap ("# tools: dmsnap"), sourced by a
# case after lib.sh.
#
#   exits CODE ARGUMENTS...    of dmsnap; what it says is then in $TMP/out and $TMP/err
#   says REGEX                 it does, on standard output
#   complains REGEX            it does, on standard error

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
