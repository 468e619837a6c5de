// SPDX-License-Identifier: GPL-2.0-only
#include <linux/device-mapper.h>

int dmsnap_probe(const char *path, dev_t *dev);
int dmsnap_probe(const char *path, dev_t *dev)
{
	return dm_devt_from_path(path, dev);
}
