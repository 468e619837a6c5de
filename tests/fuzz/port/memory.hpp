// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: counts what the port allocated, so that a fuzzer can check that all of
 * it was freed and that it never was too much; and fails on demand.
 */
#pragma once

#include <cstddef>

namespace dmsnap::fuzz {

struct Memory {
	/* More than this at once is a finding. */
	static constexpr size_t bytes_max = size_t{16} << 20;

	/* Allocations of dmsnap_port_alloc(), pools, their objects, work queues, open devices. */
	size_t objects_out = 0;
	size_t pages_out = 0;
	size_t bytes_out = 0;
	/* NOWAIT requests fail; pools still have their reserve. */
	bool is_short = false;
};

extern Memory memory;

/* Is this the address of an allocated page? */
bool is_page(const void *address);

} // namespace dmsnap::fuzz
