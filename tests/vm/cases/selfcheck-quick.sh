# summary: quick guest: an in-tree snapshot keeps what the origin had
# default: 6.12
# module: in-tree
# smp: 1

origin=$(make_ram origin 16)
cow=$(make_ram cow 16)
fill "$origin" 1
before=$(sum_of "$origin")
size=$(sectors "$origin")

# In this order: the origin asks for the chunk size when it is resumed
dm_create snap "0 $size snapshot $origin $cow P 8"
dm_create org "0 $size snapshot-origin $origin"
expect_match "$(dmsetup status snap)" "0 $size snapshot 16/32768 16"

fill "$(dm_path org)" 2 2
[ "$(sum_of "$(dm_path org)")" != "$before" ] || fail "the origin has not been overwritten"
expect_eq "$(sum_of "$(dm_path snap)")" "$before" "the snapshot has changed"
expect_match "$(dmsetup status snap)" "0 $size snapshot [0-9]{4,}/32768 [0-9]+"

expect_fail dm_create bad "0 $size snapshot $origin $cow X 8"
expect_log "snapshot: Couldn't create exception store"

# Another seed gives other places, the same seed the same ones
. /job/vm/lib-io.sh
random=("$(dm_path org)" --rw=randwrite --bs=4k --offset=8M --io_size=64k)
fio_run "${random[@]}" --randseed=1
first=$(allocated snap)
fio_run "${random[@]}" --randseed=1
expect_eq "$(allocated snap)" "$first" "chunks written, with the same seed"
fio_run "${random[@]}" --randseed=2
[ "$(allocated snap)" -gt "$first" ] || fail "another seed writes to the same places"
