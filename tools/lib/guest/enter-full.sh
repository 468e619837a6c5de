# SPDX-License-Identifier: GPL-2.0-only
#
# The way from the initramfs to the full guest: the root image, which all
# guests share read-only, with a layer in memory above it.  The modules stay
# those of the initramfs, so one root image serves every kernel; the "own" guest
# has those of its image.  Sourced by init, does not return.

die_full()
{
	say_host "cannot start the full guest: $*"
	poweroff -f
}

modprobe -a ext4 overlay || die_full "no ext4 or overlay module"

root_disk=
for serial in /sys/block/*/serial; do
	if [ "$(cat "$serial")" = dmsnap-root ]; then
		root_disk=${serial%/serial}
		root_disk=/dev/${root_disk##*/}
	fi
done
[ -n "$root_disk" ] || die_full "no disk with serial dmsnap-root"

mkdir -p /layers/lower /layers/memory /newroot
mount -t ext4 -o ro,noload "$root_disk" /layers/lower || die_full "mount of $root_disk"
mount -t tmpfs -o mode=755 tmpfs /layers/memory
mkdir /layers/memory/upper /layers/memory/work
mount -t overlay -o lowerdir=/layers/lower,upperdir=/layers/memory/upper,workdir=/layers/memory/work \
	overlay /newroot || die_full "mount of the overlay"

mkdir -p /newroot/job /newroot/results /newroot/lib/modules /newroot/lib/dmsnap
if [ "$(option kind full)" = full ]; then
	mount --bind /lib/modules /newroot/lib/modules
fi
mount --bind /lib/dmsnap /newroot/lib/dmsnap
for dir in /proc /sys /dev /run /tmp /job /results; do
	mkdir -p "/newroot$dir"
	mount --move "$dir" "/newroot$dir"
done
cd /newroot || die_full "no new root"
# Not switch_root, which deletes the initramfs: /lib/modules lives on in it.
mount --move . /
exec chroot . /lib/dmsnap/init-full
