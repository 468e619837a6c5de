// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loads that a study measures, in virtual time, on devices of several kinds.  What is computed
 * takes no time but for think_ns, which each write costs the one processor that there is,
 * whoever takes it.  All writes of a load are first touches, if it does not say otherwise.
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

/* What a load has seen. */
struct Seen {
	uint64_t writes = 0;
	/* To the end of a last flush. */
	uint64_t elapsed_ns = 0;
	/* In order. */
	std::vector<uint64_t> write_ns;
	std::vector<uint64_t> flush_ns;
	uint64_t commits = 0;
	uint64_t pages_peak = 0;

	double writes_a_second() const
	{
		return static_cast<double>(writes) * 1e9 / static_cast<double>(elapsed_ns);
	}
};
/* Of @ns, which are in order and not none. */
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

/* @writes: about so many. */
Seen measure(const Load &load, const DeviceKind &kind, Behind behind, uint64_t writes,
	     WriteBack::Options options = {});

} // namespace dmsnap::sim::studies
