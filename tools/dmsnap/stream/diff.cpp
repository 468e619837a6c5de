// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap diff: prints the parts of the origin that may have changed since the snapshot was made. */
#include <algorithm>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "store/collect_chunks.hpp"
#include "stream/change_source.hpp"

namespace dmsnap::tool {

ExitCode diff(const DiffOptions &options)
{
	ChangeSource source(options.store);
	/* The reader gets the other half. */
	CollectChunks changed(options.store.memory_bytes / 2);
	StoreReport report = source.read(changed);
	uint64_t end = source.origin_bytes().value_or(INT64_MAX);
	uint64_t ranges = 0, bytes = 0;

	auto for_each = [&](const auto &print) {
		changed.chunks.for_each_range([&](uint64_t begin, uint64_t count) {
			uint64_t offset = begin * report.chunk_bytes();
			uint64_t length = std::min(count * report.chunk_bytes(), end - offset);
			ranges++;
			bytes += length;
			print(offset, length);
		});
	};
	if (!options.json) {
		for_each([](uint64_t offset, uint64_t length) {
			fmt::print("{} {}\n", offset, length);
		});
		return ExitCode::fine;
	}
	JsonOutput json(stdout);
	json.members({{"store", options.store.store}, {"chunk_bytes", report.chunk_bytes()}});
	if (source.committed())
		json.members({{"committed", *source.committed()}});
	json.begin_list("ranges");
	for_each([&](uint64_t offset, uint64_t length) {
		json.item({{"offset", offset}, {"length", length}});
	});
	json.end();
	json.object("total", {{"ranges", ranges}, {"bytes", bytes}});
	json.finish();
	return ExitCode::fine;
}

} // namespace dmsnap::tool
