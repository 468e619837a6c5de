// SPDX-License-Identifier: GPL-2.0-only
/* FUZZ_CHECK: a condition that must hold for every input. */
#pragma once

#include "fuzz/port/context.hpp"

#define FUZZ_CHECK(condition)                                                                      \
	((condition) ? static_cast<void>(0)                                                        \
		     : ::dmsnap::fuzz::die("%s:%d: does not hold: %s", __FILE__, __LINE__,         \
					   #condition))
