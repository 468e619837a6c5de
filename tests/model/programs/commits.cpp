// SPDX-License-Identifier: GPL-2.0-only
/*
 * The count of runs that are visible but not durable, against the table and the snapshot's health.
 * A bio that needs durable data and finds the count at zero relies on what it found.
 *
 * Snapshot and CommitQueue are the real ones, but never constructed: their functions that are
 * called here use one atomic member each, and zeroed memory is its first value.
 */
#include "snapshot/commit_queue.hpp"
#include "snapshot/snapshot.hpp"

#include "model/engine/plain.hpp"
#include "model/engine/program.hpp"
#include "model/programs/small_table.hpp"

namespace dmsnap::model {

namespace {

template <typename T> T &zeroed()
{
	return *static_cast<T *>(allocate(sizeof(T), alignof(T)));
}

struct CommitProgram : Program {
	Snapshot &snapshot = zeroed<Snapshot>();
	CommitQueue &commits = zeroed<CommitQueue>();
	Owned<SmallTable> table = make_table();
	Plain<int> on_disk;
	Atomic<bool> write_has_ended;

	/* As in Snapshot::written(), with the end of the write after it. */
	void make_visible()
	{
		commits.visible_early();
		insert(*table, 10, 110);
		write_has_ended.store_release(true);
	}
	/* As in CommitQueue::end() and Snapshot::run_recorded(). */
	void commit(bool succeeds)
	{
		if (succeeds)
			on_disk.set(1);
		else
			snapshot.lose_store();
		commits.settled_early();
	}
	/* As in Snapshot::remap_if_mapped() for a FUA write. */
	bool may_remap_durable_write() const
	{
		Mapping mapping;
		return table->find_soon({10}, 1, mapping) && mapping.mapped &&
		       !commits.undurable() && snapshot.healthy();
	}
	/* As in Snapshot::map_flush(), after a write that has ended. */
	bool may_pass_flush() const
	{
		return write_has_ended.load_acquire() && !commits.undurable() && snapshot.healthy();
	}
};

template <bool succeeds> struct DurableWrite final : CommitProgram {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			make_visible();
			commit(succeeds);
		} else if (may_remap_durable_write()) {
			expect(succeeds, "a durable write of a run that was lost");
			expect(on_disk.get() == 1, "a durable write of a run that is not durable");
		}
	}
};

template <bool succeeds> struct Flush final : CommitProgram {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			make_visible();
			commit(succeeds);
		} else if (may_pass_flush()) {
			expect(succeeds, "a flush of a run that was lost");
			expect(on_disk.get() == 1, "a flush of a run that is not durable");
		}
	}
};

/* The write and the commit are by two threads, as usual. */
template <bool succeeds> struct FlushOfWorker final : CommitProgram {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			make_visible();
		} else if (number == 1) {
			if (write_has_ended.load_acquire())
				commit(succeeds);
		} else if (may_pass_flush()) {
			expect(succeeds, "a flush of a run that was lost");
			expect(on_disk.get() == 1, "a flush of a run that is not durable");
		}
	}
};

const Programs commits{
	{"commit-fua",
	 "a durable write to a run that becomes durable",
	 2,
	 make<DurableWrite<true>>,
	 {}},
	{"commit-fua-lost", "the same, the run is lost", 2, make<DurableWrite<false>>, {}},
	{"commit-flush", "a flush after a write", 2, make<Flush<true>>, {}},
	{"commit-flush-lost", "the same, the run is lost", 2, make<Flush<false>>, {}},
	{"commit-flush-worker", "the worker commits", 3, make<FlushOfWorker<true>>, {}},
	{"commit-flush-worker-lost", "the same, the run is lost", 3, make<FlushOfWorker<false>>, {}},
};

} // namespace

} // namespace dmsnap::model
