# summary: fails by a check of its own; leaves things behind that can be removed
# module: in-tree
# smp: 1

dev=$(make_ram disk 16)
dm_create below "0 $(sectors "$dev") linear $dev 0"
dm_create above "0 $(sectors "$dev") linear $(dm_path below) 0"
mkfs.ext4 -q "$(dm_path above)"
mount_at "$(dm_path above)" > "$TMP/where"
sleep 1000 > "$(cat "$TMP/where")/open" &
expect_eq 1 2 "the numbers differ"
