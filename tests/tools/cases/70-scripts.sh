# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Other scripts: the cache of what guests are made of, and the removal of the package.

cache=$work/cache
in_cache() { (umask 022 && DMSNAP_CACHE=$cache bash -c '. "$1"; shift; "$@"' - "$top/tools/lib/common.sh" "$@"); }
# shellcheck disable=SC2016 # for the other shell
make_entry() { in_cache bash -c '. "$1"; fill() { mkdir "$1/root"; }; cache_make "$(cache_path root 0123456789abcdef)" fill' - "$top/tools/lib/common.sh"; }
check "cache: an entry is made" make_entry
check "cache: an entry is private" [ "$(stat -c %a "$cache/root-0123456789abcdef")" = 700 ]
check "cache: what an entry holds has its own mode" [ "$(stat -c %a "$cache/root-0123456789abcdef/root")" = 755 ]
check "cache: the lock file is private" [ "$(stat -c %a "$cache/.lock-root")" = 600 ]
check "cache: the folder is private" [ "$(stat -c %a "$cache")" = 700 ]
# A home directory that was given as the cache by mistake
mkdir "$cache/letters" "$cache/.new.root.abcdef" "$cache/kernel-6.1.0-1-amd64-0123456789abcdee"
touch "$cache/thesis" "$cache/letters/one" "$cache/durations.json"
check "cache: can be cleaned" in_cache cache_clean
check "cache: cleaning keeps other files" [ "$(ls "$cache")" = "$(printf 'letters\nthesis')" ]
check "cache: cleaning removes unfinished entries" [ ! -e "$cache/.new.root.abcdef" ]

mkdir "$work/bin"
printf '#!/bin/sh\nexit %s\n' 1 > "$work/bin/update-initramfs"
chmod +x "$work/bin/update-initramfs"
postrm() { PATH=$work/bin:$PATH sh "$top/debian/dmsnap-dkms.postrm" remove; }
check "postrm: succeeds if update-initramfs fails" exits 0 postrm
check "postrm: says how to update the initramfs" says 'update-initramfs -u -k all'
