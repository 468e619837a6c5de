// SPDX-License-Identifier: GPL-2.0-only
/*
 * top-fake [OTHERS [lines|json|prometheus [FILE]|plugin WARN CRITICAL]]: runs "dmsnap top",
 * "dmsnap status --prometheus" or "--critical" over simulated snapshots, without device mapper.
 * They change with each poll: one fills, one merges, one is invalid, and there are OTHERS more.
 */
#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <exception>
#include <functional>

#include <fmt/format.h>

#include "live/status.hpp"
#include "live/top.hpp"
#include "system/failure.hpp"

namespace {

using namespace dmsnap::tool;

LiveSnapshot snapshot_of(const std::string &name, uint32_t minor, const std::string &target,
			 const std::string &status)
{
	LiveSnapshot snapshot;
	snapshot.name = name;
	snapshot.vg = "vg";
	snapshot.lv = name.substr(3);
	snapshot.device = {253, minor};
	take_target(snapshot, target);
	take_table(snapshot, fmt::format("253:0 253:{} P 8", minor + 100));
	snapshot.origin_name = "vg-origin";
	snapshot.cow_name = name + "-cow";
	take_status(snapshot, status);
	return snapshot;
}

class FakeSource final : public SnapshotSource {
public:
	explicit FakeSource(uint32_t others) : others_(others) {}

	std::vector<LiveSnapshot> snapshots() override
	{
		uint64_t used = std::min<uint64_t>(16 + 512 * looks_, 20480);
		uint64_t left = 20480 - std::min<uint64_t>(256 * looks_, 20480);
		looks_++;
		std::vector<LiveSnapshot> all = {
			snapshot_of("vg-fills", 1, "snapshot", fmt::format("{}/20480 16", used)),
			snapshot_of("vg-lost", 2, "snapshot", "Invalid"),
			snapshot_of("vg-merges", 3, "snapshot-merge",
				    fmt::format("{}/40960 32", left + 32)),
		};
		for (uint32_t i = 0; i < others_; i++)
			all.push_back(snapshot_of(fmt::format("vg-other-{:02}", i), 10 + i,
						  "snapshot", "16/20480 16"));
		return all;
	}

	DeviceNumber find(const std::string &) override { return {253, 1}; }

	std::optional<SnapshotStats> stats(DeviceNumber device) override
	{
		if (device.minor != 1)
			return {};
		return parse_stats("stats 1\nstalled 0\ncopies 40\ncopied_chunks 90\n"
				   "ahead_chunks 12\norigin_ahead_unwritten_sectors 16\n"
				   "copy_us 64:10 128:29 4096:1\nwrite_us\n"
				   "commit_us 0:1 512:2\nreaders_us\norigin_held_us 8:3\n");
	}

private:
	uint32_t others_;
	uint64_t looks_ = 0;
};

} // namespace

int main(int argc, char **argv)
{
	std::setlocale(LC_CTYPE, "");
	FakeSource source(argc > 1 ? static_cast<uint32_t>(std::atoi(argv[1])) : 0);
	std::string form = argc > 2 ? argv[2] : "";
	StatusOptions look;
	look.prometheus = form == "prometheus";
	if (look.prometheus && argc > 3)
		look.output = argv[3];
	if (form == "plugin" && argc > 4) {
		look.warn_percent = std::atof(argv[3]);
		look.critical_percent = std::atof(argv[4]);
	}
	TopOptions options;
	options.interval_seconds = 0.4;
	options.lines = form == "lines";
	options.json = form == "json";
	if (options.json)
		options.count = 3;
	try {
		if (look.prometheus || look.critical_percent)
			return static_cast<int>(status(look, source));
		return static_cast<int>(top(options, source));
	} catch (const std::exception &error) {
		fmt::print(stderr, "top-fake: {}\n", error.what());
		return 2;
	}
}
