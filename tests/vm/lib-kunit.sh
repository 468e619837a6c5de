# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Helpers for cases that run KUnit suites.  A case sources this after lib.sh.
#
#   kunit_load ARGUMENTS...    loads dm-snapshot-kunit.ko, which runs its suites.  It replaces
#                              the driver, because both have the same caches
#   kunit_results              KUnit's results (KTAP)
#   kunit_check [CASE...]      fails unless everything planned has passed, and only these cases
#                              were skipped

kunit_load()
{
	unload_module
	insmod /job/vm/dm-snapshot-kunit.ko "$@"
}

kunit_results()
{
	cat /sys/kernel/debug/kunit/dmsnap-*/results
}

# The indented lines are those of the cases: "1..N" is the plan, then "ok N name", "not ok N name",
# "ok N name # SKIP why"
kunit_check()
{
	local planned passed skipped failed suites name
	planned=$(kunit_results | sed -n 's/^    1\.\.\([0-9]*\)$/\1/p' | awk '{ n += $1 } END { print n + 0 }')
	suites=$(kunit_results | grep -c '^ok ' || true)
	passed=$(kunit_results | grep '^    ok ' | grep -vc ' # SKIP' || true)
	failed=$(kunit_results | grep -c '^ *not ok ' || true)
	skipped=$(kunit_results | sed -n 's/^    ok [0-9]* \([^ ]*\) # SKIP.*/\1/p')
	note "KUnit: $suites suites, $passed of $planned cases passed, skipped: ${skipped//$'\n'/ }"
	for name in "$@"; do
		expect_eq "$(grep -xc "$name" <<< "$skipped")" 1 "$name should have been skipped"
	done
	if [ "$failed" -ne 0 ] || [ "$planned" -eq 0 ] || [ $((passed + $#)) -ne "$planned" ]; then
		kunit_results
		fail "KUnit: $failed failed, $((planned - $# - passed)) of $((planned - $#)) did not pass"
	fi
}
