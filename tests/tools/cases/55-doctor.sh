# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# On a simulated system, with the real depmod.

system=$work/system release=6.1.0-99-amd64
modules=$system/lib/modules/$release
ours=updates/dkms/dm-snapshot.ko in_tree=kernel/drivers/md/dm-snapshot.ko

# module PATH WORD...: makes a module file with these modinfo fields
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
check "doctor: the kernel has no modules" exits 2 doctor
check "doctor: reports that kernel" complains 'no modules of kernel 6.1.0-99-amd64'
mkdir -p "$modules" "$system"/{proc/sys/kernel,sys/firmware,boot,usr/{src,bin,sbin}}
touch "$modules"/modules.{order,builtin,builtin.modinfo} "$system/usr/sbin/dmsetup"
echo "$release" > "$system/proc/sys/kernel/osrelease"
check "doctor: /sys is not mounted" exits 2 doctor
mkdir "$system/sys/module"

module $in_tree intree=Y
listed
check "doctor: nothing is installed" exits 1 doctor
check "doctor: modprobe would load the in-tree module" says "^modprobe +/lib/modules/$release/$in_tree, the kernel's own"
check "doctor: recommends the package" says 'Install the package dmsnap-dkms'

mkdir "$system/usr/src/dmsnap-0.1.0"
touch "$system/usr/src/dmsnap-0.1.0/dkms.conf"
check "doctor: DKMS is missing" exits 1 doctor
check "doctor: recommends DKMS" says 'apt install dkms'
touch "$system/usr/sbin/dkms"
check "doctor: headers are missing" exits 1 doctor
check "doctor: recommends the headers" says "apt install linux-headers-$release"
# A link to an absolute path, as on a real system; doctor follows it below its root
ln -s /usr/src/headers "$modules/build"
mkdir -p "$system/usr/src/headers/include/config"
echo 'CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-99 (Debian 99.1) 99.1"' > "$system/usr/src/headers/include/config/auto.conf"
check "doctor: the compiler is missing" exits 1 doctor
check "doctor: recommends the compiler" says 'apt install g\+\+-99'
touch "$system/usr/bin/g++-99"
check "doctor: the module is not built" exits 1 doctor --json
check "doctor: not built, as JSON" json '[t["what"] for t in d["todo"]] == ["not_built"] and d["compiler"] == "g++-99"'
cp "$system/usr/src/headers/include/config/auto.conf" "$work/auto.conf"
truncate -s 20M "$system/usr/src/headers/include/config/auto.conf"
check "doctor: a long auto.conf" exits 1 doctor --json
check "doctor: reads the compiler from its beginning" json 'd["compiler"] == "g++-99"'
mv "$work/auto.conf" "$system/usr/src/headers/include/config/auto.conf"

module $ours version=0.1.0
check "doctor: depmod has not run" exits 1 doctor
check "doctor: recommends depmod" says "depmod -a $release"
listed
check "doctor: installed, not loaded" exits 0 doctor
check "doctor: all is well" says '^All is well\.$'
check "doctor: reports the file and its version" says "^modprobe +/lib/modules/$release/$ours, this driver, version 0.1.0, not signed"
loaded 2 0.1.0
check "doctor: loaded and in use" exits 0 doctor --json
check "doctor: in use, as JSON" json 'd["loaded"] == {"ours": True, "version": "0.1.0", "users": 2} and d["file"]["ours"] and not d["todo"]'
loaded 2 0.0.9
check "doctor: an old version is loaded" exits 1 doctor
check "doctor: recommends a reboot" says 'Version 0\.0\.9 of the driver is loaded and in use\. Reboot'
loaded 3
check "doctor: the in-tree driver is loaded and in use" exits 1 doctor
check "doctor: recommends to reboot or deactivate" says "The kernel's own dm_snapshot is loaded and in use\\. Reboot; or deactivate"
loaded 0
check "doctor: the in-tree driver is loaded but not in use" exits 1 doctor
check "doctor: recommends to reload the module" says 'modprobe -r dm_snapshot && modprobe dm-snapshot'
rm -r "$system/sys/module/dm_snapshot"

touch -d '1 hour ago' "$system/boot/initrd.img-$release"
check "doctor: an old initramfs" exits 1 doctor
check "doctor: recommends update-initramfs" says "update-initramfs -u -k $release"
touch -d 'now + 1 hour' "$system/boot/initrd.img-$release"
check "doctor: a new initramfs" exits 0 doctor
check "doctor: no EFI, no Secure Boot" says '^Secure Boot +off$'
mkdir -p "$efi"
check "doctor: the state of Secure Boot is unknown" exits 0 doctor
check "doctor: reports that it is unknown" says '^Secure Boot +cannot be told$'
secure_boot '\0'
check "doctor: Secure Boot is off" exits 0 doctor
secure_boot '\1'
check "doctor: Secure Boot without a signature" exits 1 doctor
check "doctor: recommends mokutil" says 'mokutil --import'
secure_boot '\0'
mkdir -p "$system/sys/module/module/parameters"
echo Y > "$system/sys/module/module/parameters/sig_enforce"
check "doctor: the command line requires signatures" exits 1 doctor --json
check "doctor: not signed, as JSON" json '[t["what"] for t in d["todo"]] == ["not_signed"] and d["secure_boot"] is False'
rm -r "$system/sys/module/module"

