# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# dmsnap serve: a snapshot without the driver, as NBD clients see it.

socket=$work/nbd
uri="nbd+unix:///?socket=$socket"
# while_answers SERVER COMMAND...: runs the command once that process answers, then ends the server
while_answers()
{
	local server=$1 try code=0
	for ((try = 0; try < 200; try++)); do
		if nbdinfo --size "$uri" > "$work/size-of-it" 2> /dev/null; then break; fi
		sleep 0.05
	done
	if [ "$try" -lt 200 ]; then "${@:2}" || code=$?; else code=1; fi
	kill "$server"
	wait "$server" || true
	return "$code"
}
# served STORE ORIGIN COMMAND...: runs the command while dmsnap serves the store
served()
{
	"$dmsnap" serve "$1" --origin "$2" --nbd "$socket" > "$work/served" 2>&1 &
	while_answers "$!" "${@:3}"
}
# rescue_system: makes a directory with dmsnap, its plugin, nbdkit, their libraries and a few devices
rescue_system()
{
	local root=$work/rescue plugins file
	plugins=$(nbdkit --dump-config | sed -n 's/^plugindir=//p')
	mkdir -p "$root/dev" "$root/usr/sbin" "$root/usr/bin" "$root$plugins"
	cp "$dmsnap" "$root/usr/sbin/dmsnap"
	cp "$(command -v nbdkit)" "$root/usr/bin"
	cp "$built/nbdkit-dmsnap-plugin.so" "$root$plugins"
	ldd "$root/usr/sbin/dmsnap" "$root/usr/bin/nbdkit" "$root$plugins/nbdkit-dmsnap-plugin.so" |
		grep -oE '/[^ ]+ \(' | sort -u | while read -r file _; do
		cp -L --parents "$file" "$root"
	done
	cp -a /dev/null /dev/urandom "$root/dev"
	cp "$work/good" "$work/origin" "$root"
}
in_rescue() { chroot "$work/rescue" /usr/sbin/dmsnap "$@"; }
# rescued COMMAND...: runs the command while dmsnap serves the store in the rescue system
rescued()
{
	local uri="nbd+unix:///?socket=$work/rescue/nbd"
	chroot "$work/rescue" /usr/sbin/dmsnap serve /good --origin /origin --nbd /nbd > "$work/served" 2>&1 &
	while_answers "$!" "$@"
}
is_what_was() { nbdcopy "$uri" - | cmp - "$1"; }
# Reads of ranges at arbitrary positions
pieces_are()
{
	local seed
	for seed in 1 2 3 4 5 6 7 8; do
		local at=$((seed * 700001 % 4000000)) length=$((seed * 31337 % 90000 + 1))
		if [ $((at + length)) -gt 4098048 ]; then length=$((4098048 - at)); fi
		qemu-io -r -f raw -c "read -v $at $length" "$uri" | grep -E '^[0-9a-f]{8}:' | cut -c 10-58 | xxd -r -p |
			cmp - <(tail -c "+$((at + 1))" "$work/before" | head -c "$length") || return 1
	done
}
# qemu-io must fail to write
refuses_writes() { ! qemu-io -f raw -c 'write 0 4k' "$uri" > "$work/out" 2>&1; }

if command -v nbdkit > /dev/null && command -v qemu-io > /dev/null && command -v nbdcopy > /dev/null; then
	check "serve: has the origin's old contents" served "$work/good" "$work/origin" is_what_was "$work/before"
	check "serve: has the origin's size" [ "$(cat "$work/size-of-it")" = "$(stat -c %s "$work/origin")" ]
	check "serve: QEMU reads the same" served "$work/good" "$work/origin" qemu-img compare -q -f raw -F raw "$uri" "$work/before"
	check "serve: a snapshot without changes" served "$work/empty" "$work/quiet" is_what_was "$work/before"
	if command -v xxd > /dev/null; then
		check "serve: reads at arbitrary positions" served "$work/good" "$work/origin" pieces_are
	fi
	check "serve: read-only" served "$work/good" "$work/origin" refuses_writes
	# shellcheck disable=SC2016 # for nbdkit's shell
	check "serve: writes of clients stay in nbdkit's filter" unchanged "$work/good" unchanged "$work/origin" exits 0 \
		nbdkit -U - --filter=cow "$built/nbdkit-dmsnap-plugin.so" "store=$work/good" "origin=$work/origin" \
		--run 'qemu-io -f raw -c "write -P 7 0 4k" -c "read -P 7 0 4k" "$uri"'
	check "serve: the filter returns what was written" says 'read 4096/4096'
	check "serve: conversion to qcow2" served "$work/good" "$work/origin" qemu-img convert -q -f raw -O qcow2 "$uri" "$work/served.qcow2"
	check "serve: the qcow2 image is right" qemu-img compare -q -f qcow2 -F raw "$work/served.qcow2" "$work/before"
	check "serve: a socket in use is refused" served "$work/good" "$work/origin" exits 2 "$dmsnap" serve "$work/empty" --origin "$work/quiet" --nbd "$socket"
	check "serve: a store that is served cannot be repaired" served "$work/good" "$work/origin" exits 2 "$dmsnap" repair "$work/good" --in-place
	if [ "$(id -u)" = 0 ]; then
		rescue_system
		check "rescue system: no device mapper, no /sys, no /proc" [ "$(cd "$work/rescue" && echo dev/* ./sys* ./proc*)" = 'dev/null dev/urandom ./sys* ./proc*' ]
		check "rescue system: status fails" exits 2 in_rescue status
		check "rescue system: status reports that there is no device mapper" complains 'device mapper'
		check "serve: in a rescue system" rescued is_what_was "$work/before"
		check "serve: QEMU reads the same from a rescue system" rescued qemu-img compare -q -f raw -F raw "nbd+unix:///?socket=$work/rescue/nbd" "$work/before"
		check "serve: refuses what is no store in a rescue system" exits 1 in_rescue serve /origin --origin /origin --nbd /none
	else
		echo "1 skipped"
	fi
	# Chunks larger than a record, and of one sector
	for chunk in 1 4096; do
		cp "$work/before" "$work/served-origin"
		rm -f "$work/served-store"
		truncate -s 40M "$work/served-store"
		"$maker" snapshot "$work/served-origin" "$work/served-store" "$chunk" 40 81
		check "serve: chunks of $chunk sectors" served "$work/served-store" "$work/served-origin" is_what_was "$work/before"
	done
else
	echo "FAIL: nbdkit, nbdcopy and qemu-io are not installed. On Debian: apt install nbdkit libnbd-bin qemu-utils"
	failed=$((failed + 1))
fi
for store in "${refused[@]}" blank; do
	check "serve: refuses $store" exits 1 "$dmsnap" serve "$work/$store" --origin "$work/origin" --nbd "$work/none"
done
check "serve: no such origin" exits 2 "$dmsnap" serve "$work/good" --origin "$work/none" --nbd "$work/socket"
check "serve: the socket's name is that of a file" exits 2 "$dmsnap" serve "$work/good" --origin "$work/origin" --nbd "$work/before"
check "serve: does not overwrite that file" [ -s "$work/before" ]
check "serve: the socket's name is too long" exits 2 "$dmsnap" serve "$work/good" --origin "$work/origin" --nbd "$work/$(printf 'x%.0s' {1..120})"
check "serve: no nbdkit" exits 2 env PATH=/nonexistent "$dmsnap" serve "$work/good" --origin "$work/origin" --nbd "$work/none"
check "serve: says how to install nbdkit" complains 'apt install nbdkit'
