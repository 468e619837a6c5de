// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: usage and statistics. */
#include "base/text_writer.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

StoreUsage Snapshot::usage() const
{
	if (store_)
		return store_->usage();
	return {.total_sectors = dmsnap_port_device_sectors(cow_device_)};
}

void Snapshot::report(TextWriter &text)
{
	SnapshotStatistics statistics;
	{
		OriginGuard guard(origin_.lock());
		text.line("stalled", stall_->active());
		text.line("stall_on_full", stalls_on_full());
		text.line("low_water", low_water());
		text.line("copying_chunks", copying_chunks_);
		if (invalid_reason_) {
			text.line("invalid_reason", invalid_reason_);
			text.line("invalid_seconds",
				  (dmsnap_port_now_ns() - invalid_ns_) / 1000000000);
		}
		text.line("table_pages", table_ ? table_->pages() : 0);
		statistics = statistics_;
	}
	text.line("copies", statistics.copies);
	text.line("copied_chunks", statistics.copied_chunks);
	text.line("copy_us", statistics.copy_us);
	text.line("ahead_chunks", statistics.ahead_chunks);
	text.line("writes", statistics.writes);
	text.line("written_chunks", statistics.written_chunks);
	text.line("write_us", statistics.write_us);
	text.line("commit_us", statistics.commit_us);
	text.line("commit_runs", statistics.commit_runs);
	text.line("readers_us", statistics.readers_us);
}

} // namespace dmsnap
