# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Other scripts: the cache of the guests' parts, and the removal of the package.

cache=$work/cache
in_cache() { (umask 022 && DMSNAP_CACHE=$cache bash -c '. "$1"; shift; "$@"' - "$top/tools/lib/common.sh" "$@"); }
# shellcheck disable=SC2016 # for the other shell
make_entry() { in_cache bash -c '. "$1"; fill() { mkdir "$1/root"; }; cache_make "$(cache_path root 0123456789abcdef)" fill' - "$top/tools/lib/common.sh"; }
check "cache: an entry is made" make_entry
check "cache: is private" [ "$(stat -c %a "$cache/root-0123456789abcdef")" = 700 ]
check "cache: nor into what is in it from outside" [ "$(stat -c %a "$cache/root-0123456789abcdef/root")" = 755 ]
check "cache: nor holds its lock" [ "$(stat -c %a "$cache/.lock-root")" = 600 ]
check "cache: nor is in it at all" [ "$(stat -c %a "$cache")" = 700 ]
# A home directory, by mistake
mkdir "$cache/letters" "$cache/.new.root.abcdef" "$cache/kernel-6.1.0-1-amd64-0123456789abcdee"
touch "$cache/thesis" "$cache/letters/one" "$cache/durations.json"
check "cache: is cleaned" in_cache cache_clean
check "cache: of what was made there" [ "$(ls "$cache")" = "$(printf 'letters\nthesis')" ]
check "cache: with what was half made" [ ! -e "$cache/.new.root.abcdef" ]

mkdir "$work/bin"
printf '#!/bin/sh\nexit %s\n' 1 > "$work/bin/update-initramfs"
chmod +x "$work/bin/update-initramfs"
postrm() { PATH=$work/bin:$PATH sh "$top/debian/dmsnap-dkms.postrm" remove; }
check "postrm: an initramfs that cannot be made does not keep the package" exits 0 postrm
check "postrm: and it says so" says 'update-initramfs -u -k all'
