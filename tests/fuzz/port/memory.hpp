// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: counts what the port handed out, so that a fuzzer can tell that all of
 * it came back and that it never was too much; and runs short on demand.
 */
#pragma once

#include <cstddef>

namespace dmsnap::fuzz {

struct Memory {
	/* More than this at a time is a finding. */
	static constexpr size_t bytes_max = size_t{16} << 20;

	/* Of dmsnap_port_alloc(), pools, their objects, work queues, open devices. */
	size_t objects_out = 0;
	size_t pages_out = 0;
	size_t bytes_out = 0;
	/* NOWAIT requests fail; pools still have their reserve. */
	bool is_short = false;
};

extern Memory memory;

/* Is this the address of a page that is out? */
bool is_page(const void *address);

} // namespace dmsnap::fuzz
