# summary: LVM2: snapshots merged at once, at the next activation, in the background, beside others, across a power cut
# default: none
# guest: full
# boots: 2
# disks: 128M 128M
# timeout: 300

. /job/vm/lib-lvm.sh

# After the merge the origin has the snapshot's contents
becomes_origin()
{
	mv "$RESULTS/$1.sums" "$RESULTS/origin.sums"
}

is_gone()
{
	! lvs "vg/$1" > /dev/null 2>&1
}

# ended NAME: its merge must have ended, and left nothing of the snapshot
ended()
{
	wait_until 60 is_gone "$1"
	expect_eq "$(dmsetup info -c --noheadings -o name | grep "$1" || true)" "" "devices of $1"
}

check_origin()
{
	# Read-only, so that nothing waits for slow writes
	mount_at /dev/vg/origin ro > /dev/null
	lvm_check_origin
	umount /mnt/origin
}

# More than a few files to merge
overwrite()
{
	lvm_files /mnt/origin "$1"
	head -c 8M /dev/urandom > /mnt/origin/big
	sync -f /mnt/origin
	lvm_sums /mnt/origin > "$RESULTS/origin.sums"
}

percent_below()
{
	local now
	now=$(lv_field origin data_percent)
	[ -z "$now" ] || [ "${now/./}" -lt "${1/./}" ]
}

# The status shows the progress of the merge.  On a busy machine it may be over by now, and then
# there is nothing to check.
falls()
{
	local attr percent
	attr=$(lv_field origin lv_attr)
	percent=$(lv_field origin data_percent)
	if [ -z "$percent" ]; then
		note "merged already ($attr)"
		return
	fi
	expect_eq "$attr" "Owi-a-s---"
	expect_match "$percent" '[0-9]+\.[0-9][0-9]'
	wait_until 30 percent_below "$percent"
	note "from $percent % to $(lv_field origin data_percent) %"
}

# The waiting command itself polls every second, not a daemon
POLL=(--config "global/use_lvmpolld=0 activation/polling_interval=1")
readonly POLL
pv_make

if [ "$STAGE" -eq 1 ]; then
	lvm_make 32 /dev/mapper/pv0 /dev/mapper/pv1

	note "the origin is not in use"
	lvm_take closed -c 4k -L 40M
	lvm_files /mnt/origin 2
	umount /mnt/origin
	expect_ok lvconvert --merge "${POLL[@]}" vg/closed
	becomes_origin closed
	ended closed
	expect_match "$(dmsetup table vg-origin)" "0 65536 linear .*"
	check_origin

	note "the origin is in use: when it is activated next"
	mount_at /dev/vg/origin > /dev/null
	lvm_take later -c 64k -L 40M
	lvm_files /mnt/origin 6
	mount_at /dev/vg/later > /dev/null
	lvm_files /mnt/later 7
	umount /mnt/later
	expect_ok lvconvert --merge "${POLL[@]}" vg/later
	expect_match "$OUTPUT" ".*will occur on next activation of vg/origin.*"
	lvm_files /mnt/origin 8
	lvchange -q --refresh "${POLL[@]}" vg/origin
	expect_eq "$(dmsetup table vg-origin | cut -d ' ' -f 3)" snapshot-origin
	lvm_check_origin
	umount /mnt/origin
	vgchange -q -an vg
	vgchange -q "${POLL[@]}" -ay vg
	becomes_origin later
	check_origin
	ended later
	check_origin

	note "in the background, while the origin is refreshed and used"
	mount_at /dev/vg/origin > /dev/null
	lvm_take back -c 4k -L 40M
	overwrite 9
	umount /mnt/origin
	pv_speed 4000
	lvconvert -q --merge --background "${POLL[@]}" vg/back
	becomes_origin back
	falls
	lvchange -q --refresh "${POLL[@]}" vg/origin
	lvchange -q --poll y "${POLL[@]}" vg/origin
	expect_fail lvcreate -s -n more -L 4M vg/origin
	expect_fail lvremove -q -y vg/back
	is_gone back && fail "it was merged before it could be used"
	check_origin
	pv_speed 0
	ended back
	check_origin

	note "beside others"
	mount_at /dev/vg/origin > /dev/null
	lvm_take one -c 4k -L 40M
	overwrite 10
	lvm_take two -c 16k -L 40M
	lvm_files /mnt/origin 11
	lvm_take three -c 64k -L 40M
	lvm_files /mnt/origin 12
	umount /mnt/origin
	expect_ok lvconvert --merge "${POLL[@]}" vg/two
	becomes_origin two
	ended two
	check_origin
	lvm_check one three
	lvremove -q -y vg/three
	lvm_forget three

	note "and until the power fails"
	mount_at /dev/vg/origin > /dev/null
	overwrite 13
	umount /mnt/origin
	pv_speed 4000
	lvconvert -q --merge --background "${POLL[@]}" vg/one
	becomes_origin one
	falls
	power_cut
fi

# Still slow.  LVM2 reports the end only when a command waits for it
pv_speed 4000
vgchange -q --poll n -ay vg
expect_eq "$(loaded_module)" ours
falls
pv_speed 300
mount_at /dev/vg/origin > /dev/null
lvm_check_origin
lvm_files /mnt/origin 14
pv_speed 0
lvchange -q --poll y "${POLL[@]}" vg/origin
ended one
lvm_check_origin
umount /mnt/origin
expect_ok e2fsck -f -n /dev/vg/origin
