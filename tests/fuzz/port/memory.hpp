// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: counts what the port has allocated, so that a fuzzer can check that all of it was freed
 * and that it was never too much.  Allocations fail on request.
 */
#pragma once

#include <cstddef>

namespace dmsnap::fuzz {

struct Memory {
	/* More memory at a time is a finding. */
	static constexpr size_t bytes_max = size_t{16} << 20;

	/* dmsnap_port_alloc(), pools and their objects, work queues, and open devices. */
	size_t objects_out = 0;
	size_t pages_out = 0;
	size_t bytes_out = 0;
	/* NOWAIT requests fail; pools can still use their reserve. */
	bool is_short = false;
};

extern Memory memory;

/* Is this the address of an allocated page? */
bool is_page(const void *address);

} // namespace dmsnap::fuzz
