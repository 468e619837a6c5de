// SPDX-License-Identifier: GPL-2.0-only
#include "serve/snapshot_view.hpp"

#include <algorithm>

#include "stream/half_applied.hpp"

namespace dmsnap::tool {

class SnapshotView::Collect final : public StoreVisitor {
public:
	explicit Collect(std::vector<Run> &runs) : runs_(runs) {}

	void entry(const EntryPlace &place, bool) override
	{
		const uint64_t old_chunk = place.exception.old_chunk.value;
		const uint64_t new_chunk = place.exception.new_chunk.value;
		if (!runs_.empty() && old_chunk == runs_.back().old_chunk + runs_.back().count &&
		    new_chunk == runs_.back().new_chunk + runs_.back().count)
			runs_.back().count++;
		else
			runs_.push_back({old_chunk, new_chunk, 1});
	}

private:
	std::vector<Run> &runs_;
};

SnapshotView::SnapshotView(const StoreOptions &options) : source_(options)
{
	Collect collect(runs_);
	StoreReader reader(source_.cow, source_.read_options);
	StoreReport report = reader.read(collect);

	require_good(report, source_.cow);
	require_whole(*source_.origin);
	chunk_bytes_ = report.chunk_bytes();
	std::ranges::sort(runs_, {}, &Run::old_chunk);
	runs_.shrink_to_fit();
}

bool SnapshotView::read(uint64_t offset, std::span<std::byte> data)
{
	/* The first run that ends behind the offset. */
	auto run = std::ranges::partition_point(runs_, [&](const Run &one) {
		return (one.old_chunk + one.count) * chunk_bytes_ <= offset;
	});
	while (!data.empty()) {
		const bool any = run != runs_.end();
		const uint64_t begin = any ? run->old_chunk * chunk_bytes_ : UINT64_MAX;
		const bool inside = any && begin <= offset;
		const uint64_t end = inside ? begin + run->count * chunk_bytes_ : begin;
		auto piece = data.first(std::min<uint64_t>(data.size(), end - offset));
		if (inside ? !source_.cow.read(run->new_chunk * chunk_bytes_ + offset - begin,
					       piece)
			   : !source_.origin->read(offset, piece))
			return false;
		offset += piece.size();
		data = data.subspan(piece.size());
		if (inside && offset == end)
			++run;
	}
	return true;
}

} // namespace dmsnap::tool
