# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# On a simulated system, with the real depmod.

system=$work/system release=6.1.0-99-amd64
modules=$system/lib/modules/$release
ours=updates/dkms/dm-snapshot.ko in_tree=kernel/drivers/md/dm-snapshot.ko

# module PATH WORD...: a module file with these fields
module()
{
	local path=$modules/$1
	shift
	mkdir -p "${path%/*}"
	{
		printf '.section .modinfo,"a"\n'
		printf '.asciz "%s"\n' "name=dm_snapshot" "license=GPL" "$@" "vermagic=$release SMP mod_unload "
	} | as -o "$path" -
}
listed() { PATH=$PATH:/usr/sbin:/sbin depmod -b "$system" "$release"; }
loaded()
{
	rm -rf "$system/sys/module/dm_snapshot"
	mkdir -p "$system/sys/module/dm_snapshot"
	echo "$1" > "$system/sys/module/dm_snapshot/refcnt"
	if [ -n "${2:-}" ]; then
		echo "$2" > "$system/sys/module/dm_snapshot/version"
	fi
}
doctor() { "$dmsnap" doctor --root "$system" --kernel "$release" "$@"; }
efi=$system/sys/firmware/efi/efivars
secure_boot() { printf '\6\0\0\0%b' "$1" > "$efi/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"; }

mkdir "$system"
check "doctor: a kernel that is not there" exits 2 doctor
check "doctor: and it says so" complains 'no modules of kernel 6.1.0-99-amd64'
mkdir -p "$modules" "$system"/{proc/sys/kernel,sys/firmware,boot,usr/{src,bin,sbin}}
touch "$modules"/modules.{order,builtin,builtin.modinfo} "$system/usr/sbin/dmsetup"
echo "$release" > "$system/proc/sys/kernel/osrelease"
check "doctor: /sys is not mounted" exits 2 doctor
mkdir "$system/sys/module"

module $in_tree intree=Y
listed
check "doctor: nothing is installed" exits 1 doctor
check "doctor: what modprobe takes is the kernel's own" says "^modprobe +/lib/modules/$release/$in_tree, the kernel's own"
check "doctor: it tells of the package" says 'Install the package dmsnap-dkms'

mkdir "$system/usr/src/dmsnap-0.1.0"
touch "$system/usr/src/dmsnap-0.1.0/dkms.conf"
check "doctor: DKMS is missing" exits 1 doctor
check "doctor: and so named" says 'apt install dkms'
touch "$system/usr/sbin/dkms"
check "doctor: headers are missing" exits 1 doctor
check "doctor: and so named" says "apt install linux-headers-$release"
# As in a real system: a link to an absolute path, here below the root
ln -s /usr/src/headers "$modules/build"
mkdir -p "$system/usr/src/headers/include/config"
echo 'CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-99 (Debian 99.1) 99.1"' > "$system/usr/src/headers/include/config/auto.conf"
check "doctor: the compiler is missing" exits 1 doctor
check "doctor: and so named" says 'apt install g\+\+-99'
touch "$system/usr/bin/g++-99"
check "doctor: it was not built" exits 1 doctor --json
check "doctor: as JSON" json '[t["what"] for t in d["todo"]] == ["not_built"] and d["compiler"] == "g++-99"'
cp "$system/usr/src/headers/include/config/auto.conf" "$work/auto.conf"
truncate -s 20M "$system/usr/src/headers/include/config/auto.conf"
check "doctor: of a long file the beginning" exits 1 doctor --json
check "doctor: has the compiler" json 'd["compiler"] == "g++-99"'
mv "$work/auto.conf" "$system/usr/src/headers/include/config/auto.conf"

module $ours version=0.1.0
check "doctor: depmod has not run" exits 1 doctor
check "doctor: and it says so" says "depmod -a $release"
listed
check "doctor: installed, not loaded" exits 0 doctor
check "doctor: all is well" says '^All is well\.$'
check "doctor: with the file and its version" says "^modprobe +/lib/modules/$release/$ours, this driver, version 0.1.0, not signed"
loaded 2 0.1.0
check "doctor: loaded and in use" exits 0 doctor --json
check "doctor: as JSON" json 'd["loaded"] == {"ours": True, "version": "0.1.0", "users": 2} and d["file"]["ours"] and not d["todo"]'
loaded 2 0.0.9
check "doctor: an old version is loaded" exits 1 doctor
check "doctor: and it says so" says 'Version 0\.0\.9 of the driver is loaded and in use\. Reboot'
loaded 3
check "doctor: the kernel's own is loaded and in use" exits 1 doctor
check "doctor: and what to do" says "The kernel's own dm_snapshot is loaded and in use\\. Reboot; or deactivate"
loaded 0
check "doctor: the kernel's own is loaded, and not in use" exits 1 doctor
check "doctor: and what to do" says 'modprobe -r dm_snapshot && modprobe dm-snapshot'
rm -r "$system/sys/module/dm_snapshot"

touch -d '1 hour ago' "$system/boot/initrd.img-$release"
check "doctor: an old initramfs" exits 1 doctor
check "doctor: and what to do" says "update-initramfs -u -k $release"
touch -d 'now + 1 hour' "$system/boot/initrd.img-$release"
check "doctor: a new initramfs" exits 0 doctor
check "doctor: no EFI, no Secure Boot" says '^Secure Boot +off$'
mkdir -p "$efi"
check "doctor: Secure Boot that cannot be told" exits 0 doctor
check "doctor: and it says so" says '^Secure Boot +cannot be told$'
secure_boot '\0'
check "doctor: Secure Boot that is off" exits 0 doctor
secure_boot '\1'
check "doctor: Secure Boot, and no signature" exits 1 doctor
check "doctor: and what to do" says 'mokutil --import'
secure_boot '\0'
mkdir -p "$system/sys/module/module/parameters"
echo Y > "$system/sys/module/module/parameters/sig_enforce"
check "doctor: signatures asked for on the kernel's command line" exits 1 doctor --json
check "doctor: as JSON" json '[t["what"] for t in d["todo"]] == ["not_signed"] and d["secure_boot"] is False'
rm -r "$system/sys/module/module"

