/* SPDX-License-Identifier: GPL-2.0-only */
/* The targets that the module registers, and their versions as text. */
#ifndef DMSNAP_KERNEL_TARGETS_H
#define DMSNAP_KERNEL_TARGETS_H

#include <linux/device-mapper.h>

extern struct target_type dmsnap_snapshot_target;
extern struct target_type dmsnap_merge_target;
extern struct target_type dmsnap_origin_target;

#endif
