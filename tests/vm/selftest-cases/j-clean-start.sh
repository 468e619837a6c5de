# summary: finds nothing of the cases before it
# module: in-tree
# smp: 1

expect_eq "$(dmsetup ls)" "No devices found"
[ ! -e /sys/kernel/config/nullb/disk ] || fail "there is still a RAM disk"
expect_eq "$(pgrep -x sleep || true)" ""
expect_eq "$(loaded_module)" in-tree
