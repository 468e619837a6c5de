// SPDX-License-Identifier: GPL-2.0-only
#include <linux/blkdev.h>

struct bdev_handle *dmsnap_probe(dev_t dev);
struct bdev_handle *dmsnap_probe(dev_t dev)
{
	return bdev_open_by_dev(dev, BLK_OPEN_READ, NULL, NULL);
}
