# summary: devices are left suspended; removal, refresh and a shutdown end or can be killed, in any order, and nothing is lost
# default: none
# timeout: 300

. /job/vm/lib-io.sh

# attempt COMMAND...: may wait for the suspended device, but must be killable
attempt()
{
	local rc=0 pid try
	"$@" > "$TMP/attempt" 2>&1 &
	pid=$!
	for ((try = 0; try < 15; try++)); do
		if is_gone "$pid"; then
			wait "$pid" || rc=$?
			TOLD+=" [$*: $rc]"
			return
		fi
		sleep 0.1
	done
	kill -KILL "$pid"
	for ((try = 0; try < 50; try++)); do
		if is_gone "$pid"; then
			wait "$pid" 2> /dev/null || true
			TOLD+=" [$*: killed]"
			return
		fi
		sleep 0.1
	done
	fail "suspended: $left, then:$TOLD, and not to be killed: $*
$(cat "/proc/$pid/stack")"
}

is_gone()
{
	[ ! -e "/proc/$1" ] || [ "$(awk '/^State:/ { print $2 }' "/proc/$1/status" 2> /dev/null)" = Z ]
}

# step NAME
step()
{
	case $1 in
	refresh)
		attempt dmsetup load snap --table "$(snap_table snap P 16)"
		attempt dmsetup suspend --noflush snap
		attempt dmsetup resume snap
		;;
	refresh-origin)
		attempt dmsetup load org --table "0 $SIZE snapshot-origin $(dm_path base)"
		attempt dmsetup resume org
		;;
	remove-snap) attempt dmsetup remove snap ;;
	remove-org) attempt dmsetup remove org ;;
	esac
}

# are_gone NAME...: removes those that still exist
are_gone()
{
	local name
	for name; do
		dmsetup remove "$name" 2> /dev/null || true
		if dmsetup info "$name" > /dev/null 2>&1; then
			return 1
		fi
	done
}

# The I/O of the killed removal has ended
nobody_has_it()
{
	[ "$(dmsetup info -c --noheadings -o open cow-snap)" = 0 ]
}

flushed_part()
{
	dd if="$(dm_path snap)" bs=4k count=8 iflag=direct status=none | md5sum
}

origin_make 8
ram=$(make_ram ram-snap 12)
dm_create cow-snap "0 24576 linear $ram 0"
for left in "cow-snap" "base" "snap" "cow-snap base" "org snap"; do
	for order in "refresh remove-snap remove-org" "remove-org refresh-origin refresh" "refresh-origin remove-snap remove-org"; do
		TOLD=''
		dd if=/dev/zero of="$(dm_path cow-snap)" bs=4k count=1 oflag=direct status=none
		snap_take snap P 16
		dd if=/dev/urandom of="$(dm_path org)" bs=64k count=4 oflag=direct status=none
		dd if=/dev/urandom of="$(dm_path snap)" bs=4k count=8 oflag=direct conv=fsync status=none
		kept=$(flushed_part)
		# Unflushed, so the removal has to commit it
		dd if=/dev/urandom of="$(dm_path snap)" bs=4k count=8 seek=512 oflag=direct status=none
		for name in $left; do
			dmsetup suspend --noflush "$name"
		done
		for one in $order; do
			step "$one"
		done
		note "suspended: $left, then:$TOLD"
		for name in base cow-snap snap org; do
			dmsetup resume "$name" 2> /dev/null || true
		done
		wait_until 20 are_gone snap org
		wait_until 20 nobody_has_it
		org_load
		dm_create snap "$(snap_table snap P 16)"
		expect_eq "$(flushed_part)" "$kept" "what was flushed"
		expect_match "$(status_of snap)" '[0-9]+/24576 [0-9]+'
		dm_remove snap
		unset "FROZEN[snap]"
	done
done

note "a shutdown: all devices are forced away"
TOLD='' left="cow-snap org"
dd if=/dev/zero of="$(dm_path cow-snap)" bs=4k count=1 oflag=direct status=none
snap_take snap P 16
dd if=/dev/urandom of="$(dm_path snap)" bs=4k count=8 oflag=direct status=none
for name in $left; do
	dmsetup suspend --noflush "$name"
done
attempt dmsetup remove_all --force
for try in 1 2 3; do
	for name in cow-snap base snap org; do
		dmsetup resume "$name" 2> /dev/null || true
	done
	attempt dmsetup remove_all --force
done
note "$TOLD"
wait_until 20 are_gone snap org cow-snap base
