# SPDX-License-Identifier: GPL-2.0-only
#
# The job of a test guest: runs the cases named in /job/plan one after the
# other, each in its own bash, and says on the console which one is running, so
# that the host knows which one to blame for a splat, a hang or a lost guest.
#
# A line of the plan: NAME STAGE MODULE

. /lib/dmsnap/guest.sh

# Exit code: the guest is not fit for more cases, the host starts another
readonly UNFIT=88

# In memory: it is run all the time
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
