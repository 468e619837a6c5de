# SPDX-License-Identifier: GPL-2.0-only
#
# title: Loading the module
# boot: 1

say "Debian's kernel comes with a snapshot driver of its own. modprobe takes the one" \
	"that was just built, because it is installed in updates/."
run 'modprobe dm-snapshot'
run 'modinfo -F filename dm-snapshot'
run 'cat /sys/module/dm_snapshot/version'
run 'dmsetup targets | grep snapshot'
held "the kernel has loaded the module that was built here" ours_is_loaded
