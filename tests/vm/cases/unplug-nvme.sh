# summary: NVMe controllers (over loopback) of an origin and of a COW device are deleted while in use: everything ends in time
# kernels: 7.3 6.12-deb13 6.12
# default: none
# timeout: 240

. /job/vm/lib-unplug.sh

readonly NVMET=/sys/kernel/config/nvmet

# controller_of base|cow: prints its directory
controller_of()
{
	local name
	for name in /sys/class/nvme/nvme*/subsysnqn; do
		if [ -e "$name" ] && [ "$(< "$name")" = "dmsnap-$1" ]; then
			printf '%s\n' "${name%/*}"
			return 0
		fi
	done
	return 1
}

# disk_of base|cow: prints the node of its name space, once there is one
disk_of()
{
	local name
	for name in /sys/block/nvme*/device/subsysnqn; do
		# nvme0c0n1 is a path to nvme0n1
		if [[ $name != *c[0-9]*n[0-9]*/device* ]] && [ -e "$name" ] && [ "$(< "$name")" = "dmsnap-$1" ]; then
			name=${name%/device/subsysnqn}
			DISKS[$1]=/dev/${name##*/}
			return 0
		fi
	done
	return 1
}

there_is()
{
	disk_of "$1" && [ -b "${DISKS[$1]}" ]
}

plug()
{
	local which dir ram
	modprobe nvme-loop
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config
	mkdir "$NVMET/ports/1"
	echo loop > "$NVMET/ports/1/addr_trtype"
	for which in base cow; do
		ram=$(make_ram "ram-$which" "$MB")
		dir=$NVMET/subsystems/dmsnap-$which
		mkdir "$dir"
		echo 1 > "$dir/attr_allow_any_host"
		mkdir "$dir/namespaces/1"
		printf '%s' "$ram" > "$dir/namespaces/1/device_path"
		echo 1 > "$dir/namespaces/1/enable"
		ln -s "$dir" "$NVMET/ports/1/subsystems/"
		echo "transport=loop,nqn=dmsnap-$which" > /dev/nvme-fabrics
		wait_until 20 there_is "$which"
	done
}

pull()
{
	echo 1 > "$(controller_of "$1")/delete_controller"
}

unplug()
{
	local which dir
	for which in base cow; do
		if controller_of "$which" > /dev/null; then
			pull "$which"
		fi
		dir=$NVMET/subsystems/dmsnap-$which
		rm "$NVMET/ports/1/subsystems/dmsnap-$which"
		echo 0 > "$dir/namespaces/1/enable"
		rmdir "$dir/namespaces/1" "$dir"
		drop_disk "ram-$which"
	done
	rmdir "$NVMET/ports/1"
	modprobe -r nvme-loop
}

unplug_everywhere
