// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMSNAP_ASSERT: an internal assertion of the core.  If it fails, it warns with a stack trace and
 * goes on; tests turn the warning into a failure.
 */
#pragma once

#include <dmsnap/port/log.h>

#define DMSNAP_ASSERT(condition)                                                                   \
	((condition) ? static_cast<void>(0) : dmsnap_port_warn(#condition, __FILE__, __LINE__))
