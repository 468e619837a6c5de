#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Which kernels the project is built for and tested on, and where they are.
# The headers are installed packages; the image of the same version is only
# unpacked, in the cache: this machine's own kernel is none of our business.
#
# Run: tools/lib/kernels.sh SERIES release|headers|image|modules
# or source it and call the functions.

# shellcheck source=tools/lib/common.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/common.sh"

# shellcheck disable=SC2034 # used by those who source this
KERNEL_SERIES=(6.1 6.12)

# kernel_release SERIES: the newest installed headers of that series
kernel_release()
{
	local release
	release=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "linux-headers-$1.*-amd64" 2> /dev/null |
		sed -n -E 's/^installed linux-headers-([0-9.]+(-[0-9]+|\+deb[0-9]+)-amd64)$/\1/p' | sort -V | tail -n 1)
	[ -n "$release" ] || {
		say "no headers of Linux $1 are installed; run tools/setup"
		return 1
	}
	printf '%s\n' "$release"
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

# kernel_entry RELEASE: the cache directory for the unpacked image
kernel_entry()
{
	cache_path "kernel-$1" "$(printf '%s %s' "$1" "$(kernel_version "$1")" | hash_of)"
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
		# Firmware, sound, network and so on: 300 MB that no guest loads.
		# depmod must see what is left, so that it is consistent.
		rm -rf usr "lib/modules/$release/kernel/"{sound,drivers/{gpu,net,media,staging,infiniband,iio,hid,usb,input,leds,hwmon,power,platform}}
		depmod -b . "$release"
	)
}

# kernel_fetch RELEASE: makes sure that the image is unpacked
kernel_fetch()
{
	cache_make "$(kernel_entry "$1")" kernel_unpack "$1"
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
	release | headers | image | modules) "kernel_$2" "$1" ;;
	*) die "usage: kernels.sh ${KERNEL_SERIES[0]}|${KERNEL_SERIES[1]} release|headers|image|modules" ;;
	esac
fi
