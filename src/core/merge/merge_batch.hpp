// SPDX-License-Identifier: GPL-2.0-only
/*
 * MergeBatch: the exceptions that are merged together, arranged as copies.
 *
 * The exceptions are sorted by COW chunk, and neighbours there are read together: a MergeJob.
 * Within a job they are sorted by origin chunk, and neighbours on both devices are written
 * together: a MergeExtent.  The extents of all jobs, sorted by origin chunk, tell whether a chunk
 * belongs to the batch.
 *
 * Locking: the worker fills and empties it.  The Merger says what others may look at, and when.
 */
#pragma once

#include <span>

#include "base/chunk.hpp"
#include "base/own.hpp"
#include "copier/copy_job.hpp"
#include "format/disk_exception.hpp"

namespace dmsnap {

struct MergeJob;

/* A run of the batch: chunks that lie together on both devices. */
struct MergeExtent : CopyDestination {
	MergeExtent(MergeJob &of, const Run &chunks);

	MergeJob &job;
	Run run;
};

/* An extent of the COW device that is read once. */
struct MergeJob : CopyJob {
	MergeJob(class Merger &by, NewChunk at);

	/* The most in flight at a time: 2 MiB, or less when the device has other users. */
	static constexpr size_t pages_in_flight_max = 512;
	static constexpr size_t pages_in_flight_used = 128;

	/* Hands the job to the copier, with all its extents. */
	void start();

	Merger &merger;
	NewChunk new_begin;
	std::span<MergeExtent> extents;
	/* Its chunks were written on the COW device after the job may have read them. */
	bool dirty DMSNAP_GUARDED_BY(origin_lock) = false;
	/* It is copied in this round. */
	bool again = false;
};

class MergeBatch {
public:
	/* The most that a job reads, unless a chunk is larger: 256 KiB. */
	static constexpr uint64_t job_sectors_max = 512;

	MergeBatch() = default;
	~MergeBatch() { clear(); }
	MergeBatch(const MergeBatch &) = delete;
	MergeBatch &operator=(const MergeBatch &) = delete;

	/* Allocates room for @exceptions.  Context: process, may sleep. */
	Status allocate(uint32_t exceptions);

	/* Makes the next batch: add() each exception, then build() once. */
	void add(const format::Exception &exception) { exceptions_[count_++] = exception; }
	void build(Merger &merger, ChunkSize chunk_size);
	void clear();

	std::span<MergeJob> jobs() const { return {jobs_.data(), job_count_}; }
	/* In the order of the origin. */
	std::span<MergeExtent *const> by_origin() const { return {order_.data(), extent_count_}; }

	/*
	 * The extent that holds @chunk, or else the first one after it; nullptr if there is none.
	 */
	MergeExtent *find(OldChunk chunk) const;

private:
	/* Storage whose objects are constructed and destroyed one by one. */
	template <typename T> class Room {
	public:
		Room() = default;
		~Room() { dmsnap_port_free(memory_); }
		Room(const Room &) = delete;
		Room &operator=(const Room &) = delete;

		Status allocate(size_t objects)
		{
			memory_ = dmsnap_port_alloc(objects * sizeof(T));
			if (!memory_)
				return fail(Error::no_memory);
			return {};
		}
		T *data() const { return static_cast<T *>(memory_); }

	private:
		void *memory_ = nullptr;
	};

	void build_job(Merger &merger, std::span<format::Exception> stretch);

	OwnedArray<format::Exception> exceptions_;
	OwnedArray<MergeExtent *> order_;
	Room<MergeExtent> extents_;
	Room<MergeJob> jobs_;
	uint32_t count_ = 0;
	uint32_t extent_count_ = 0;
	uint32_t job_count_ = 0;
};

} // namespace dmsnap
