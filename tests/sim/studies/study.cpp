// SPDX-License-Identifier: GPL-2.0-only
#include "sim/studies/study.hpp"

#include <cstdio>
#include <string>

#include "sim/studies/loads.hpp"
#include "sim/studies/power_cuts.hpp"
#include "user/failure.hpp"

namespace dmsnap::sim::studies {
namespace {

using user::text;

std::string duration(uint64_t ns)
{
	double us = static_cast<double>(ns) / 1000;
	return us < 1000 ? text("%.0f us", us) : text("%.3g ms", us / 1000);
}

std::string of_both(const std::string &today, const std::string &write_back)
{
	return text("%9s %9s", today.c_str(), write_back.c_str());
}

std::string percentiles(const std::vector<uint64_t> &today, const std::vector<uint64_t> &write_back,
			unsigned int percent)
{
	if (today.empty())
		return of_both("-", "-");
	return of_both(duration(percentile(today, percent)),
		       duration(percentile(write_back, percent)));
}

void compare(const DeviceKind &kind, uint64_t writes)
{
	std::printf("\nDevices of %s, a flush takes %s more, %.0f MB/s\n", kind.name,
		    duration(kind.flush_ns).c_str(), 512e3 / static_cast<double>(kind.sector_ns));
	std::printf("%-36s %26s %6s %19s %19s %19s %19s %17s %9s\n", "", "writes a second", "",
		    "write p50", "write p99", "flush p50", "flush p99", "commits", "memory");
	std::printf("%-36s %8s %8s %8s %6s", "", "bare", "today", "wr.-back", "gain");
	for (int n = 0; n < 4; n++)
		std::printf(" %9s %9s", "today", "wr.-back");
	std::printf(" %8s %8s %9s\n", "today", "wr.-back", "wr.-back");
	for (const Load &load : loads()) {
		Seen bare = measure(load, kind, Behind::bare, writes);
		Seen today = measure(load, kind, Behind::today, writes);
		Seen write_back = measure(load, kind, Behind::write_back, writes);
		std::printf("%-36s %8.0f %8.0f %8.0f %6.2f %s %s %s %s %8llu %8llu %5llu KiB\n",
			    load.name, bare.writes_a_second(), today.writes_a_second(),
			    write_back.writes_a_second(),
			    write_back.writes_a_second() / today.writes_a_second(),
			    percentiles(today.write_ns, write_back.write_ns, 50).c_str(),
			    percentiles(today.write_ns, write_back.write_ns, 99).c_str(),
			    percentiles(today.flush_ns, write_back.flush_ns, 50).c_str(),
			    percentiles(today.flush_ns, write_back.flush_ns, 99).c_str(),
			    static_cast<unsigned long long>(today.commits),
			    static_cast<unsigned long long>(write_back.commits),
			    static_cast<unsigned long long>(write_back.pages_peak * 4));
	}
}

void compare_memory(const DeviceKind &kind, const Load &load, uint64_t writes)
{
	std::printf("\nMemory: %s, %s\n%8s %15s %10s %10s %10s\n", load.name, kind.name, "limit",
		    "writes a second", "p50", "p99", "longest");
	for (uint64_t kib : {256, 1024, 8192, 65536}) {
		Seen seen = measure(load, kind, Behind::write_back, writes, {.pages_max = kib / 4});
		std::printf("%4llu KiB %15.0f %10s %10s %10s\n",
			    static_cast<unsigned long long>(kib), seen.writes_a_second(),
			    duration(percentile(seen.write_ns, 50)).c_str(),
			    duration(percentile(seen.write_ns, 99)).c_str(),
			    duration(seen.write_ns.back()).c_str());
	}
}

/* The number of cuts after which something is wrong. */
uint64_t cut_often(uint64_t cuts, WriteBack::Defect defect, const char *name)
{
	uint64_t wrong = 0;
	std::string first;
	for (uint64_t seed = 1; seed <= cuts; seed++) {
		std::string what = cut_power(seed, defect);
		if (!what.empty() && !wrong++)
			first = text(" (seed %llu: %s)", static_cast<unsigned long long>(seed),
				     what.c_str());
	}
	std::printf("%-42s something is wrong after %llu of %llu%s\n", name,
		    static_cast<unsigned long long>(wrong), static_cast<unsigned long long>(cuts),
		    first.c_str());
	return wrong;
}

} // namespace

bool study_write_back(uint64_t writes, uint64_t cuts)
{
	setvbuf(stdout, nullptr, _IOLBF, 0);
	for (const DeviceKind &kind : device_kinds())
		compare(kind, writes);
	compare_memory(device_kinds()[1], loads()[0], writes);
	std::printf("\nPower cuts\n");
	using Defect = WriteBack::Defect;
	bool safe = cut_often(cuts, Defect::none, "as it is:") == 0;
	bool order = cut_often(cuts, Defect::origin_before_commit,
			       "the origin is written before the commit:") > 0;
	bool flush =
		cut_often(cuts, Defect::flush_waits_for_nothing, "a flush waits for nothing:") > 0;
	return safe && order && flush;
}

} // namespace dmsnap::sim::studies
