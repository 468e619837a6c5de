// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compiles with every kernel.  If it does not, it is the probing that is broken,
 * and what the other probes say is worth nothing.
 */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>

int dmsnap_probe(struct dm_target *ti);
int dmsnap_probe(struct dm_target *ti)
{
	return dm_suspended(ti);
}