rm "$system/usr/sbin/dmsetup"
check "doctor: no dmsetup" exits 1 doctor
touch "$system/usr/sbin/dmsetup"
mkdir -p "$system/lib/modules/"6.{1,15.1-amd64}
check "doctor: a tested kernel" exits 1 "$dmsnap" doctor --root "$system" --kernel 6.1 --json
check "doctor: as JSON" json 'd["tested"]'
check "doctor: an untested kernel, with --json" exits 1 "$dmsnap" doctor --root "$system" --kernel 6.15.1-amd64 --json
check "doctor: untested, as JSON" json 'not d["tested"]'
check "doctor: an untested kernel" exits 1 "$dmsnap" doctor --root "$system" --kernel 6.15.1-amd64
check "doctor: untested, as text" says '^kernel +6\.15\.1-amd64; the driver was not tested on this kernel$'
check "doctor: the driver is built for another kernel" exits 2 "$dmsnap" doctor --root "$system" --kernel 6.1.0-98-amd64
check "doctor: too many arguments" exits 2 doctor more

# --- a malicious tree ------------------------------------------

beside_tree() { (cd "$work" && exits "$1" "$dmsnap" doctor --root system --kernel "$release"); }
check "doctor: a relative root" beside_tree 0
check "doctor: a relative root, the names are the same" says "^modprobe +/lib/modules/$release/$ours, this driver"
for bad in '6.1; reboot' '../6.1' '-rf' $'6.1\n'; do
	check "doctor: no kernel release" exits 2 "$dmsnap" doctor --root "$system" --kernel "$bad"
	check "doctor: reports that it is no kernel release" complains 'not a kernel release'
done
config=$system/usr/src/headers/include/config/auto.conf
mv "$config" "$config.good"
mkfifo "$config"
check "doctor: the configuration is a FIFO" exits 0 timeout 20 "$dmsnap" doctor --root "$system" --kernel "$release"
rm "$config"
mv "$system/lib/modules/$release/$ours" "$work/module"
listed
# shellcheck disable=SC2016 # not to be run
for bad in 'gcc-12;reboot' 'gcc-$(reboot)' 'gcc-12`reboot`'; do
	echo "CONFIG_CC_VERSION_TEXT=\"$bad\"" > "$config"
	check "doctor: the compiler's name holds a shell command" exits 1 doctor
	check "doctor: does not recommend that" bash -c '! grep -q reboot "$1"' - "$work/out"
done
mv "$config.good" "$config"
mv "$work/module" "$system/lib/modules/$release/$ours"
listed
mv "$system/usr/src/dmsnap-0.1.0" "$system/usr/src/dmsnap-"$'\e[2J'
check "doctor: a name with a control sequence" exits 0 doctor
check "doctor: the control sequence is escaped" says 'dmsnap-\\x1b\[2J'
# libkmod's index: a magic number, a version, and a root node that points to itself
printf '\xb0\x07\xf4\x57\x00\x02\x00\x01\x20\x00\x00\x08' > "$modules/modules.dep.bin"
check "doctor: an endless index" exits 2 timeout 20 "$dmsnap" doctor --root "$system" --kernel "$release"
check "doctor: reports the endless index" complains 'libkmod cannot read'
rm "$modules/modules.dep.bin" && mkfifo "$modules/modules.dep.bin"
check "doctor: the index is a FIFO, and the caller ignores SIGALRM" exits 2 timeout 20 \
	env --ignore-signal=ALRM --block-signal=ALRM "$dmsnap" doctor --root "$system" --kernel "$release"
check "doctor: reports the FIFO" complains 'libkmod cannot read'
rm "$modules/modules.dep.bin" && touch "$modules/modules.dep.bin"

# Links along the path that lead out of the tree to files of this system
outside=$work/outside
mkdir -p "$outside/modules/$release" "$outside/bin"
touch "$outside/bin/dkms" "$modules/empty"
for lead in "$outside" "../outside" "../../../../../../../../$outside"; do
	rm -rf "$work/linked" && mkdir -p "$work/linked/usr"
	ln -s "$lead" "$work/linked/lib"
	check "doctor: a link out of the tree, $lead" exits 2 "$dmsnap" doctor --root "$work/linked" --kernel "$release"
	check "doctor: a link out of the tree is not followed" complains 'there are no modules of kernel'
done
# An absolute link is resolved below the root
rm -rf "$work/linked" && mkdir -p "$work/linked/usr" "$work/linked/sys/module" "$work/linked/proc/sys/kernel"
cp -a "$system/lib" "$work/linked/usr/lib"
ln -s /usr/lib "$work/linked/lib"
depmod=$(PATH=$PATH:/usr/sbin:/sbin command -v depmod)
"$depmod" -b "$work/linked/usr" "$release" 2> /dev/null || "$depmod" -b "$work/linked" "$release"
check "doctor: an absolute link in the tree" exits 1 "$dmsnap" doctor --root "$work/linked" --kernel "$release" --json
check "doctor: an absolute link is followed below the root" json 'd["file"]["path"].endswith("dm-snapshot.ko")'
