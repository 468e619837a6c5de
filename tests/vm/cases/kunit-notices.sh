# summary: a KUnit case that fails is noticed
# kernels: um smp
# timeout: 60

. /job/vm/lib-kunit.sh

kunit_load selftest=1 steps=10
expect_fail kunit_check
expect_match "$OUTPUT" '.*not ok 1 fails_when_asked_to.*FAIL: .*KUnit: 2 failed.*'
rmmod dm_snapshot_kunit
