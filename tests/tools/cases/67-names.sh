# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run
#
# Names of stores, origins and copies: a file in the working directory is never taken for a
# volume.

planted=$work/planted
mkdir -p "$planted/vg"
cp "$work/good" "$planted/image"
cp "$work/hostile" "$planted/bad"
cp "$work/good" "$planted/vg/snap"
cp "$work/origin" "$planted/vg/volume"
"$dmsnap" dump --for-restore "$work/good" > "$work/dump"
# beside COMMAND...: runs it in the folder with the planted files
beside() { (cd "$planted" && "$@"); }

check "a file in the working directory" beside exits 0 "$dmsnap" check image
check "a path" beside exits 0 "$dmsnap" check ./vg/snap --origin "$planted/vg/volume"
for words in 'check vg/snap' 'check image --origin vg/volume' 'dump vg/snap' 'repair vg/snap' 'diff vg/snap' \
	'export --full --origin vg/volume' 'export image --origin vg/volume' 'restore --overwrite vg/snap' \
	'restore vg/new' 'repair bad --output vg/new'; do
	# shellcheck disable=SC2086 # several words
	check "a planted file is not taken for a volume: $words" beside unchanged vg/snap exits 2 "$dmsnap" $words < "$work/dump"
done
check "check: a name of a volume" beside exits 2 "$dmsnap" check vg/snap
check "check: says how to name a file" complains 'there is no device /dev/vg/snap; a file is named \./vg/snap'
check "apply: to a planted file" beside exits 2 "$dmsnap" apply vg/volume --any-base --input "$work/stream"

# Needs root, and a private directory for the nodes of device mapper
if [ "$(id -u)" = 0 ] && loop=$(losetup --show -f "$work/good" 2> /dev/null); then
	number=$(stat -c '0x%t 0x%T' "$loop")
	# with_devices CONTROL COMMAND...: with a volume vg/snap, also device mapper's "image"
	with_devices()
	{
		# shellcheck disable=SC2016 # for the other shell
		unshare -m bash -c 'mkdir -p /run/dmsnap-test && mount -t tmpfs none /run/dmsnap-test &&
			mkdir -p /run/dmsnap-test/mapper /run/dmsnap-test/vg && mknod /run/dmsnap-test/null c 1 3 &&
			mknod /run/dmsnap-test/mapper/image b $1 && mknod /run/dmsnap-test/vg/snap b $1 &&
			if [ "$2" = control ]; then mknod /run/dmsnap-test/mapper/control c 10 236; fi &&
			mount --move /run/dmsnap-test /dev && cd "$3" && shift 3 && exec "$@"' - "$number" "$1" "$planted" "${@:2}"
	}
	truncate -s 100K "$planted/image"
	check "a device is preferred to a file of its name" exits 0 with_devices none "$dmsnap" check image
	check "a volume is found by its name" exits 0 with_devices none "$dmsnap" check vg/snap
	check "a file of that name is found by its path" exits 1 with_devices none "$dmsnap" check ./image
	if ! grep -q device-mapper /proc/misc; then
		for words in 'diff vg/snap' 'check vg/snap' "export vg/snap --origin $work/origin --output $work/exported"; do
			# shellcheck disable=SC2086 # several words
			check "with a control file, but no device mapper in the kernel: $words" exits 0 with_devices control "$dmsnap" $words
		done
	fi
	losetup -d "$loop"
else
	echo "1 skipped"
fi
