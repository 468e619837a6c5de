# SPDX-License-Identifier: GPL-2.0-only
#
# title: A snapshot
# boot: 1

say "From now on the volume (the origin) can be changed, and the snapshot keeps what" \
	"it was. 96 MB are set aside for the old data of what gets overwritten."
run 'lvcreate --snapshot --size 96M --name before demo/work'
