# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for the guest tests of merging (merge-*.sh).  A case sources this after lib-io.sh.
#
#   merge_table NAME [TYPE [CHUNK]]   the table line of snapshot-merge for snapshot NAME
#   merge_begin NAME           `org` becomes the merge of snapshot NAME, in LVM2's order; the
#                              snapshot is removed.  TYPE and CHUNK are those of the snapshot
#   merge_wait NAME SECONDS    waits until NAME (org) is merged, on dm events as a tool does;
#                              fails if nothing was merged for that long
#   is_merged NAME             its status says so: only the header and an area are left
#   merge_progress NAME        sectors left to merge, or 0

merge_table()
{
	printf '0 %s snapshot-merge %s %s %s %s\n' "$SIZE" "$(dm_path base)" "$(dm_path "cow-$1")" "${2:-P}" "${3:-8}"
}

merge_begin()
{
	local name=$1
	dm_load org "$(merge_table "$name" "${2:-P}" "${3:-8}")"
	dmsetup suspend org
	dmsetup suspend "$name"
	dmsetup resume org
	expect_eq "$(status_of "$name")" Invalid "the source, which has no store any more"
	dm_remove "$name"
	unset "FROZEN[$name]"
	note "merging $name"
}

merge_progress()
{
	local used metadata
	used=$(status_of "$1")
	metadata=${used##* }
	used=${used%%/*}
	printf '%s\n' "$((used - metadata))"
}

is_merged()
{
	[[ $(status_of "$1") =~ ^([0-9]+)/[0-9]+\ ([0-9]+)$ ]] && [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
}

# The event may come between the check and the wait, so read its number first
merge_wait()
{
	local event now left=-1 end=0
	while :; do
		event=$(events_of "$1")
		if is_merged "$1"; then
			return
		fi
		[ "$(status_of "$1")" != "Merge failed" ] || fail "the merge has failed"
		now=$(merge_progress "$1")
		if [ "$now" -ne "$left" ]; then
			left=$now end=$((SECONDS + $2))
		fi
		[ "$SECONDS" -lt "$end" ] || fail "nothing merged for $2 s: $(dmsetup status "$1")"
		timeout "$2" dmsetup wait "$1" "$event" > /dev/null || true
	done
}
