/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fixed-width integers for both sides of the boundary.  This is the only header under include/
 * that depends on where it is compiled: kernel C has no <stdint.h>.
 */
#ifndef DMSNAP_TYPES_H
#define DMSNAP_TYPES_H

#if defined(__KERNEL__) && !defined(__cplusplus)
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#endif
