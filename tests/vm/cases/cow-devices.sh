# summary: COW devices on loop, on dm-crypt and on NBD over loopback; the network fails
# default: none
# guest: full
# timeout: 240

. /job/vm/lib-io.sh

# cow_on NAME DEVICE: makes an empty COW device; a new dm-crypt device, for one, holds noise
cow_on()
{
	dm_create "cow-$1" "0 $(sectors "$2") linear $2 0"
	dd if=/dev/zero of="$(dm_path "cow-$1")" bs=4k count=1 oflag=direct status=none
}

origin_make 16

cow_on loop "$(make_loop cow-file 40)"

ram=$(make_ram ram-crypt 40)
key=$(printf '%064d' 7)
dm_create encrypted "0 $(sectors "$ram") crypt aes-xts-plain64 $key 0 $ram 0"
cow_on crypt "$(dm_path encrypted)"

busybox ip link set lo up
truncate -s 40M "$TMP/exported"
cat > "$TMP/nbd.conf" << END
[generic]
user = root
group = root
listenaddr = 127.0.0.1
[cow]
exportname = $TMP/exported
flush = true
fua = true
trim = true
END
nbd-server -C "$TMP/nbd.conf"
modprobe nbd nbds_max=1
wait_until 20 nbd-client -N cow 127.0.0.1 /dev/nbd0 -b 512
cow_on nbd /dev/nbd0

names=(loop crypt nbd)
chunk_sizes=(8 32 16)
for i in 0 1 2; do
	snap_take "${names[i]}" P "${chunk_sizes[i]}"
done

note "in use"
writer_start user "$(dm_path org)" --rw=randwrite --bsrange=512-64k --iodepth=16 --size=8m
writers_move
snap_check
fio_run "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --offset=8m --size=8m --io_size=2m
snap_check
for name in "${names[@]}"; do
	model_make "$name"
	fio_both "$name" --rw=randwrite --bsrange=512-64k --norandommap --iodepth=1 --io_size=2m
	model_check "$name"
done
writers_stop

note "reloaded"
for i in 0 1 2; do
	dm_remove "${names[i]}"
	dm_create "${names[i]}" "$(snap_table "${names[i]}" P "${chunk_sizes[i]}")"
	model_check "${names[i]}"
done

note "the network goes away under writes"
writer_start user "$(dm_path org)" --rw=randwrite --bs=4k --iodepth=16 --size=16m --io_size=4m
# Each connection has a process of its own
pkill -KILL nbd-server
wait_until 60 is_status nbd Invalid
writers_move
writers_stop
model_check loop
model_check crypt
expect_log "snapshots: Invalidating snapshot"
dm_remove nbd cow-nbd
nbd-client -d /dev/nbd0 || true
