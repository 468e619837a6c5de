// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads that a study measures, in virtual time, on several kinds of devices.  Each write
 * costs think_ns of the one processor; other computation takes no time.  All writes of a
 * load touch a chunk for the first time, unless the load says otherwise.
 */
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/studies/write_back.hpp"

namespace dmsnap::sim::studies {

struct DeviceKind {
	const char *name;
	uint64_t latency_ns;
	uint64_t flush_ns;
	uint64_t sector_ns;
};
std::span<const DeviceKind> device_kinds();

enum class Behind : uint8_t { bare, today, write_back };

/* The results of one load. */
struct Seen {
	uint64_t writes = 0;
	/* Includes a final flush. */
	uint64_t elapsed_ns = 0;
	/* Sorted. */
	std::vector<uint64_t> write_ns;
	std::vector<uint64_t> flush_ns;
	uint64_t commits = 0;
	uint64_t pages_peak = 0;

	double writes_a_second() const
	{
		return static_cast<double>(writes) * 1e9 / static_cast<double>(elapsed_ns);
	}
};
/* @ns must be sorted and not empty. */
inline uint64_t percentile(const std::vector<uint64_t> &ns, unsigned int percent)
{
	return ns[(ns.size() - 1) * percent / 100];
}

class Lab;
struct Load {
	const char *name;
	void (*run)(Lab &lab, uint64_t writes);
};
std::span<const Load> loads();

/* @writes: the approximate number of writes. */
Seen measure(const Load &load, const DeviceKind &kind, Behind behind, uint64_t writes,
	     WriteBack::Options options = {});

} // namespace dmsnap::sim::studies
