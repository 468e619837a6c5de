// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compiles with every kernel.  If it does not, probing itself is broken, and the results of the
 * other probes are worthless.
 */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>

int dmsnap_probe(struct dm_target *ti);
int dmsnap_probe(struct dm_target *ti)
{
	return dm_suspended(ti);
}
