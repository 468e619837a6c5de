# summary: 500 snapshots of one origin, then 500 origins with a snapshot each, are made, written and removed
# default: none
# mem: 3072
# timeout: 600
# smp: 1

. /job/vm/lib-io.sh

readonly COUNT=500
readonly MIB=2
sectors=$((MIB * 2048))

# make PREFIX TABLE: makes COUNT devices.  In TABLE "#" stands for the number of the device, "@" for
# the first sector of its piece
make()
{
	local i table all=""
	for ((i = 0; i < COUNT; i++)); do
		table=${2//\#/$i}
		all+="$1$i,,,,${table//@/$((i * sectors))};"
	done
	dmsetup create --concise "${all%;}"
}

# drop PREFIX: removes them
drop()
{
	local i
	for ((i = 0; i < COUNT; i++)); do
		echo "$1$i"
	done | xargs dmsetup remove
}

# kib_each COMMAND...: sets kib to the KiB of memory that each device takes that COMMAND makes
kib_each()
{
	local before
	before=$(mem_available)
	"$@"
	kib=$((((before - $(mem_available)) + COUNT - 1) / COUNT))
}

# timed TEXT COMMAND...: notes how long the command takes
timed()
{
	local begin=$EPOCHREALTIME text=$1
	shift
	"$@"
	note "$text: $(((${EPOCHREALTIME/./} - ${begin/./}) / 1000)) ms"
}

# snapshots_of MODULE: makes COUNT snapshots of one origin
snapshots_of()
{
	load_module "$1"
	org_load
	dmsetup suspend org
	kib_each timed "$COUNT snapshots, $1" \
		make snap "0 $sectors snapshot $(dm_path base) /dev/mapper/cow# P 8"
	dmsetup resume org
	note "each takes $kib KiB"
}

make cow "0 $sectors linear $(make_ram cows $((COUNT * MIB))) @"
origin_make "$MIB"
dm_remove org
frozen=$(sum_of "$(dm_path base)" "" 1)

note "one origin"
snapshots_of in-tree
in_tree=$kib
timed "removal of $COUNT snapshots" drop snap
dm_remove org
snapshots_of ours
expect_ok [ "$kib" -lt "$in_tree" ]
timed "writes of the origin" fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=8 --io_size=128k
timed "the same again" fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=8 --io_size=128k
for i in 0 1 $((COUNT / 2)) $((COUNT - 1)); do
	expect_eq "$(sum_of "$(dm_path "snap$i")" "" 1)" "$frozen" "snap$i"
done
expect_eq "$(dmsetup status --target snapshot | cut -d' ' -f5 | sort -u | wc -l)" 1 "all have as much"
timed "removal of $COUNT snapshots" drop snap
dm_remove org

note "$COUNT origins"
drop cow
drop_disk cows
for name in base cow; do
	make "$name" "0 $sectors linear $(make_ram "${name}s" $((COUNT * MIB))) @"
done
timed "$COUNT snapshots" make snap "0 $sectors snapshot /dev/mapper/base# /dev/mapper/cow# P 8"
timed "$COUNT origins" make org "0 $sectors snapshot-origin /dev/mapper/base#"
write_all()
{
	local i
	for ((i = 0; i < COUNT; i++)); do
		printf '/dev/mapper/org%d\n' "$i"
	done | xargs -I{} dd if=/dev/urandom of={} bs=64k count=1 oflag=direct status=none
}
timed "a write to each" write_all
expect_eq "$(dmsetup status --target snapshot | cut -d' ' -f5 | sort | uniq -c | sed 's/^ *//')" \
	"$COUNT 144/$sectors" "each has its 16 chunks"
for i in 0 $((COUNT / 2)) $((COUNT - 1)); do
	expect_eq "$(tr -d '\0' < "/dev/mapper/snap$i" | wc -c)" 0 "snap$i has the zeros from before"
	[ "$(head -c 64k "/dev/mapper/org$i" | tr -d '\0' | wc -c)" -gt 60000 ] || fail "org$i was not written"
done
timed "removal of $COUNT origins" drop org
timed "removal of $COUNT snapshots" drop snap
