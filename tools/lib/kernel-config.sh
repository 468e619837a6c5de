# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0-only
#
# The configuration of a kernel's source tree, the current directory.  Sourced after
# common.sh, by the script that has set `compiler`.
#
# Kconfig tests whether the compiler knows an option by compiling nothing with it
# (cc-option), discards the output, and takes any failure for a "no", even for
# lack of memory, processes or disk space.  So the compiler's output is kept
# here, and a configuration that lacks something is made again.

readonly CONFIGURE_ATTEMPTS=3
CONFIGURE_PAUSE=${CONFIGURE_PAUSE:-10} # seconds, for the shortage to end

# kbuild ARCHITECTURE ARGS...: without the variables of a calling make
kbuild()
{
	local architecture=$1
	shift
	env -u MAKEFLAGS -u MAKELEVEL make ARCH="$architecture" CC="$compiler" HOSTCC="$compiler" "$@"
}

# not_taken CONFIGURATION FRAGMENT...: says which lines of the fragments it lacks;
# fails if there are any
not_taken()
{
	local config=$1 line name bad=0
	shift
	while IFS= read -r line; do
		name=${line#\# }
		name=${name%%[= ]*}
		case $line in
		'# CONFIG_'*' is not set') grep -q "^$name=" "$config" || continue ;;
		# auto.conf has strings without quotation marks
		CONFIG_*) ! grep -qxF -e "$line" -e "${line//\"/}" "$config" || continue ;;
		*) continue ;;
		esac
		say "tests/kernel: the kernel does not take \"$line\""
		bad=1
	done < <(cat "$@")
	return "$bad"
}

# _watched DIR LOG: a compiler in DIR, of the same name, that records its failures in LOG
_watched()
{
	cat > "$1/$compiler" <<-END
		#!/bin/sh
		said=\$(mktemp "$1/said.XXXXXX") || exit 1
		"$(command -v "$compiler")" "\$@" 2> "\$said" && code=0 || code=\$?
		if [ \$code -ne 0 ]; then
			{ echo "exit code \$code: $compiler \$*"; sed 's/^/    /' "\$said"; } >> "$2"
		fi
		cat "\$said" >&2
		rm -f "\$said"
		exit \$code
	END
	chmod +x "$1/$compiler"
}

# Resources that a machine may lack
_machine()
{
	uptime
	free -m
	df -h . "${TMPDIR:-/tmp}"
	echo "processes: $(find /proc -maxdepth 1 -name '[0-9]*' | wc -l), at most $(ulimit -u)"
}

# _attempt TOOLS ARCHITECTURE FRAGMENT...
_attempt()
{
	local tools=$1 architecture=$2
	shift 2
	PATH=$tools:$PATH quietly "make allnoconfig" kbuild "$architecture" allnoconfig &&
		quietly "merging the configuration" scripts/kconfig/merge_config.sh -m .config "$@" &&
		PATH=$tools:$PATH quietly "make olddefconfig" kbuild "$architecture" olddefconfig &&
		not_taken .config "$@"
}

# configure ARCHITECTURE FRAGMENT...: fails if a line was not accepted
configure()
{
	local tools log attempt rc=1
	log=$(log_of "what the compiler failed at")
	: > "$log"
	tools=$(mktemp -d)
	_watched "$tools" "$log"
	for ((attempt = 1; ; attempt++)); do
		echo "attempt $attempt" >> "$log"
		if _attempt "$tools" "$@"; then
			rc=0
			break
		fi
		_machine >> "$log" 2>&1
		say "attempt $attempt of $CONFIGURE_ATTEMPTS; what the compiler failed at, and how this machine was: $log"
		[ "$attempt" -lt "$CONFIGURE_ATTEMPTS" ] || break
		sleep "$CONFIGURE_PAUSE"
	done
	rm -r "$tools"
	return "$rc"
}
