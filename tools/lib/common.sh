# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2034 # sourced: the scripts use what is not used here
#
# Shared by the project's bash scripts: messages, logs, and a cache of things that are built once
# (kernels, guest root, initramfs).  Sourced.

DMSNAP_TOP=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
DMSNAP_LIB=$DMSNAP_TOP/tools/lib
DMSNAP_CACHE=${DMSNAP_CACHE:-/var/cache/dmsnap}
DMSNAP_LOGS=${DMSNAP_LOGS:-$DMSNAP_TOP/build/logs}

say()
{
	printf '%s\n' "$*" >&2
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# log_of WHAT: prints the path of the file for the last output of this step
log_of()
{
	mkdir -p "$DMSNAP_LOGS"
	printf '%s/%s.log\n' "$DMSNAP_LOGS" "${1//[^A-Za-z0-9.+-]/-}"
}

# quietly WHAT COMMAND...: runs the command with its output in a log, and prints the end of the log
# if it fails
quietly()
{
	local what=$1 log new rc=0
	shift
	log=$(log_of "$what")
	new=$(mktemp "$log.XXXXXX") # concurrent runs must not share a log
	"$@" > "$new" 2>&1 || rc=$?
	mv "$new" "$log"
	if [ "$rc" -ne 0 ]; then
		say "$what failed (exit code $rc), the last lines of its output (all of it: $log):"
		tail -n 25 "$log" | sed 's/^/    /' >&2
	fi
	return "$rc"
}

# names_in FILE: its lines without comments and empty lines
names_in()
{
	sed -E 's/[[:space:]]*#.*//; /^$/d' "$1"
}

# hash_of: hashes stdin, for the name of a cache entry
hash_of()
{
	sha256sum | cut -c 1-16
}

# A cache entry is a directory KIND-HASH.  It is built under another name and then renamed, so an
# entry that exists is complete.  Other users have no access: a guest's root has setuid programs and
# gets no updates.  They cannot hold the locks either.
cache_path()
{
	printf '%s/%s-%s\n' "$DMSNAP_CACHE" "$1" "$2"
}

# cache_make PATH BUILDER [ARGS...]: if PATH does not exist, runs `BUILDER NEWDIR ARGS...` and
# renames NEWDIR to PATH.  A concurrent call for the same kind waits, and then finds the entry.
# Removes entries of this kind that were not used for a week; younger ones may belong to another
# tree.
cache_make()
{
	local -r entry=$1 builder=$2
	local kind new
	shift 2
	if [ -d "$entry" ]; then
		touch -c "$entry" 2> /dev/null || true # in use
		return
	fi
	(umask 077 && mkdir -p "$DMSNAP_CACHE") || die "cannot make the cache $DMSNAP_CACHE (set DMSNAP_CACHE to a place you can write)"
	kind=$(basename "${entry%-*}")
	(
		umask 077
		exec 9> "$DMSNAP_CACHE/.lock-$kind"
		chmod 600 "$DMSNAP_CACHE/.lock-$kind"
		umask 022
		flock 9
		if [ ! -d "$entry" ]; then
			# The lock is held, so incomplete entries are leftovers
			rm -rf --one-file-system "$DMSNAP_CACHE/.new.$kind".*
			new=$(mktemp -d "$DMSNAP_CACHE/.new.$kind.XXXXXX")
			trap 'rm -rf --one-file-system "$new"' EXIT
			"$builder" "$new" "$@"
			mv -T "$new" "$entry"
			trap - EXIT
			find "$DMSNAP_CACHE" -maxdepth 1 -name "$kind-*" -mtime +7 \
				-exec rm -rf --one-file-system {} +
		fi
	)
}

# cache_clean: removes what the cache has made, and nothing else
cache_clean()
{
	find "$DMSNAP_CACHE" -mindepth 1 -maxdepth 1 -regextype posix-extended \
		\( -type d -regex '.*/[^/]+-[0-9a-f]{16}' -o -type d -regex '.*/\.new\.[^/]+\.[^/.]{6}' \
		-o -type f -regex '.*/durations(-tools)?\.json' \) -exec rm -rf --one-file-system {} +
}
