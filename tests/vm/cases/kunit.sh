# summary: KUnit: what the port promises, and the core's own tests, in the kernel
# kernels: um smp
# timeout: 240

. /job/vm/lib-kunit.sh

# Emulated processors need a hundred times as long
if [ "$(nproc)" -gt 1 ]; then steps=2000; else steps=20000; fi

skipped=(fails_when_asked_to)
if [ "$(nproc)" -eq 1 ]; then
	skipped+=(synchronize_waits_for_readers) # because User Mode Linux interrupts no reader
fi

kunit_load steps="$steps"
kunit_check "${skipped[@]}"
kunit_results | grep -o 'seed=[0-9]*' | head -n 1
expect_eq "$(kunit_results | grep -c '^ok ')" 7 "number of suites"
rmmod dm_snapshot_kunit
