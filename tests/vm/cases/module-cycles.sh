# summary: loading, using and unloading the module many times leaks no memory; it cannot be loaded twice or beside the in-tree one
# default: 6.1
# append: slab_nomerge slub_debug=U,kmalloc-*
# fresh: yes
# timeout: 240

# Not for the debug kernels: with slub_debug their KASAN reports overflows in the kernel's own
# first objects, and debug-leaks finds leaks there with kmemleak

. /job/vm/lib-io.sh

# Filled first, because RAM disks grow as they are written
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

# One call, because four processes for each of 50 cycles would take too long
mapfile -t tables < <(
	snap_table a P 8
	snap_table b PO 16
	snap_table c N 8
)
tables+=("0 $SIZE snapshot-origin $(dm_path base)")
devices="a,,,rw,${tables[0]};b,,,rw,${tables[1]};c,,,rw,${tables[2]};org,,,rw,${tables[3]}"
bad=$(snap_table a P 7)

# A new store, that of the previous cycle (invalid sooner or later), and a transient one
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

# cycles COUNT: runs this many cycles
cycles()
{
	local i
	for ((i = 0; i < $1; i++)); do
		cycle "$((TURN++))"
	done
}

# Prints the number of objects in each slab cache, because this test does not know which ones our
# module uses.  The kernel allocates 96 bytes for each shrink file that is opened here, and frees
# them late, by RCU.  So this reads the numbers several times and takes the smallest; dropping
# caches also hurries RCU.
slabs()
{
	local cache
	echo 3 > /proc/sys/vm/drop_caches
	echo 1 > /proc/sys/vm/compact_memory
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 > "$cache"
	done
	for _ in 1 2 3; do
		echo 2 > /proc/sys/vm/drop_caches
		sleep 0.3
		cat /proc/slabinfo
	done | awk '$1 == "slabinfo" || $1 == "#" { next }
		!($1 in least) || $2 < least[$1] { least[$1] = $2 }
		END { for (name in least) print name, least[name] }'
}

# Prints the caches that have grown in each round, in total by at least one object for each cycle.
# What the kernel keeps for itself does not grow with each cycle.
grown()
{
	local round
	for ((round = 0; round <= ROUNDS; round++)); do
		sed "s/^/$round /" "$TMP/slabs.$round"
	done | awk -v rounds="$ROUNDS" -v least="$((ROUNDS * EACH))" '
		$1 > 0 && $3 > last[$2] { rises[$2]++ }
		$1 == 0 { first[$2] = $3 }
		{ last[$2] = $3 }
		END { for (name in rises)
			if (rises[name] == rounds && last[name] - first[name] >= least)
				print name, first[name] + 0, "->", last[name] }'
}

# Prints the allocators of the objects in each kmalloc cache, with the number last
traces()
{
	local cache
	for cache in /sys/kernel/debug/slab/kmalloc-*; do
		awk -v cache="${cache##*/}" '{ n[$2 ($3 ~ /^\[/ ? " " $3 : "")] += $1 }
			END { for (who in n) print cache, who, n[who] }' "$cache/alloc_traces"
	done
}

# Prints those with at least one object more for each cycle
traces_grown()
{
	traces | awk -v least="$((ROUNDS * EACH))" 'NR == FNR { n = $NF; $NF = ""; before[$0] = n; next }
		{ n = $NF; $NF = "" } n - before[$0] >= least { print $0 before[$0] + 0, "->", n }' "$TMP/traces" -
}

# allocated_by REGEX: prints the allocators that match, with their number of objects
allocated_by()
{
	cat /sys/kernel/debug/slab/kmalloc-*/alloc_traces | grep -E "^ *[0-9]+ $1" || true
}

# Without age and process ID
allocated_by_module()
{
	allocated_by ".*\[dm_snapshot\]" | awk '{ print $1, $2 }' | sort
}

readonly ROUNDS=3
[ "$FULL" = yes ] && EACH=15 || EACH=4
TURN=0
unload_module
cycles 4
# Random growth does not occur three times in a row
for attempt in 1 2 3; do
	slabs > "$TMP/slabs.0"
	traces > "$TMP/traces"
	memory=$(mem_available)
	for ((round = 1; round <= ROUNDS; round++)); do
		cycles "$EACH"
		slabs > "$TMP/slabs.$round"
	done
	more=$(grown)
	[ -n "$more" ] || break
	note "attempt $attempt, grown in $((ROUNDS * EACH)) cycles: ${more//$'\n'/, }"
done
[ -z "$more" ] || fail "slab caches have grown in $((ROUNDS * EACH)) cycles: ${more//$'\n'/, }
allocated by: $(traces_grown)"
# The kernel frees memory late.  Leaking the module's reserve of pages would cost 260 kB a cycle
for i in 1 2 3 4 5; do
	less=$((memory - $(mem_available)))
	note "$((ROUNDS * EACH)) cycles cost $less kB"
	[ "$less" -ge $((ROUNDS * EACH * 200)) ] || break
	sleep 1
	slabs > /dev/null
done
[ "$less" -lt $((ROUNDS * EACH * 200)) ] || fail "$((ROUNDS * EACH)) cycles cost $less kB"

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
