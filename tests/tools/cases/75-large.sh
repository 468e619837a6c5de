# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# 10 million exceptions, scattered over 16 TB, must not need more memory than dmsnap(8) says.
# export reads 80 GB of holes for them, so it runs only with FULL=1.

# below_256_mib COMMAND...: it succeeds, and its peak memory is below the limit
below_256_mib()
{
	python3 -c '
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
if code or peak >= 256:
    sys.exit(f"  exit code {code}, {peak} MiB: {sys.argv[1:]}")' "$@"
}
# lines_of, bytes_of COMMAND...: the size of its output, and "failed" if it or the limit fails
lines_of() { below_256_mib "$@" | wc -l || echo failed; }
bytes_of() { below_256_mib "$@" | wc -c || echo failed; }

large_chunks=4000000000 large_exceptions=10000000
if [ -n "${SAN:-}" ]; then
	# The sanitizers need memory themselves
	echo "1 skipped"
elif ! truncate -s $((large_chunks * 4096)) "$work/large-origin" 2> /dev/null; then
	echo "1 skipped: no file of 16 TB can be made here"
else
	"$maker" scattered "$work/large-store" 8 $large_exceptions $large_chunks 1
	check "check: 10 million exceptions" exits 0 below_256_mib "$dmsnap" check "$work/large-store" --origin "$work/large-origin"
	check "diff: 10 million exceptions" [ "$(lines_of "$dmsnap" diff "$work/large-store" --origin "$work/large-origin" 2> "$work/err")" = $large_exceptions ]
	if [ -n "${FULL:-}" ]; then
		check "export: 10 million exceptions" [ "$(bytes_of "$dmsnap" export "$work/large-store" --origin "$work/large-origin" 2> "$work/err")" = $((40 + (large_exceptions + 1) * 56)) ]
	fi
	rm -f "$work"/large-*
fi
