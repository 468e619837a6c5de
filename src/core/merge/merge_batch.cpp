// SPDX-License-Identifier: GPL-2.0-only
#include "merge/merge_batch.hpp"

#include "base/min_max.hpp"
#include "base/sort.hpp"
#include "merge/merger.hpp"

namespace dmsnap {

MergeTarget::MergeTarget(MergeJob &of, const Run &chunks)
    : CopyTarget([](CopyTarget &target) {
	      auto &self = static_cast<MergeTarget &>(target);
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
	source_worker = &merger.cow_worker();
	sector = chunk_size.first_sector(new_begin);
	sectors = 0;
	for (MergeTarget &target : targets_of_job) {
		uint64_t begin = chunk_size.first_sector(target.run.old_begin);
		uint64_t end = merger.end_on_origin(target.run);
		target.device = merger.origin_device();
		target.sector = begin;
		target.source_offset = chunk_size.sectors_in(target.run.new_begin - new_begin);
		target.sectors = end - begin;
		targets.push_back(target);
		uint64_t source_end =
			target.source_offset + chunk_size.sectors_in(target.run.count);
		sectors = larger(sectors, source_end);
	}
	merger.copier().start(*this);
}

Status MergeBatch::allocate(uint32_t exceptions)
{
	exceptions_ = DMSNAP_TRY(OwnedArray<format::Exception>::create(exceptions));
	order_ = DMSNAP_TRY(OwnedArray<MergeTarget *>::create(exceptions));
	DMSNAP_CHECK(targets_.allocate(exceptions));
	return jobs_.allocate(exceptions);
}

void MergeBatch::clear()
{
	for (uint32_t i = 0; i < target_count_; i++)
		targets_.data()[i].~MergeTarget();
	for (uint32_t i = 0; i < job_count_; i++)
		jobs_.data()[i].~MergeJob();
	count_ = 0;
	target_count_ = 0;
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
	for (uint32_t i = 0; i < target_count_; i++)
		order_[i] = targets_.data() + i;
	sort(std::span(order_.data(), target_count_),
	     [](const MergeTarget *a, const MergeTarget *b) {
		     return a->run.old_begin < b->run.old_begin;
	     });
}

void MergeBatch::build_job(Merger &merger, std::span<format::Exception> stretch)
{
	MergeJob &job = *new (jobs_.data() + job_count_++) MergeJob(merger, stretch[0].new_chunk);
	MergeTarget *first = targets_.data() + target_count_;
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
		new (targets_.data() + target_count_++) MergeTarget(
			job, {stretch[begin].old_chunk, stretch[begin].new_chunk, end - begin});
		begin = end;
	}
	job.targets_of_job = {first, targets_.data() + target_count_};
}

MergeTarget *MergeBatch::find(OldChunk chunk) const
{
	uint32_t begin = 0;
	uint32_t size = target_count_;

	/* Find the first target that ends after the chunk. */
	while (size > 0) {
		uint32_t half = size / 2;
		if (order_[begin + half]->run.old_end() <= chunk) {
			begin += half + 1;
			size -= half + 1;
		} else {
			size = half;
		}
	}
	return begin < target_count_ ? order_[begin] : nullptr;
}

} // namespace dmsnap
