# summary: the package: installed while snapshots are in use, its module loaded in every way, removed
# guest: own
# module: in-tree
# disks: 128M 64M
# mem: 2048
# timeout: 360

# Run by tests/vm/package.  In the image dmsnap-dkms is unpacked but not configured,
# and DKMS finds the built module in an archive: compiling under emulation takes minutes.

. /job/vm/lib-lvm.sh

export DEBIAN_FRONTEND=noninteractive
# The driver's version: that of the package without its revision, 1.0.0-rc1 for 1.0.0~rc1-1
version=$(dpkg-query -W -f '${Version}' dmsnap-dkms)
version=${version%-*}
version=${version/\~/-}

# loads ours|in-tree COMMAND...: after the command that module must be loaded
loads()
{
	local who=$1
	shift
	expect_ok "$@"
	expect_eq "$(loaded_module)" "$who" "loaded by: $*"
	note "$who loaded by: $*"
}

# in_initramfs: prints the folder in which the initramfs has the module
in_initramfs()
{
	lsinitramfs "/boot/initrd.img-$(uname -r)" |
		sed -n "s,^usr/lib/modules/[^/]*/\(.*\)/dm-snapshot\.ko.*,\1,p"
}

# doctor CODE TEXT: dmsnap doctor must exit with this code and say this
doctor()
{
	local code=0
	OUTPUT=$(dmsnap doctor) || code=$?
	printf '%s\n' "$OUTPUT"
	expect_eq "$code" "$1" "dmsnap doctor's exit code"
	grep -qF "$2" <<< "$OUTPUT" || fail "dmsnap doctor does not say: $2"
}

expect_eq "$(loaded_module)" in-tree
lvm_make 32 /dev/vda
lvm_take before -L 16M -c 16k
lvm_files /mnt/origin 2

note "--- installation, with snapshots in use"
clear_log
expect_ok dpkg --configure dmsnap-dkms
printf '%s\n' "$OUTPUT"
for text in "the kernel's own dm_snapshot is still loaded" "Devices use it, and keep working" \
	"vgchange -an VG && modprobe -r dm_snapshot"; do
	expect_match "$OUTPUT" ".*$text.*"
done
expect_eq "$(dpkg-query -W -f '${db:Status-Status}' dmsnap-dkms)" installed
expect_eq "$(loaded_module)" in-tree "a module in use was exchanged"
expect_eq "$(kernel_log | grep -v 'dmsnap: case' | grep -i snapshot || true)" ""
lvm_files /mnt/origin 3
lvm_check_origin
lvm_check
expect_eq "$(in_initramfs)" updates/dkms

doctor 1 "The kernel's own dm_snapshot is loaded and in use. Reboot"

note "--- the exchange that it tells of"
umount /mnt/origin
vgchange -q -an vg
modprobe -r dm_snapshot
expect_eq "$(loaded_module)" none
loads ours vgchange -q -ay vg # LVM2 asks modprobe
expect_eq "$(cat /sys/module/dm_snapshot/version)" "$version"
doctor 0 "All is well."
mount_at /dev/vg/origin > /dev/null
lvm_check_origin
lvm_check
lvm_files /mnt/origin 4
lvm_check
umount /mnt/origin
vgchange -q -an vg

note "--- the other ways to load it"
modprobe -r dm_snapshot
loads ours modprobe dm-snapshot
base=$(make_ram ram-base 4)
cow=$(make_ram ram-cow 4)
size=$(sectors "$base")
for target in "snapshot-origin $base" "snapshot $base $cow N 8" "snapshot-merge $base $cow P 8"; do
	modprobe -r dm_snapshot
	blkdiscard "$cow"
	# The kernel itself calls modprobe, with the target's name
	loads ours dmsetup create one --table "0 $size $target"
	dmsetup remove one
done

note "--- a system whose root is an origin, for tests/vm/package to boot from this initramfs"
vgcreate -q boot /dev/vdb
lvcreate -q -n root -L 32M boot
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 -N 256 -J size=4 /dev/boot/root
root=$(mount_at /dev/boot/root)
mkdir -p "$root"/{bin,sbin,dev,proc,sys,run,mnt}
cp /usr/bin/busybox "$root/bin/"
cp /job/vm/cases/boot-init "$root/sbin/init"
cp -L --parents /usr/sbin/dmsetup "$root"
ldd /usr/sbin/dmsetup | grep -o '/[^ ]*' | xargs -I FILE cp -L --parents FILE "$root"
echo before > "$root/stamp"
sync -f "$root"
lvcreate -q -s -n snap -L 8M boot/root
echo after > "$root/stamp"
umount "$root"
vgchange -q -an boot
cp "/boot/initrd.img-$(uname -r)" "$RESULTS/initrd"
dd if=/dev/vdb of="$RESULTS/boot.img" bs=1M status=none

note "--- removal, with snapshots in use"
vgchange -q -ay vg
expect_ok dpkg --remove dmsnap-dkms
printf '%s\n' "$OUTPUT"
expect_match "$OUTPUT" ".*the removed driver is still loaded.*modprobe -r dm_snapshot.*"
expect_eq "$(loaded_module)" ours "a module in use was exchanged"
lvm_check
expect_eq "$(in_initramfs)" kernel/drivers/md
vgchange -q -an vg
modprobe -r dm_snapshot
loads in-tree vgchange -q -ay vg
lvm_check
doctor 1 "not installed"
expect_eq "$(find "/lib/modules/$(uname -r)" /var/lib/dkms -path '*/updates/*dm-snapshot*' -o -name 'dmsnap*')" ""
