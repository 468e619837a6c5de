# summary: ext4 on an origin: files in its snapshots keep their contents, logs are replayed, checks find nothing
# kernels: stock um smp
# default: 6.1
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-fs.sh
fs_case ext4
