# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Runs every command on terminals of several widths, as another user, without a reader, without
# room, and with an interrupt: see ../manners.

python3 "$top/tests/tools/manners" "$dmsnap" "$work" > "$work/manners" || true
grep -v ' passed, ' "$work/manners" || true
manners_counts=$(tail -n 1 "$work/manners")
check "manners: all commands were tried" grep -qE '^[0-9]{3,} passed, [0-9]+ failed$' <<< "$manners_counts"
passed=$((passed + $(sed -nE 's/^([0-9]+) passed, .*/\1/p' <<< "${manners_counts:-0 passed, }")))
failed=$((failed + $(sed -nE 's/.* ([0-9]+) failed$/\1/p' <<< "${manners_counts:- 1 failed}")))
