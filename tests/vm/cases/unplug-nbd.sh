# summary: the NBD servers of an origin and of a COW device are killed while in use: everything ends in time
# default: none
# guest: full
# timeout: 400

. /job/vm/lib-unplug.sh

plug()
{
	local which number=0
	modprobe nbd nbds_max=2
	busybox ip link set lo up
	for which in base cow; do
		truncate -s "${MB}M" "$TMP/$which.img"
		cat > "$TMP/$which.conf" <<- END
			[generic]
			user = root
			group = root
			listenaddr = 127.0.0.1
			port = $((10809 + number))
			[disk]
			exportname = $TMP/$which.img
			flush = true
			fua = true
			trim = true
		END
		nbd-server -C "$TMP/$which.conf"
		# I/O in flight fails after 2 s
		wait_until 20 nbd-client -N disk 127.0.0.1 "$((10809 + number))" "/dev/nbd$number" -b 512 -t 2
		DISKS["$which"]=/dev/nbd$number
		number=$((number + 1))
	done
}

# Each connection has a process of its own
pull()
{
	pkill -KILL -f "^nbd-server .*/$1.conf"
}

unplug()
{
	local which
	for which in base cow; do
		pull "$which" || true
		nbd-client -d "${DISKS[$which]}" || true
		rm -f "$TMP/$which".*
	done
	wait_until 20 rmmod nbd
}

unplug_everywhere
