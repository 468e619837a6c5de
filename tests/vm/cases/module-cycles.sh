# summary: loaded, used and unloaded over and over it leaves no memory behind; it is not loaded beside itself or the in-tree one
# default: 6.1
# append: slab_nomerge slub_debug=U,kmalloc-*
# fresh: yes
# timeout: 180

# Not for the debug kernels: with slub_debug their KASAN takes the kernel's own first objects
# for overflows, and what leaks there is found by kmemleak (debug-leaks)

. /job/vm/lib-io.sh

# Filled, or the RAM disks grow
base=$(make_ram ram-base 4)
cow=$(make_ram ram-cow 6)
fill "$base" 1
fill "$cow" 2
dm_create base "0 8192 linear $base 0"
dm_create cow-a "0 4096 linear $cow 0"
dm_create cow-b "0 4096 linear $cow 4096"
dm_create cow-c "0 4096 linear $cow 8192"
SIZE=8192
dd if=/dev/urandom of="$TMP/data" bs=64k count=4 status=none
dd if=/dev/zero of="$(dm_path cow-b)" bs=4k count=1 oflag=direct status=none

# All at once: four processes for each of 50 cycles take their time
mapfile -t tables < <(
	snap_table a P 8
	snap_table b PO 16
	snap_table c N 8
)
tables+=("0 $SIZE snapshot-origin $(dm_path base)")
devices="a,,,rw,${tables[0]};b,,,rw,${tables[1]};c,,,rw,${tables[2]};org,,,rw,${tables[3]}"
bad=$(snap_table a P 7)

# A new store, that of the cycle before (sooner or later invalid), and one in memory
use()
{
	dd if=/dev/zero of=/dev/mapper/cow-a bs=4k count=1 oflag=direct status=none
	dmsetup create --concise "$devices"
	dd if="$TMP/data" of=/dev/mapper/org bs=64k seek="$(($1 % 48))" oflag=direct status=none
	dd if="$TMP/data" of=/dev/mapper/a bs=3k count=16 seek=999 oflag=direct status=none
	dd if=/dev/mapper/c of=/dev/null bs=64k count=8 iflag=direct status=none
	# A table that is never used, and one that is refused
	dmsetup load a --table "${tables[0]}"
	expect_fail dmsetup create bad --table "$bad"
}

cycle()
{
	insmod "$(module_path ours)"
	use "$1"
	dmsetup remove c org b a
	rmmod dm_snapshot
}

# All slab caches: which of them ours uses is not for this test to know
slabs()
{
	local cache
	echo 3 > /proc/sys/vm/drop_caches
	echo 1 > /proc/sys/vm/compact_memory
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 > "$cache"
	done
	awk 'NR > 2 { print $1, $2, $5 }' /proc/slabinfo
}

# Those with at least one object more for each cycle; a slab in use by each of
# the two processors counts as full
grown()
{
	awk -v cycles="$cycles" 'NR == FNR { before[$1] = $2; next }
		$2 - before[$1] >= cycles + 2 * $3 { print $1, before[$1] + 0, "->", $2 }' "$1" "$2"
}

# allocated_by REGEX: who has allocated what is there
allocated_by()
{
	cat /sys/kernel/debug/slab/kmalloc-*/alloc_traces | grep -E "^ *[0-9]+ $1" || true
}

# Without age and process
allocated_by_module()
{
	allocated_by ".*\[dm_snapshot\]" | awk '{ print $1, $2 }' | sort
}

unload_module
for ((i = 90; i < 100; i++)); do
	cycle "$i"
done
slabs > "$TMP/slabs.before"
memory=$(mem_available)
[ "$FULL" = yes ] && cycles=40 || cycles=10
for ((i = 0; i < cycles; i++)); do
	cycle "$i"
done
# The kernel frees late, closed files among others; what leaks stays
for i in 1 2 3 4 5; do
	slabs > "$TMP/slabs.after"
	more=$(grown "$TMP/slabs.before" "$TMP/slabs.after")
	[ -n "$more" ] || break
	sleep 1
done
expect_eq "$more" "" "slab caches have grown in $cycles cycles"
# The kernel gives back late.  The pages that the module keeps ready would be 260 kB a cycle
for i in 1 2 3 4 5; do
	less=$((memory - $(mem_available)))
	note "$cycles cycles cost $less kB"
	[ "$less" -ge $((cycles * 200)) ] || break
	sleep 1
	slabs > /dev/null
done
[ "$less" -lt $((cycles * 200)) ] || fail "$cycles cycles cost $less kB"

note "what is allocated by code that is gone, which has no name"
expect_eq "$(allocated_by 0x)" ""
insmod "$(module_path ours)"
loaded=$(allocated_by_module)
use 0
[ "$(allocated_by_module)" != "$loaded" ] || fail "nothing is allocated by the module in use"
dmsetup remove c org b a
expect_eq "$(allocated_by_module)" "$loaded" "allocated by the module, in use no more"

note "one module of that name at a time"
for first in ours in-tree; do
	load_module "$first"
	expect_fail insmod "$(module_path ours)"
	expect_match "$OUTPUT" "insmod: .*: File exists"
	expect_eq "$(loaded_module)" "$first"
done

note "nor under another name: the targets have theirs"
sed 's/dm_snapshot/dm_snapsh0t/g' "$(module_path ours)" > "$TMP/other.ko"
expect_eq "$(stat -c %s "$TMP/other.ko")" "$(stat -c %s "$(module_path ours)")" "the size of the renamed module"
for first in ours in-tree; do
	load_module "$first"
	for i in 1 2 3; do
		expect_fail insmod "$TMP/other.ko"
		expect_match "$OUTPUT" "insmod: .*(File exists|Device or resource busy)"
	done
	[ ! -e /sys/module/dm_snapsh0t ] || fail "a module that failed is there"
	unload_module
done
expect_eq "$(allocated_by 0x)" ""
cycle 0
