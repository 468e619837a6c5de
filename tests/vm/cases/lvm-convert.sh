# summary: LVM2: snapshots of striped, mirrored and RAID volumes; they are unchanged after being split off and attached again
# default: none
# guest: full
# disks: 128M 128M
# timeout: 180
# smp: 1

. /job/vm/lib-lvm.sh

declare -A layout=([striped]="-i 2 -I 64k" [mirror]="--type mirror -m 1 --mirrorlog core" [raid1]="--type raid1 -m 1")
declare -A target=([striped]=striped [mirror]=mirror [raid1]=raid)

for name in striped mirror raid1; do
	note "a snapshot of a volume that is $name"
	# The disks still hold the data of the last volume
	# shellcheck disable=SC2034 # read by lvm_make
	read -r -a LVM_LAYOUT <<< "-y ${layout[$name]}"
	lvm_make 24
	lvm_take snap -c 16k -L 12M
	lvm_files /mnt/origin 2
	lvm_take later -c 4k -L 12M
	lvm_files /mnt/origin 3
	lvm_check_origin
	lvm_check
	expect_match "$(dmsetup table vg-origin-real)" "0 49152 ${target[$name]} .*"

	note "split off it is an independent volume, which nothing monitors"
	expect_ok lvconvert -q -y --splitsnapshot vg/snap
	expect_match "$(lv_field snap lv_attr)" "-wi-.*"
	expect_match "$(dmsetup table vg-snap)" "0 24576 linear .*"
	lvm_check later

	note "attached again, without being zeroed, it shows what it did"
	expect_ok lvconvert -q -y -s -Z n -c 16k vg/origin vg/snap
	expect_eq "$(lv_field snap lv_attr)" swi-a-s---
	lvm_check
	lvm_files /mnt/origin 4
	lvm_check
	lvm_check_origin

	note "attached to another size of chunk it keeps its own"
	expect_ok lvconvert -q -y --splitsnapshot vg/snap
	clear_log
	expect_ok lvconvert -q -y -s -Z n -c 64k vg/origin vg/snap
	expect_log "chunk size 32 in device metadata overrides table chunk size of 128"
	lvm_check

	umount /mnt/origin
	vgremove -q -ff -y vg
	lvm_forget snap
	lvm_forget later
done
