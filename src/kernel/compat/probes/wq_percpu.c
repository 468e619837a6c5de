// SPDX-License-Identifier: GPL-2.0-only
#include <linux/workqueue.h>

int dmsnap_probe(void);
int dmsnap_probe(void)
{
	return WQ_PERCPU;
}
