# summary: passes
# module: in-tree
# smp: 1

dev=$(make_ram disk 8)
dm_create linear "0 $(sectors "$dev") linear $dev 0"
dm_remove linear