rm "$system/usr/sbin/dmsetup"
check "doctor: no dmsetup" exits 1 doctor
touch "$system/usr/sbin/dmsetup"
mkdir -p "$system/lib/modules/"6.{1,15.1-amd64}
check "doctor: a kernel that was tested" exits 1 "$dmsnap" doctor --root "$system" --kernel 6.1 --json
check "doctor: as JSON" json 'd["tested"]'
check "doctor: one that was not" exits 1 "$dmsnap" doctor --root "$system" --kernel 6.15.1-amd64 --json
check "doctor: as JSON" json 'not d["tested"]'
check "doctor: as text" exits 1 "$dmsnap" doctor --root "$system" --kernel 6.15.1-amd64
check "doctor: it says so" says '^kernel +6\.15\.1-amd64; the driver was not tested on this kernel$'
check "doctor: the driver for another kernel" exits 2 "$dmsnap" doctor --root "$system" --kernel 6.1.0-98-amd64
check "doctor: an argument too many" exits 2 doctor more

# --- a malicious tree ------------------------------------------

beside_tree() { (cd "$work" && exits "$1" "$dmsnap" doctor --root system --kernel "$release"); }
check "doctor: a root that is not absolute" beside_tree 0
check "doctor: has the same names" says "^modprobe +/lib/modules/$release/$ours, this driver"
for bad in '6.1; reboot' '../6.1' '-rf' $'6.1\n'; do
	check "doctor: not a kernel release" exits 2 "$dmsnap" doctor --root "$system" --kernel "$bad"
	check "doctor: and so it is called" complains 'not a kernel release'
done
config=$system/usr/src/headers/include/config/auto.conf
mv "$config" "$config.good"
mkfifo "$config"
check "doctor: a FIFO for the configuration" exits 0 timeout 20 "$dmsnap" doctor --root "$system" --kernel "$release"
rm "$config"
mv "$system/lib/modules/$release/$ours" "$work/module"
listed
# shellcheck disable=SC2016 # not to be run
for bad in 'gcc-12;reboot' 'gcc-$(reboot)' 'gcc-12`reboot`'; do
	echo "CONFIG_CC_VERSION_TEXT=\"$bad\"" > "$config"
	check "doctor: a compiler that is a command" exits 1 doctor
	check "doctor: is not suggested" bash -c '! grep -q reboot "$1"' - "$work/out"
done
mv "$config.good" "$config"
mv "$work/module" "$system/lib/modules/$release/$ours"
listed
mv "$system/usr/src/dmsnap-0.1.0" "$system/usr/src/dmsnap-"$'\e[2J'
check "doctor: a name that commands a terminal" exits 0 doctor
check "doctor: is written out" says 'dmsnap-\\x1b\[2J'
# In libkmod's index: a magic number, a version, and a root that is itself
printf '\xb0\x07\xf4\x57\x00\x02\x00\x01\x20\x00\x00\x08' > "$modules/modules.dep.bin"
check "doctor: an index without an end" exits 2 timeout 20 "$dmsnap" doctor --root "$system" --kernel "$release"
check "doctor: and it says so" complains 'libkmod cannot read'
rm "$modules/modules.dep.bin" && mkfifo "$modules/modules.dep.bin"
check "doctor: a FIFO for the index, and a caller that wants no alarms" exits 2 timeout 20 \
	env --ignore-signal=ALRM --block-signal=ALRM "$dmsnap" doctor --root "$system" --kernel "$release"
check "doctor: and it says so" complains 'libkmod cannot read'
rm "$modules/modules.dep.bin" && touch "$modules/modules.dep.bin"

# Links along the path that lead out of the tree, to files of this system
outside=$work/outside
mkdir -p "$outside/modules/$release" "$outside/bin"
touch "$outside/bin/dkms" "$modules/empty"
for lead in "$outside" "../outside" "../../../../../../../../$outside"; do
	rm -rf "$work/linked" && mkdir -p "$work/linked/usr"
	ln -s "$lead" "$work/linked/lib"
	check "doctor: a link out of the tree, $lead" exits 2 "$dmsnap" doctor --root "$work/linked" --kernel "$release"
	check "doctor: leads to nothing" complains 'there are no modules of kernel'
done
# And its result if the tree were the system
rm -rf "$work/linked" && mkdir -p "$work/linked/usr" "$work/linked/sys/module" "$work/linked/proc/sys/kernel"
cp -a "$system/lib" "$work/linked/usr/lib"
ln -s /usr/lib "$work/linked/lib"
depmod=$(PATH=$PATH:/usr/sbin:/sbin command -v depmod)
"$depmod" -b "$work/linked/usr" "$release" 2> /dev/null || "$depmod" -b "$work/linked" "$release"
check "doctor: an absolute link in the tree" exits 1 "$dmsnap" doctor --root "$work/linked" --kernel "$release" --json
check "doctor: leads to what is there" json 'd["file"]["path"].endswith("dm-snapshot.ko")'
