# SPDX-License-Identifier: GPL-2.0-only
#
# title: Switching the machine off
# boot: 1

say "What the snapshot has is on disk, so it must survive a restart."
run 'umount /mnt/before /mnt/work'
run 'vgchange --activate n demo'
