# SPDX-License-Identifier: GPL-2.0-only
#
# Shows that a long command is alive and how long it will take.  It needs nothing but bash, for the
# time before Python is installed; after that terminal.py does this.  Sourced.

_clock()
{
	printf '%d:%02d' $(($1 / 60)) $(($1 % 60))
}

# follow SECONDS LOG COMMAND...: prints the command's lines as they come, also to LOG, with the
# time so far and an estimate of what is left; SECONDS is the expected total.  On a terminal the
# time is a last line that changes, otherwise a line every half minute.  Returns the command's
# exit code.
follow()
{
	local about=$1 log=$2 begun=$SECONDS told=$SECONDS feed pid line part='' left got
	shift 2
	exec {feed}< <(exec "$@" < /dev/null 2>&1)
	pid=$!
	while :; do
		got=0
		IFS= read -r -t 1 -u "$feed" line || got=$?
		line=$part$line part=
		if [ "$got" -eq 0 ]; then
			printf '%s\n' "$line" >> "$log"
			if [ -t 1 ]; then printf '\r\033[K'; fi
			printf '    %s\n' "$line"
		elif [ "$got" -gt 128 ]; then # a second has passed
			part=$line
		else
			break
		fi
		left=$((about - SECONDS + begun))
		if [ "$left" -gt 0 ]; then
			left="about $(_clock "$left") left"
		else
			left="longer than expected"
		fi
		if [ -t 1 ]; then
			printf '\r\033[K    %s so far, %s' "$(_clock $((SECONDS - begun)))" "$left"
		elif [ $((SECONDS - told)) -ge 30 ]; then
			told=$SECONDS
			printf '    ... %s so far, %s\n' "$(_clock $((SECONDS - begun)))" "$left"
		fi
	done
	if [ -t 1 ]; then printf '\r\033[K'; fi
	exec {feed}<&-
	wait "$pid"
}
