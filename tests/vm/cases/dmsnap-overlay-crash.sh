# summary: dmsnap overlay: what killed commands, failed resets, restarts and losses of power leave
# kernels: 6.1 6.12
# default: none
# guest: full
# tools: dmsnap
# disks: 24M 24M 24M 64M
# boots: 2
# timeout: 300

# shellcheck disable=SC2154 # what lib-overlay.sh sets
. /job/vm/lib-overlay.sh

# restarted NAME...: does all that a restart does to overlays
restarted()
{
	local name
	for name in "$@"; do dmsetup remove --retry "overlay-$name"; done
	udevadm settle
	blockdev --setrw "$A"
}

# label NAME WORD OTHER: replaces a word in the label of the file by another one of its length
label()
{
	local file=$folder/overlay-$1.cow at
	[ ${#2} -eq ${#3} ]
	at=$(grep -abo -- "$2" "$file" | head -n 1 | cut -d : -f 1)
	printf %s "$3" | dd of="$file" bs=1 seek="$at" conv=notrunc,fsync status=none
}

# change DEVICE N: writes 8 KiB of N
change() { head -c 8k /dev/zero | tr '\0' "$2" | dd of="$1" bs=8k oflag=direct conv=fsync status=none; }
shows() { expect_eq "$(dd if="$1" bs=8k count=1 iflag=direct status=none | head -c 1)" "$2" "what $1 shows"; }

# now_ms: prints the time of a clock
now_ms() { echo $(($(date +%s%N) / 1000000)); }

# killed_at N TOOK_MS COMMAND...: kills the command after N elevenths of the time that it took before
killed_at()
{
	local ms=$(($1 * $2 / 11))
	shift 2
	timeout -s KILL "$((ms / 1000)).$(printf %03d $((ms % 1000)))" "$@" > /dev/null 2>&1 || true
	udevadm settle
}

hostile_folder()
{
	note "a folder with files that are not dmsnap's"
	ln -s /etc/passwd "$folder/overlay-link.cow"
	mkfifo "$folder/overlay-pipe.cow"
	mkdir "$folder/overlay-folder.cow"
	echo data > "$folder/overlay-data.cow"
	overlay status --dir "$folder"
	says '^There are no overlays'
	overlay drop --all --dir "$folder"
	expect_eq "$(cd "$folder" && echo *)" \
		"overlay-data.cow overlay-folder.cow overlay-link.cow overlay-pipe.cow"
	rm -r "${folder:?}"/*
}

failed_reset()
{
	local name=${A##*/}
	note "a reset that fails has changed nothing, also after a restart"
	fill "$A" 1
	change "$A" o
	overlay create "$A" --size 4M --dir "$folder"
	change "$(over "$A")" 1
	# As left by an extend that was killed at this point
	label "$name" '"cow_bytes": 4194304' '"cow_bytes": 8388608'
	overlay extend "$name" --size 8M --dir "$folder"
	chattr +i "$folder/overlay-$name.cow"
	exits 2 overlay reset "$name" --dir "$folder"
	chattr -i "$folder/overlay-$name.cow"
	expect_eq "$(cd "$folder" && echo *)" "overlay-$name.cow"
	shows "$(over "$A")" 1
	restarted "$name"
	overlay create --resume "$name" --dir "$folder"
	shows "$(over "$A")" 1

	note "the file of one in use was removed: it is told, and a reset mends it"
	rm "$folder/overlay-$name.cow"
	exits 1 overlay status --dir "$folder"
	says "^/dev/mapper/overlay-$name +active, but its file was removed"
	exits 2 overlay extend "$name" --size 8M --dir "$folder"
	complains 'was removed'
	shows "$(over "$A")" 1
	overlay reset "$name" --dir "$folder"
	shows "$(over "$A")" o
	overlay status --dir "$folder"
	restarted "$name"
	overlay create --resume "$name" --dir "$folder"
	shows "$(over "$A")" o

	note "a keep that was killed before the merge began: drop and reset do without force"
	label "$name" '"is_merge": false' '"is_merge":  true'
	overlay reset "$name" --dir "$folder"
	restarted "$name"
	overlay create --resume "$name" --dir "$folder"
	label "$name" '"is_merge": false' '"is_merge":  true'
	overlay drop "$name" --dir "$folder"
	nothing_left
}

resumed()
{
	local loop image=/mnt/${KEPT##*/}/kept.img
	note "two overlays of one image are taken up, or none"
	truncate -s 16M "$image"
	overlay create "$image" --copies 2 --size 4M --dir "$folder"
	change /dev/mapper/overlay-kept.img-1 1
	change /dev/mapper/overlay-kept.img-2 2
	restarted kept.img-1 kept.img-2
	overlay create --resume kept.img-1 kept.img-2 --dir "$folder"
	shows /dev/mapper/overlay-kept.img-1 1
	shows /dev/mapper/overlay-kept.img-2 2
	exits 2 overlay keep kept.img-1 --yes --dir "$folder"
	complains 'was read-only before'
	restarted kept.img-1 kept.img-2
	truncate -s 4M "$folder/overlay-kept.img-2.cow"
	exits 2 overlay create --resume kept.img-1 kept.img-2 --dir "$folder"
	complains 'is cut off: it is 4194304 bytes long, and was 4198400'
	truncate -s 4198400 "$folder/overlay-kept.img-2.cow"
	udevadm settle
	loop=$(losetup --show --find "$folder/overlay-kept.img-2.cow")
	exits 2 overlay create --resume kept.img-1 kept.img-2 --dir "$folder"
	complains "${loop##*/} has it already"
	losetup -d "$loop"
	udevadm settle
	label kept.img-2 '"origin_bytes": 16777216' '"origin_bytes": 16777217'
	exits 2 overlay create --resume kept.img-1 kept.img-2 --dir "$folder"
	complains 'is not what it was'
	expect_eq "$(dmsetup ls)" "No devices found"
	overlay drop --all --dir "$folder"
	mkdir "$TMP/other"
	cp --sparse=always "$image" "$TMP/other/kept.img"
	exits 2 overlay create "$image" "$TMP/other/kept.img" --ram --size 4M
	rm "$image" "$TMP/other/kept.img"
	nothing_left
}

dropped_at_once()
{
	local i
	note "two on one disk are dropped at once"
	for i in 1 2 3; do
		overlay create "$A" --copies 2 --ram --size 4M
		"$dmsnap" overlay drop "overlay-${A##*/}-1" > "$TMP/first" 2>&1 &
		overlay drop "overlay-${A##*/}-2"
		wait "$!" || fail "round $i: $(cat "$TMP/first")"
		nothing_left
	done
}

create_killed()
{
	local i took create=(overlay create "$A" "$B" "$C" --size 4M --dir "$folder")
	note "a create that is killed leaves nothing that drop does not find"
	took=$(now_ms)
	exits 0 "${create[@]}"
	took=$(($(now_ms) - took))
	overlay drop --all --dir "$folder"
	for i in {1..10}; do
		killed_at "$i" "$took" "$dmsnap" "${create[@]}"
		overlay drop --all --dir "$folder"
		nothing_left
	done
}

drop_killed()
{
	local i took
	note "a drop that is killed is ended by the next one"
	overlay create "$A" "$B" "$C" --size 4M --ram
	took=$(now_ms)
	overlay drop --all
	took=$(($(now_ms) - took))
	for i in {1..10}; do
		overlay create "$A" "$B" "$C" --size 4M --ram
		killed_at "$i" "$took" "$dmsnap" overlay drop --all
		overlay drop --all
		nothing_left
	done
}

first_boot()
{
	begin_overlays
	hostile_folder
	failed_reset
	resumed
	dropped_at_once
	create_killed
	drop_killed

	note "the power fails: with changes, and in a merge"
	fill "$A" 1
	fill "$B" 2
	overlay create "$A" "$B" --size 22M --dir "$folder"
	dd if=/dev/urandom of="$(over "$A")" bs=64k count=20 oflag=direct conv=fsync status=none
	sum_of "$(over "$A")" > "$RESULTS/changed"
	sum_of "$A" > "$RESULTS/before"
	dd if=/dev/urandom of="$(over "$B")" bs=64k count=200 oflag=direct conv=fsync status=none
	sum_of "$(over "$B")" > "$RESULTS/merged"
	# The merge is slowed down, so that it is still running when the power fails
	"$dmsnap" overlay keep "$B" --yes --dir "$folder" > /dev/null 2>&1 &
	wait_until 20 dmsetup message "overlay-${B##*/}" 0 merge rate 2048
	power_cut
}

second_boot()
{
	note "what the restart has left"
	mount_at "$KEPT" > /dev/null
	exits 1 overlay status --dir "$folder"
	says "^overlay-${A##*/} +left by a restart"
	says "^overlay-${B##*/} +half merged"
	exits 2 overlay drop --all --dir "$folder"
	complains 'half merged, and .* neither what it was'
	exits 2 overlay create --resume "$B" --dir "$folder"
	exits 2 overlay keep "overlay-${B##*/}" --dir "$folder" < /dev/null
	complains "written to .*(${B##*/}).*say --yes"
	overlay keep "overlay-${B##*/}" --yes --dir "$folder"
	expect_eq "$(sum_of "$B")" "$(< "$RESULTS/merged")"

	note "another device of that name is not taken for it"
	exits 2 overlay create --resume "${A##*/}" --size 4M --dir "$folder"
	dd if="$A" of="$TMP/first" bs=4k count=1 status=none
	dd if=/dev/zero of="$A" bs=4k count=1 oflag=direct status=none
	exits 2 overlay create --resume "${A##*/}" --dir "$folder"
	complains 'is not what it was'
	dd if="$TMP/first" of="$A" bs=4k count=1 oflag=direct status=none
	overlay create --resume "${A##*/}" --dir "$folder"
	expect_eq "$(sum_of "$(over "$A")")" "$(< "$RESULTS/changed")"
	expect_eq "$(blockdev --getro "$A")" 1
	overlay drop "${A##*/}" --dir "$folder"
	expect_eq "$(sum_of "$A")" "$(< "$RESULTS/before")"
	nothing_left
}

modprobe loop
if [ "$STAGE" = 1 ]; then first_boot; else second_boot; fi
