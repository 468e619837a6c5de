# SPDX-License-Identifier: GPL-2.0-only
#
# What tools/demo --shell does in the guest before it gives a prompt.  Sourced.

modprobe dm-snapshot
vgchange -q --activate y demo
mkdir -p /mnt/work /mnt/before
mount /dev/demo/work /mnt/work
mount /dev/demo/before /mnt/before
cat <<END

This is the machine of the demonstration. The module is loaded, version
$(cat /sys/module/dm_snapshot/version). The origin is mounted at /mnt/work, its snapshot at /mnt/before.

  dmsetup table; dmsetup status; lvs         what there is
  lvcreate -s -L 32M -n second demo/work     one more snapshot
  dmesg | tail                               what the driver has logged

"exit" ends the machine (Ctrl-A X: at once).

END
