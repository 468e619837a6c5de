#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck disable=SC2034 # the scripts that source this use what is not used here
#
# The kernels for which the project is built and tested (kernels.list), and where they are.  For
# this machine's Debian release and architecture the headers are installed packages.  The image of
# the same version is only unpacked in the cache, because this machine's kernel must not change.  For
# another release or architecture everything is unpacked in one cache entry.
#
# Run: tools/lib/kernels.sh NAME release|arch|headers|image|modules
#      tools/lib/kernels.sh list           the names
#      tools/lib/kernels.sh series         their series, newest first: 7.3 6.12 6.1
# or source it and call the functions.

# shellcheck source=tools/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

KERNEL_NAMES=()  # all
KERNEL_SERIES=() # those with all cases in every run of the tests, oldest first
declare -A KERNEL_DEBIAN KERNEL_ARCH KERNEL_PACKAGES KERNEL_IN KERNEL_PATTERN
while read -r name debian arch packages in pattern; do
	KERNEL_NAMES+=("$name")
	KERNEL_DEBIAN[$name]=$debian KERNEL_ARCH[$name]=$arch KERNEL_PACKAGES[$name]=$packages
	KERNEL_IN[$name]=$in KERNEL_PATTERN[$name]=$pattern
	if [ "$in" = all ]; then KERNEL_SERIES=("$name" "${KERNEL_SERIES[@]}"); fi
done < <(names_in "$DMSNAP_LIB/kernels.list")
unset name debian arch packages in pattern

readonly KERNEL_HERE=12 # this machine's release of Debian, on amd64

known_kernel()
{
	[[ -n $1 && -v KERNEL_DEBIAN[$1] ]]
}

# kernel_root NAME: prints the root in which its module is built: 13, 12-arm64; empty for this machine
kernel_root()
{
	local root=${KERNEL_DEBIAN[$1]}
	if [ "${KERNEL_ARCH[$1]}" != amd64 ]; then
		root+=-${KERNEL_ARCH[$1]}
	fi
	if [ "$root" != $KERNEL_HERE ]; then
		printf '%s\n' "$root"
	fi
}

# kernel_arch NAME|RELEASE: prints Debian's name of its architecture
kernel_arch()
{
	local name
	for name in "${KERNEL_NAMES[@]}"; do
		if [ "$name" = "$1" ] || grep -qxE -- "${KERNEL_PATTERN[$name]}" <<< "$1"; then
			printf '%s\n' "${KERNEL_ARCH[$name]}"
			return
		fi
	done
	echo amd64
}

# kernel_tested: prints the series that the tests run on in one line, newest first
kernel_tested()
{
	printf '%s\n' "${KERNEL_NAMES[@]%%-*}" | sort -Vru | paste -sd ' '
}

# releases_in_cache: prints the releases of the unpacked kernels
releases_in_cache()
{
	find "$DMSNAP_CACHE" -maxdepth 1 -type d -name 'kernel-*' -printf '%f\n' 2> /dev/null |
		sed -n -E 's/^kernel-(.*)-[0-9a-f]{16}$/\1/p'
}

# kernel_release NAME: prints the newest release here.  For a kernel in the cache NAME may be the
# release itself.
kernel_release()
{
	local release=
	if known_kernel "$1"; then
		release=$(if [ -z "$(kernel_root "$1")" ]; then
			dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'linux-headers-*' 2> /dev/null |
				sed -n 's/^installed linux-headers-//p'
		else
			releases_in_cache
		fi | grep -xE -- "${KERNEL_PATTERN[$1]}" | sort -V | tail -n 1)
	elif kernel_root_of "$1" > /dev/null; then
		release=$(releases_in_cache | grep -xF -- "$1" | head -n 1)
	fi
	[ -n "$release" ] || {
		say "Linux $1 is not here; run tools/setup$(if [[ -v KERNEL_IN[$1] && ${KERNEL_IN[$1]} =~ ^(full|few)$ ]]; then echo " --kernel $1"; fi)"
		return 1
	}
	printf '%s\n' "$release"
}

# kernel_root_of RELEASE: the same; fails for kernels of this machine
kernel_root_of()
{
	local name
	for name in "${KERNEL_NAMES[@]}"; do
		if grep -qxE -- "${KERNEL_PATTERN[$name]}" <<< "$1"; then
			kernel_root "$name" | grep .
			return
		fi
	done
	return 1
}

kernel_version()
{
	dpkg-query -W -f '${Version}' "linux-headers-$1"
}

kernel_headers()
{
	local release
	release=$(kernel_release "$1") || return
	printf '/lib/modules/%s/build\n' "$release"
}

# kernel_entry RELEASE: prints the cache directory of the unpacked image
kernel_entry()
{
	if kernel_root_of "$1" > /dev/null; then
		find "$DMSNAP_CACHE" -maxdepth 1 -type d -regextype posix-extended \
			-regex ".*/kernel-${1//[+.]/[&]}-[0-9a-f]{16}" -printf '%T@ %p\n' | sort -n | sed -n '$s/^[^ ]* //p'
		return
	fi
	cache_path "kernel-$1" "$(printf '%s %s' "$1" "$(kernel_version "$1")" | hash_of)"
}

# kernel_lighten RELEASE: removes firmware, sound, network and so on from the current directory,
# 300 MB that no guest loads.  depmod must run after it, so that its files are consistent.
kernel_lighten()
{
	rm -rf "lib/modules/$1/kernel/"{sound,drivers/{gpu,net,media,staging,infiniband,iio,hid,usb,input,leds,hwmon,power,platform}}
	depmod -b . "$1"
}

kernel_unpack()
{
	local new=$1 release=$2 version
	version=$(kernel_version "$release")
	say "Downloading the kernel $release (about 100 MB, unpacked into the cache, not installed)"
	(
		cd "$new"
		quietly "Download of linux-image-$release" apt-get -q -o DPkg::Lock::Timeout=300 \
			-o APT::Sandbox::User=root download "linux-image-$release=$version"
		dpkg-deb -x ./*.deb .
		rm ./*.deb
		rm -rf usr
		kernel_lighten "$release"
	)
}

# kernel_fetch RELEASE: unpacks the image unless it is there.  For another Debian release or
# architecture tools/setup does that (other-debian.sh).
kernel_fetch()
{
	if ! kernel_root_of "$1" > /dev/null; then
		cache_make "$(kernel_entry "$1")" kernel_unpack "$1"
	fi
}

kernel_image()
{
	local release
	release=$(kernel_release "$1") || return
	printf '%s/boot/vmlinuz-%s\n' "$(kernel_entry "$release")" "$release"
}

kernel_modules()
{
	local release
	release=$(kernel_release "$1") || return
	printf '%s/lib/modules/%s\n' "$(kernel_entry "$release")" "$release"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
	set -euo pipefail
	case ${2:-} in
	release | arch | headers | image | modules) "kernel_$2" "$1" ;;
	*)
		case "$*" in
		list) printf '%s\n' "${KERNEL_NAMES[@]}" ;;
		series) kernel_tested ;;
		*) die "usage: kernels.sh NAME release|arch|headers|image|modules; kernels.sh list|series" ;;
		esac
		;;
	esac
fi
