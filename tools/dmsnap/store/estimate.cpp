// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap estimate: how large a COW device must be for a rate of writes or for a log of fio, and
 * when one will be full.
 */
#include <bit>
#include <cmath>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/chunk.hpp"
#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "cli/units.hpp"
#include "format/chunk_size.hpp"
#include "store/chunk_set.hpp"
#include "store/cow_size.hpp"
#include "store/fio_log.hpp"
#include "store/status_sample.hpp"
#include "system/input_file.hpp"

namespace dmsnap::tool {
namespace {

/* More than any store has. */
constexpr double exceptions_max = 1e15;

std::vector<uint64_t> chunk_sizes(const EstimateOptions &options)
{
	if (options.chunk_bytes.empty())
		return {4 << 10, 16 << 10, 64 << 10, 256 << 10};
	for (uint64_t bytes : options.chunk_bytes) {
		if (bytes < sector_bytes ||
		    bytes > format::chunk_sectors_max * uint64_t{sector_bytes} ||
		    !std::has_single_bit(bytes))
			throw Failure(fmt::format("a chunk cannot have {} bytes", bytes));
	}
	return options.chunk_bytes;
}

uint64_t checked(double chunks)
{
	if (!(chunks < exceptions_max))
		throw Failure("no COW device is that large");
	return static_cast<uint64_t>(chunks);
}

ExitCode estimate_load(const EstimateOptions &options)
{
	if (!options.volume_bytes || *options.volume_bytes == 0 || !options.seconds ||
	    options.write_bytes == 0)
		throw Failure("--rate needs --volume and --for");
	Rate rate = parse_rate(options.rate);
	auto volume = static_cast<double>(*options.volume_bytes);
	Load load{
		.volume_bytes = volume,
		.written_bytes = (rate.bytes + rate.volumes * volume) * *options.seconds,
		.write_bytes = static_cast<double>(options.write_bytes),
	};
	std::optional<JsonOutput> json;
	if (options.json) {
		json.emplace(stdout);
		json->members({{"volume_bytes", *options.volume_bytes},
			       {"written_bytes", load.written_bytes}});
		json->begin_list("chunk_sizes");
	} else {
		fmt::print("{} written to a volume of {} in {}, {} at a time\n\n"
			   "chunk size   COW device, at most        if writes go anywhere\n",
			   size_text(load.written_bytes), size_text(volume),
			   time_text(*options.seconds), size_text(load.write_bytes));
	}
	for (uint64_t chunk_bytes : chunk_sizes(options)) {
		ChangedChunks changed = changed_chunks(load, chunk_bytes);
		uint64_t at_most = cow_bytes(checked(changed.at_most), chunk_bytes);
		uint64_t by_chance = cow_bytes(checked(changed.by_chance), chunk_bytes);
		if (json)
			json->item({{"chunk_bytes", chunk_bytes},
				    {"exceptions_at_most", checked(changed.at_most)},
				    {"cow_bytes_at_most", at_most},
				    {"exceptions_by_chance", checked(changed.by_chance)},
				    {"cow_bytes_by_chance", by_chance}});
		else
			fmt::print("{:>10}   {:>10} {:>14} B   {:>10} {:>14} B\n",
				   size_text(static_cast<double>(chunk_bytes)),
				   size_text(static_cast<double>(at_most)), at_most,
				   size_text(static_cast<double>(by_chance)), by_chance);
	}
	if (json) {
		json->end();
		json->finish();
	}
	return ExitCode::fine;
}

/* Counts the chunks of one size that a log wrote to, for each file. */
struct Counter {
	uint64_t chunk_bytes;
	ChunkBudget &budget;
	std::map<uint64_t, ChunkSet> files = {};

	void count(const FioWrite &write)
	{
		uint64_t first = write.offset / chunk_bytes;
		uint64_t last = (write.offset + write.length - 1) / chunk_bytes;
		auto [file, added] = files.try_emplace(write.file, budget);
		if (!file->second.insert(first, last - first + 1))
			throw Failure("not enough memory for all chunks; allow more (--memory)");
	}

	uint64_t chunks() const
	{
		uint64_t sum = 0;
		for (const auto &[file, chunks] : files)
			sum += chunks.size();
		return sum;
	}
};

ExitCode estimate_fio(const EstimateOptions &options)
{
	constexpr uint64_t length_max = uint64_t{1} << 40;

	InputFile input(options.fio_log == "-" ? "" : options.fio_log);
	std::vector<Counter> counters;
	ChunkBudget budget(options.memory_bytes);
	for (uint64_t chunk_bytes : chunk_sizes(options))
		counters.push_back({chunk_bytes, budget});
	uint64_t written = 0, writes = 0;
	read_fio_log(input.get(), [&](const FioWrite &write) {
		if (write.length == 0)
			return;
		if (write.length > length_max || write.offset > INT64_MAX - write.length)
			throw Failure(fmt::format("fio's log has a write of {} bytes at byte {}",
						  write.length, write.offset));
		writes++;
		written += write.length;
		for (Counter &counter : counters)
			counter.count(write);
	});

	if (!options.json) {
		fmt::print("{} writes, {}\n\nchunk size       chunks   COW device\n", writes,
			   size_text(static_cast<double>(written)));
		for (const Counter &counter : counters) {
			uint64_t chunks = counter.chunks();
			uint64_t bytes = cow_bytes(chunks, counter.chunk_bytes);
			fmt::print("{:>10} {:>12}   {:>10} {:>14} B\n",
				   size_text(static_cast<double>(counter.chunk_bytes)), chunks,
				   size_text(static_cast<double>(bytes)), bytes);
		}
		return ExitCode::fine;
	}
	JsonOutput json(stdout);
	json.members({{"writes", writes}, {"written_bytes", written}});
	json.begin_list("chunk_sizes");
	for (const Counter &counter : counters)
		json.item({{"chunk_bytes", counter.chunk_bytes},
			   {"exceptions", counter.chunks()},
			   {"cow_bytes", cow_bytes(counter.chunks(), counter.chunk_bytes)}});
	json.end();
	json.finish();
	return ExitCode::fine;
}

ExitCode estimate_end(const EstimateOptions &options)
{
	if (options.statuses.size() != 2 || !options.seconds || *options.seconds <= 0)
		throw Failure("give --status twice, and the time between the two with --for");
	CowUsage first = parse_status(options.statuses[0]);
	CowUsage second = parse_status(options.statuses[1]);
	double grown = static_cast<double>(second.used) - static_cast<double>(first.used);
	auto left = static_cast<double>(second.left());
	double rate = grown / *options.seconds;
	bool ends = rate > 0;
	double full = second.full();

	if (options.json) {
		JsonOutput json(stdout);
		json.members({{"full", full},
			      {"bytes_per_second", rate * sector_bytes},
			      {"seconds_left", ends ? JsonValue(left / rate) : nullptr}});
		json.finish();
	} else if (ends) {
		fmt::print("{:.1f} % full, {} a second more: full in {}\n", 100 * full,
			   size_text(rate * sector_bytes), time_text(left / rate));
	} else {
		fmt::print("{:.1f} % full, and not filling\n", 100 * full);
	}
	return ExitCode::fine;
}

} // namespace

ExitCode estimate(const EstimateOptions &options)
{
	int ways = !options.rate.empty() + !options.fio_log.empty() + !options.statuses.empty();
	if (ways != 1)
		throw Failure("give one of --rate, --fio-log and --status");
	if (!options.rate.empty())
		return estimate_load(options);
	if (!options.fio_log.empty())
		return estimate_fio(options);
	return estimate_end(options);
}

} // namespace dmsnap::tool
