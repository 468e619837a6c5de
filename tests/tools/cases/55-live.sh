# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# What there is to the commands for live snapshots without any.

check "status: there is none of that name" exits 2 "$dmsnap" status no-such-device
check "status: of LVM2's neither" exits 2 "$dmsnap" status vg/no-such-volume
check "status: not for everybody" exits 2 setpriv --reuid 65534 --clear-groups "$dmsnap" status
