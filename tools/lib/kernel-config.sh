# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0-only
#
# Configures the kernel source tree in the current directory.  Sourced after common.sh, by a
# script that has set `compiler`.
#
# Kconfig finds out whether the compiler has an option by compiling an empty file (cc-option).  It
# drops the output and takes any failure for a "no", even a lack of memory, processes or disk
# space.  So the output is kept here, and a configuration that lacks an option is made again.

readonly CONFIGURE_ATTEMPTS=3
CONFIGURE_PAUSE=${CONFIGURE_PAUSE:-10} # seconds to wait for a shortage to end

# kbuild ARCHITECTURE ARGS...: runs make without the variables of a calling make
kbuild()
{
	local architecture=$1
	shift
	env -u MAKEFLAGS -u MAKELEVEL make ARCH="$architecture" CC="$compiler" HOSTCC="$compiler" "$@"
}

# not_taken CONFIGURATION FRAGMENT...: prints the lines of the fragments that it lacks; fails if
# there are any
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

# _watched DIR LOG: puts a compiler of the same name into DIR that records its failures in LOG.
# The real one gets a PATH without DIR: ccache searches it for its compiler, and would find this one.
_watched()
{
	cat > "$1/$compiler" <<-END
		#!/bin/sh
		said=\$(mktemp "$1/said.XXXXXX") || exit 1
		PATH=$(printf %q "$PATH") "$(command -v "$compiler")" "\$@" 2> "\$said" && code=0 || code=\$?
		if [ \$code -ne 0 ]; then
			{ echo "exit code \$code: $compiler \$*"; sed 's/^/    /' "\$said"; } >> "$2"
		fi
		cat "\$said" >&2
		rm -f "\$said"
		exit \$code
	END
	chmod +x "$1/$compiler"
}

# Prints the state of resources that a machine may lack
_machine()
{
	uptime
	free -m
	df -h . "${TMPDIR:-/tmp}"
	echo "processes: $(find /proc -maxdepth 1 -name '[0-9]*' | wc -l), at most $(ulimit -u)"
}

# _attempt TOOLS ARCHITECTURE FRAGMENT...: makes the configuration once
_attempt()
{
	local tools=$1 architecture=$2
	shift 2
	PATH=$tools:$PATH quietly "make allnoconfig" kbuild "$architecture" allnoconfig &&
		quietly "merging the configuration" scripts/kconfig/merge_config.sh -m .config "$@" &&
		PATH=$tools:$PATH quietly "make olddefconfig" kbuild "$architecture" olddefconfig &&
		not_taken .config "$@"
}

# configure ARCHITECTURE FRAGMENT...: makes the configuration; fails if a line is not accepted
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
