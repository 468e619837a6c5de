# summary: sees its stage and its disk after a power cut, then fails
# module: in-tree
# boots: 2
# disks: 8M
# smp: 1

if [ "$STAGE" -eq 1 ]; then
	echo kept | dd of="$(disk 0)" bs=512 conv=sync oflag=direct status=none
	power_cut
fi
fail "stage $STAGE, disk: $(dd if="$(disk 0)" bs=4 count=1 status=none)"
