# summary: passes, but leaves a device that is in use
# module: in-tree
# smp: 1

dev=$(make_ram disk 8)
dm_create held "0 $(sectors "$dev") linear $dev 0"
setsid sleep 1000 < "$(dm_path held)" &
# shellcheck disable=SC2016 # for eval
wait_until 5 eval '[ "$(dmsetup info -c --noheadings -o open held)" = 1 ]'
