# SPDX-License-Identifier: GPL-2.0-only
#
# The job of a test guest.  It runs the cases named in /job/plan in turn, each in its own bash, and
# prints on the console which one is running.  So the host knows to which case a splat, a hang or a
# lost guest belongs.
#
# A line of the plan: NAME STAGE MODULE

. /lib/dmsnap/guest.sh

# Exit code of a case after which the guest cannot run others; the host starts a new guest
readonly UNFIT=88

# Copied to memory, because it runs all the time
cp /job/vm/sum /run/sum

while read -r CASE STAGE MODULE; do
	export CASE STAGE MODULE
	say_host "case begin $CASE"
	rc=0
	# shellcheck disable=SC2016 # expanded by the inner bash
	setsid --wait bash -c '. /job/vm/lib.sh; case_begin; . "/job/vm/cases/$CASE.sh"' "$CASE" \
		< /dev/null > "/results/$CASE.$STAGE.log" 2>&1 || rc=$?
	say_host "case end $CASE $rc"
	if [ "$rc" -eq "$UNFIT" ]; then
		exit "$UNFIT"
	fi
done < /job/plan
