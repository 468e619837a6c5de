// SPDX-License-Identifier: GPL-2.0-only
#include "live/prometheus.hpp"

#include <functional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/chunk.hpp"
#include "cli/printable.hpp"

namespace dmsnap::tool {
namespace {

constexpr SnapshotState states[] = {
	SnapshotState::active,	     SnapshotState::suspended, SnapshotState::merging,
	SnapshotState::merged,	     SnapshotState::overflow,  SnapshotState::invalid,
	SnapshotState::merge_failed, SnapshotState::unknown,
};

/* A bucket that appears later would be a new series, so all up to a minute are printed. */
constexpr uint64_t bucket_us_max = uint64_t{1} << 26;

struct Statistic {
	const char *stat;
	const char *metric;
	const char *help;
};

constexpr Statistic gauges[] = {
	{"stalled", "stalled", "Writes wait for a larger COW device."},
	{"copying_chunks", "copying_chunks", "Chunks that are being copied now."},
	{"table_pages", "table_pages", "Memory of the exception table, pages of 4 KiB."},
};

constexpr Statistic counters[] = {
	{"copies", "copies_total", "Copies for origin writes."},
	{"copied_chunks", "copied_chunks_total", "Chunks in copies for origin writes."},
	{"ahead_chunks", "ahead_chunks_total", "Chunks copied ahead of streams of writes."},
	{"writes", "writes_total", "First writes of the snapshot's user."},
	{"written_chunks", "written_chunks_total", "Chunks in first writes."},
	{"merged_chunks", "merged_chunks_total", "Chunks that were merged."},
	{"merge_failures", "merge_failures_total", "Failures of the merge."},
};

constexpr Statistic histograms[] = {
	{"copy_us", "copy_duration_seconds", "Time of copies for origin writes."},
	{"write_us", "write_duration_seconds", "Time of first writes."},
	{"commit_us", "commit_duration_seconds", "Time of commits to the store."},
	{"readers_us", "reader_wait_seconds", "Waits for reads on their way to the origin."},
	{"merge_batch_us", "merge_batch_duration_seconds", "Time of batches of the merge."},
};

/* Every snapshot of an origin reports the origin's statistics. */
constexpr Statistic origin_histograms[] = {
	{"origin_held_us", "origin_write_hold_seconds", "How long writes to the origin were held."},
	{"origin_read_us", "origin_read_duration_seconds", "Reads of the origin for copies."},
	{"origin_write_us", "origin_copy_write_duration_seconds", "Writes of copies."},
};

std::string label(const char *name, const std::string &value)
{
	std::string text;
	for (char letter : printable(value)) {
		if (letter == '"' || letter == '\\')
			text += '\\';
		text += letter;
	}
	return fmt::format("{}=\"{}\"", name, text);
}

std::string name_label(const Observed &one)
{
	return label("name", one.snapshot.name);
}

/* A suspended snapshot does not answer. */
const char *driver_of(const Observed &one)
{
	if (one.stats)
		return "dmsnap";
	return one.snapshot.is_suspended ? "unknown" : "kernel";
}

class Text {
public:
	void family(const std::string &metric, const char *help, const char *type)
	{
		text_ += fmt::format("# HELP dmsnap_{0} {1}\n# TYPE dmsnap_{0} {2}\n", metric, help,
				     type);
	}

	void sample(const std::string &metric, const std::string &labels, double value)
	{
		text_ += fmt::format("dmsnap_{}{{{}}} {}\n", metric, labels, value);
	}

	void sample(const std::string &metric, const std::string &labels, uint64_t value)
	{
		text_ += fmt::format("dmsnap_{}{{{}}} {}\n", metric, labels, value);
	}

	/* The driver has no sums, so each value counts as the middle of its bucket. */
	void histogram(const std::string &metric, const std::string &labels, const Histogram &sizes)
	{
		uint64_t below = 0;
		size_t next = 0;
		double sum = 0;
		for (uint64_t end = 1; end <= bucket_us_max; end *= 2) {
			while (next < sizes.buckets.size() && sizes.buckets[next].from < end) {
				const Histogram::Bucket &bucket = sizes.buckets[next++];
				below += bucket.count;
			}
			sample(metric + "_bucket",
			       labels + fmt::format(",le=\"{}\"", static_cast<double>(end) / 1e6),
			       below);
		}
		for (const Histogram::Bucket &bucket : sizes.buckets)
			sum += 1.5 * static_cast<double>(bucket.from) *
			       static_cast<double>(bucket.count) / 1e6;
		sample(metric + "_bucket", labels + ",le=\"+Inf\"", sizes.count());
		sample(metric + "_sum", labels, sum);
		sample(metric + "_count", labels, sizes.count());
	}

