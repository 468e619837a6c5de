// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/operation.hpp"

#include <utility>

#include "base/min_max.hpp"
#include "snapshot/origin_base.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

CopyOut::Job::Job(CopyOut &of)
    : CopyJob([](CopyJob &job) {
	      CopyOut &ended = static_cast<Job &>(job).copy_out;
	      OriginGuard guard(ended.origin.lock());
	      ended.origin.part_finished(ended);
      }),
      copy_out(of)
{
	all_read = [](CopyJob &job) {
		auto &self = static_cast<Job &>(job);
		OriginGuard guard(self.copy_out.origin.lock());
		std::exchange(self.reader, nullptr)->drop();
	};
}

/*
 * Reads everything from the first chunk to the last.  Runs were added only where the previous one
 * ended, so hardly a sector is read that no snapshot wants.
 */
void CopyOut::start()
{
	{
		OriginGuard guard(origin.lock());
		origin.close(*this);
		/* The job. */
		unfinished++;
		job.reader = &runs.front()->snapshot;
		job.reader->hold();
	}
	job.source = job.reader->origin_device();
	/* Read once, as it may change at any time. */
	const uint64_t device_end = dmsnap_port_device_sectors(job.source);
	uint64_t begin = UINT64_MAX;
	uint64_t end = 0;
	job.alignment = 1;
	for (PendingRun &pending : runs) {
		ChunkSize chunk_size = pending.snapshot.chunk_size();
		uint32_t block = dmsnap_port_device_block_sectors(pending.snapshot.cow_device());
		job.alignment = larger(block, job.alignment);
		uint64_t run_begin = chunk_size.first_sector(pending.run.old_begin);
		uint64_t run_end = pending.snapshot.end_on_origin(pending.run, device_end);
		begin = smaller(run_begin, begin);
		end = larger(run_end, end);
	}
	job.sector = begin;
	job.sectors = end - begin;
	job.optional = ahead;

	for (PendingRun &pending : runs) {
		ChunkSize chunk_size = pending.snapshot.chunk_size();
		uint64_t run_begin = chunk_size.first_sector(pending.run.old_begin);
		/* Even past the end of the origin: the COW device may have larger blocks. */
		uint64_t run_end = chunk_size.first_sector(pending.old_end());
		pending.destination.device = pending.snapshot.cow_device();
		pending.destination.worker = &pending.snapshot.worker();
		pending.destination.share = &pending.snapshot.copy_share();
		pending.destination.source = pending.snapshot.origin_device();
		pending.destination.sector = chunk_size.first_sector(pending.run.new_begin);
		pending.destination.source_offset = run_begin - begin;
		pending.destination.sectors = run_end - run_begin;
		job.destinations.push_back(pending.destination);
	}
	origin.copier().start(job);
}

SnapshotWrite::EdgeFill::EdgeFill(SnapshotWrite &of)
    : CopyJob([](CopyJob &job) { static_cast<EdgeFill &>(job).write.part_ended(); }), write(of)
{
}

SnapshotWrite::EdgeFill::Destination::Destination(EdgeFill &of)
    : CopyDestination([](CopyDestination &destination) {
	      auto &self = static_cast<Destination &>(destination);
	      if (self.error())
		      self.fill.write.error.store_relaxed(self.error());
      }),
      fill(of)
{
}

void SnapshotWrite::start()
{
	ChunkSize chunk_size = snapshot.chunk_size();
	uint64_t old_begin = chunk_size.first_sector(run->run.old_begin);
	uint64_t new_begin = chunk_size.first_sector(run->run.new_begin);
	uint64_t old_end = chunk_size.first_sector(run->old_end());
	uint64_t origin_end = snapshot.end_on_origin(
		run->run, dmsnap_port_device_sectors(snapshot.origin_device()));

	/* Whole chunks are written: see CopyOut::start(). */
	auto prepare = [&](EdgeFill &fill, uint64_t begin, uint64_t end) {
		uint64_t source_end = smaller(end, origin_end);
		if (begin >= source_end)
			return;
		fill.source = snapshot.origin_device();
		fill.sector = begin;
		fill.sectors = source_end - begin;
		fill.destination.device = snapshot.cow_device();
		fill.destination.worker = &snapshot.worker();
		fill.destination.share = &snapshot.copy_share();
		fill.destination.source = snapshot.origin_device();
		fill.destination.sector = new_begin + (begin - old_begin);
		fill.destination.sectors = end - begin;
		fill.destinations.push_back(fill.destination);
		parts_left++;
	};
	prepare(head, old_begin, writer->sector);
	prepare(tail, writer->end(), old_end);

	/* From here on the operation may end at any time. */
	Io &io = *writer;
	if (parts_left > 1)
		origin.worker().post(copy_task);
	dmsnap_port_bio_submit_watched(
		io.bio, snapshot.cow_device(), new_begin + (io.sector - old_begin),
		[](void *ctx, int bio_error) {
			auto *write = static_cast<SnapshotWrite *>(ctx);
			/* Usually nothing is left to do that needs the worker. */
			bool whole = write->head.sectors == 0 && write->tail.sectors == 0;
			if (whole && !bio_error && write->snapshot.written_whole(*write->run))
				return;
			write->writer->error = bio_error;
			write->origin.worker().post(write->bio_task);
		},
		this);
}

void SnapshotWrite::fill_edges()
{
	bool has_tail = tail.sectors > 0;
	if (head.sectors > 0)
		origin.copier().start(head);
	if (has_tail)
		origin.copier().start(tail);
}

void SnapshotWrite::bio_ended()
{
	if (writer->error)
		error.store_relaxed(writer->error);
	part_ended();
}

void SnapshotWrite::part_ended()
{
	if (--parts_left == 0)
		snapshot.written(*run);
}

PendingRun::PendingRun(Snapshot &of, Operation &by, const Run &chunks)
    : CommitEntry{chunks, {}}, snapshot(of), operation(by), since_ns(by.since_ns)
{
}

uint64_t PendingRun::begin_sector() const
{
	return snapshot.chunk_size().first_sector(run.old_begin);
}

uint64_t PendingRun::end_sector() const
{
	return snapshot.chunk_size().first_sector(old_end());
}

PendingRun::Destination::Destination(PendingRun &of)
    : CopyDestination([](CopyDestination &destination) {
	      auto &self = static_cast<Destination &>(destination);
	      self.run.snapshot.copied(self.run, self.error());
      }),
      run(of)
{
}

void PendingRun::settled()
{
	snapshot.run_settled(*this, us_since(since_ns));
}

} // namespace dmsnap
