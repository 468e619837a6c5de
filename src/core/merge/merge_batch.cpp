// SPDX-License-Identifier: GPL-2.0-only
#include "merge/merge_batch.hpp"

#include "base/min_max.hpp"
#include "base/sort.hpp"
#include "merge/merger.hpp"

namespace dmsnap {

MergeExtent::MergeExtent(MergeJob &of, const Run &chunks)
    : CopyDestination([](CopyDestination &extent) {
	      auto &self = static_cast<MergeExtent &>(extent);
	      if (self.error())
		      self.job.merger.copy_failed(self);
      }),
      job(of), run(chunks)
{
}

MergeJob::MergeJob(Merger &by, NewChunk at)
    : CopyJob([](CopyJob &job) { static_cast<MergeJob &>(job).merger.job_ended(); }), merger(by),
      new_begin(at)
{
}

/*
 * The last chunk of the origin may reach past its end, and is written only up to there.  It is
 * read whole all the same: the COW device may have larger blocks.
 */
void MergeJob::start()
{
	ChunkSize chunk_size = merger.chunk_size();

	background_pages = merger.awaited()	 ? 0
			   : merger.in_a_hurry() ? pages_in_flight_max
						 : pages_in_flight_used;
	write_flags = merger.in_a_hurry() ? DMSNAP_IO_SYNC : 0;
	all_or_none = true;
	source = merger.cow_device();
	share = &merger.copy_share();
	source_worker = &merger.cow_worker();
	sector = chunk_size.first_sector(new_begin);
	sectors = 0;
	for (MergeExtent &extent : extents) {
		uint64_t begin = chunk_size.first_sector(extent.run.old_begin);
		uint64_t end = merger.end_on_origin(extent.run);
		extent.device = merger.origin_device();
		extent.sector = begin;
		extent.source_offset = chunk_size.sectors_in(extent.run.new_begin - new_begin);
		extent.sectors = end - begin;
		destinations.push_back(extent);
		uint64_t source_end =
			extent.source_offset + chunk_size.sectors_in(extent.run.count);
		sectors = larger(sectors, source_end);
	}
	merger.copier().start(*this);
}

Status MergeBatch::allocate(uint32_t exceptions)
{
	exceptions_ = DMSNAP_TRY(OwnedArray<format::Exception>::create(exceptions));
	order_ = DMSNAP_TRY(OwnedArray<MergeExtent *>::create(exceptions));
	DMSNAP_CHECK(extents_.allocate(exceptions));
	return jobs_.allocate(exceptions);
}

void MergeBatch::clear()
{
	for (uint32_t i = 0; i < extent_count_; i++)
		extents_.data()[i].~MergeExtent();
	for (uint32_t i = 0; i < job_count_; i++)
		jobs_.data()[i].~MergeJob();
	count_ = 0;
	extent_count_ = 0;
	job_count_ = 0;
}

void MergeBatch::build(Merger &merger, ChunkSize chunk_size)
{
	std::span<format::Exception> all{exceptions_.data(), count_};
	uint64_t chunks_max = job_sectors_max >> chunk_size.shift();
	chunks_max = chunks_max ? chunks_max : 1;

	sort(all, [](const format::Exception &a, const format::Exception &b) {
		return a.new_chunk < b.new_chunk;
	});
	for (size_t begin = 0; begin < all.size();) {
		size_t end = begin + 1;
		while (end < all.size() && end - begin < chunks_max &&
		       all[end].new_chunk == all[end - 1].new_chunk + 1)
			end++;
		build_job(merger, all.subspan(begin, end - begin));
		begin = end;
	}
	for (uint32_t i = 0; i < extent_count_; i++)
		order_[i] = extents_.data() + i;
	sort(std::span(order_.data(), extent_count_),
	     [](const MergeExtent *a, const MergeExtent *b) {
		     return a->run.old_begin < b->run.old_begin;
	     });
}

void MergeBatch::build_job(Merger &merger, std::span<format::Exception> stretch)
{
	MergeJob &job = *new (jobs_.data() + job_count_++) MergeJob(merger, stretch[0].new_chunk);
	MergeExtent *first = extents_.data() + extent_count_;
	OldChunk last_chunk = merger.last_chunk();

	sort(stretch, [](const format::Exception &a, const format::Exception &b) {
		return a.old_chunk < b.old_chunk;
	});
	for (size_t begin = 0; begin < stretch.size();) {
		size_t end = begin + 1;
		while (end < stretch.size() &&
		       stretch[end].old_chunk == stretch[end - 1].old_chunk + 1 &&
		       stretch[end].new_chunk == stretch[end - 1].new_chunk + 1 &&
		       stretch[end - 1].old_chunk != last_chunk)
			end++;
		new (extents_.data() + extent_count_++) MergeExtent(
			job, {stretch[begin].old_chunk, stretch[begin].new_chunk, end - begin});
		begin = end;
	}
	job.extents = {first, extents_.data() + extent_count_};
}

MergeExtent *MergeBatch::find(OldChunk chunk) const
{
	uint32_t begin = 0;
	uint32_t size = extent_count_;

	/* Find the first extent that ends after the chunk. */
	while (size > 0) {
		uint32_t half = size / 2;
		if (order_[begin + half]->run.old_end() <= chunk) {
			begin += half + 1;
			size -= half + 1;
		} else {
			size = half;
		}
	}
	return begin < extent_count_ ? order_[begin] : nullptr;
}

} // namespace dmsnap
