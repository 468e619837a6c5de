# summary: an origin of 15 PB, and chunks of 1 GiB
# default: 6.1
# mem: 2048
# timeout: 300
# smp: 1

. /job/vm/lib-io.sh

# 15 PB of zeros that take no memory, and forget writes
readonly PB15=$((15 * 1000 ** 5 / 512))

direct()
{
	dd bs=4096 count=1 status=none "$@"
}

note "15 PB"
dm_create void "0 $PB15 zero"
cow=$(make_ram cow 64)
dm_create snap "0 $PB15 snapshot $(dm_path void) $cow P 8"
dm_create org "0 $PB15 snapshot-origin $(dm_path void)"
direct if=/dev/zero | tr '\0' S > "$TMP/block"
last=$((PB15 / 8 - 1))
for chunk in 0 $((1 << 31)) $((1 << 40)) $((last - 1)) "$last"; do
	direct if="$TMP/block" of="$(dm_path snap)" seek="$chunk" oflag=direct conv=notrunc
	direct if="$TMP/block" of="$(dm_path org)" seek=$((chunk > 9 ? chunk - 9 : 9)) oflag=direct conv=notrunc
done
expect_fail direct if="$TMP/block" of="$(dm_path snap)" seek=$((last + 1)) oflag=direct conv=notrunc
status=$(status_of snap)
expect_match "$status" '^[0-9]+/131072 16$'
for _ in 1 2; do
	for chunk in 0 $((1 << 31)) $((1 << 40)) $((last - 1)) "$last"; do
		direct if="$(dm_path snap)" of="$TMP/read" skip="$chunk" iflag=direct
		same "$TMP/read" "$TMP/block"
		direct if="$(dm_path snap)" of="$TMP/read" skip=$((chunk > 99 ? chunk - 99 : 99)) iflag=direct
		[ -z "$(tr -d '\0' < "$TMP/read")" ] || fail "chunk $((chunk - 99)) is not zero"
	done
	# A reload gives the same result
	dm_remove snap
	dm_create snap "0 $PB15 snapshot $(dm_path void) $cow P 8"
	expect_eq "$(status_of snap)" "$status"
done
dm_remove snap org void
drop_disk cow

note "chunks of 1 GiB"
# Header, area, two chunks of data, and 1 MB; the first 8 MB of each are in memory
dm_create big-base "0 $((4 << 21)) zero"
ram=$(make_ram big 40)
table="" at=0
for piece in 0 1 2 3 4; do
	table+="$at 16384 linear $ram $((piece * 16384))"$'\n'
	[ "$piece" -eq 4 ] || table+="$((at + 16384)) $(((1 << 21) - 16384)) linear $(dm_path big-base) $at"$'\n'
	at=$((at + (1 << 21)))
done
dm_create big-cow "${table%$'\n'}"
dm_create org-base "0 $((4 << 21)) zero"
dm_create snap "0 $((4 << 21)) snapshot $(dm_path org-base) $(dm_path big-cow) P $((1 << 21))"
dm_create org "0 $((4 << 21)) snapshot-origin $(dm_path org-base)"
direct if="$TMP/block" of="$(dm_path org)" seek=5 oflag=direct conv=notrunc
expect_eq "$(status_of snap)" "$((3 << 21))/$((4 * (1 << 21) + 16384)) $((2 << 21))"
direct if="$TMP/block" of="$(dm_path snap)" seek=$((1 << 18)) oflag=direct conv=notrunc
direct if="$(dm_path snap)" of="$TMP/read" skip=$((1 << 18)) iflag=direct
same "$TMP/read" "$TMP/block"
direct if="$(dm_path snap)" of="$TMP/read" skip=5 iflag=direct
[ -z "$(tr -d '\0' < "$TMP/read")" ] || fail "the snapshot does not show what was"
dm_remove snap
dm_create snap "0 $((4 << 21)) snapshot $(dm_path org-base) $(dm_path big-cow) P 8"
expect_eq "$(status_of snap)" "$((4 << 21))/$((4 * (1 << 21) + 16384)) $((2 << 21))"
direct if="$(dm_path snap)" of="$TMP/read" skip=$((1 << 18)) iflag=direct
same "$TMP/read" "$TMP/block"
# One chunk more is one too many
direct if="$TMP/block" of="$(dm_path org)" seek=$((2 << 18)) oflag=direct conv=notrunc
expect_eq "$(status_of snap)" Invalid
dm_remove snap org org-base big-cow big-base
drop_disk big
