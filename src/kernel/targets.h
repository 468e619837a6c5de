/* SPDX-License-Identifier: GPL-2.0-only */
/* The targets that the module registers, and what their calls share. */
#ifndef DMSNAP_KERNEL_TARGETS_H
#define DMSNAP_KERNEL_TARGETS_H

#include <dmsnap/core.h>
#include <linux/device-mapper.h>

extern struct target_type dmsnap_snapshot_target;
extern struct target_type dmsnap_merge_target;
extern struct target_type dmsnap_origin_target;

static inline enum dmsnap_status dmsnap_status_of(status_type_t type)
{
	switch (type) {
	case STATUSTYPE_TABLE:
		return DMSNAP_STATUS_TABLE;
	case STATUSTYPE_IMA:
		return DMSNAP_STATUS_IMA;
	case STATUSTYPE_INFO:
		break;
	}
	return DMSNAP_STATUS_INFO;
}

#endif
