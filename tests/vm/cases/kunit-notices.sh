# summary: a KUnit case that fails is detected, and so is one that is skipped
# kernels: um smp
# timeout: 60

. /job/vm/lib-kunit.sh

kunit_load selftest=1 steps=10
expect_fail kunit_check
expect_match "$OUTPUT" '.*not ok 1 fails_when_asked_to.*FAIL: .*KUnit: 2 failed.*'
rmmod dm_snapshot_kunit

kunit_load steps=10
expect_fail kunit_check
expect_match "$OUTPUT" '.*ok 1 fails_when_asked_to # SKIP selftest=0.*FAIL: .*KUnit: 0 failed, [12] of .*'
expect_fail kunit_check no_such_case
expect_match "$OUTPUT" '.*no_such_case should have been skipped.*'
rmmod dm_snapshot_kunit
