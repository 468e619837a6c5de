# summary: xfs on an origin: files in its snapshots keep their contents, logs are replayed, checks find nothing
# default: none
# timeout: 240

. /job/vm/lib-io.sh
. /job/vm/lib-fs.sh
fs_case xfs