	std::string take() { return std::move(text_); }

private:
	std::string text_;
};

void add_states(Text &text, std::span<const Observed> all)
{
	text.family("snapshots", "Snapshots that are active on this machine.", "gauge");
	text.sample("snapshots", "", uint64_t{all.size()});
	text.family("snapshot_info", "What the snapshot is, in words.", "gauge");
	for (const Observed &one : all) {
		const LiveSnapshot &snapshot = one.snapshot;
		text.sample("snapshot_info",
			    fmt::format("{},{},{},{},{},{},{},{}", name_label(one),
					label("vg", snapshot.vg), label("lv", snapshot.lv),
					label("target",
					      snapshot.is_merge ? "snapshot-merge" : "snapshot"),
					label("origin", snapshot.origin_name),
					label("cow", snapshot.cow_name),
					label("store", snapshot.store),
					label("driver", driver_of(one))),
			    uint64_t{1});
	}
	text.family("snapshot_state", "1 for the state in which the snapshot is.", "gauge");
	for (const Observed &one : all) {
		for (SnapshotState state : states)
			text.sample("snapshot_state",
				    name_label(one) + "," + label("state", to_text(state)),
				    uint64_t{one.snapshot.state == state});
	}
}

void add_sizes(Text &text, std::span<const Observed> all)
{
	const std::tuple<const char *, const char *, std::function<uint64_t(const LiveSnapshot &)>>
		sizes[] = {
			{"cow_size_bytes", "Size of the COW device.",
			 [](const LiveSnapshot &snapshot) { return snapshot.usage->total; }},
			{"cow_used_bytes", "Of the COW device, what is in use.",
			 [](const LiveSnapshot &snapshot) { return snapshot.usage->used; }},
			{"cow_metadata_bytes", "Of what is in use, metadata.",
			 [](const LiveSnapshot &snapshot) { return snapshot.usage->metadata; }},
			{"merge_left_bytes", "What is left to merge; 0 if it is no merge.",
			 [](const LiveSnapshot &snapshot) {
				 return snapshot.is_merge ? snapshot.usage->unmerged() : 0;
			 }},
		};
	for (const auto &[metric, help, sectors] : sizes) {
		text.family(metric, help, "gauge");
		for (const Observed &one : all) {
			if (one.snapshot.usage)
				text.sample(metric, name_label(one),
					    sectors(one.snapshot) * sector_bytes);
		}
	}
}

void add_numbers(Text &text, std::span<const Observed> all, std::span<const Statistic> statistics,
		 const char *type)
{
	for (const Statistic &statistic : statistics) {
		text.family(statistic.metric, statistic.help, type);
		for (const Observed &one : all) {
			if (!one.stats)
				continue;
			auto found = one.stats->counters.find(statistic.stat);
			if (found != one.stats->counters.end())
				text.sample(statistic.metric, name_label(one), found->second);
		}
	}
}

void add_histograms(Text &text, std::span<const Observed> all,
		    std::span<const Statistic> statistics, bool of_origin)
{
	for (const Statistic &statistic : statistics) {
		std::set<DeviceNumber> seen;
		text.family(statistic.metric, statistic.help, "histogram");
		for (const Observed &one : all) {
			if (!one.stats || (of_origin && !seen.insert(one.snapshot.origin).second))
				continue;
			auto found = one.stats->histograms.find(statistic.stat);
			if (found == one.stats->histograms.end())
				continue;
			text.histogram(statistic.metric,
				       of_origin ? label("origin", one.snapshot.origin_name)
						 : name_label(one),
				       found->second);
		}
	}
}

} // namespace

std::string prometheus_text(std::span<const Observed> all)
{
	Text text;
	add_states(text, all);
	add_sizes(text, all);
	add_numbers(text, all, gauges, "gauge");
	add_numbers(text, all, counters, "counter");
	add_histograms(text, all, histograms, false);
	add_histograms(text, all, origin_histograms, true);
	return text.take();
}

} // namespace dmsnap::tool
