// SPDX-License-Identifier: GPL-2.0-only
#include <linux/blkdev.h>

blk_mode_t dmsnap_probe(void);
blk_mode_t dmsnap_probe(void)
{
	return BLK_OPEN_READ | BLK_OPEN_WRITE;
}
