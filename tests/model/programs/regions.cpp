// SPDX-License-Identifier: GPL-2.0-only
/*
 * Regions: a read of the snapshot that goes to the origin is over before the origin is
 * overwritten there.  The origin's chunk is a plain object, so a read and a write of it that
 * nothing orders are a data race, which the model reports.
 */
#include "io/regions.hpp"
#include "model/engine/plain.hpp"
#include "model/engine/program.hpp"
#include "model/programs/small_table.hpp"

namespace dmsnap::model {

namespace {

constexpr uint64_t chunk = 10;
constexpr uint64_t copy = 110;
/* In sectors, one region. */
constexpr uint64_t begin = 0;
constexpr uint64_t end = 8;

Owned<Worker> make_worker()
{
	auto worker = Worker::create("model");
	if (!worker)
		fail("no worker");
	return std::move(*worker);
}

struct OriginAndSnapshot : Program {
	Owned<Worker> worker = make_worker();
	Regions regions{*worker};
	Owned<SmallTable> table = make_table();
	Plain<int> origin;
	unsigned int reads_of_copy = 0;

	/* As in Snapshot::map_read() and end_io(). */
	void read()
	{
		const Regions::Token token = regions.enter(begin, end);
		Mapping mapping;
		expect(table->find_soon({chunk}, 1, mapping), "a lookup that never ends");
		if (mapping.mapped)
			expect(mapping.new_begin.value == copy, "a wrong copy");
		else
			expect(origin.get() == 0, "a read of the origin's new content");
		regions.leave(begin, token);
	}
};

/* A write copies the chunk out, waits for the readers, and overwrites the origin. */
struct Waits : OriginAndSnapshot {
	void overwrite()
	{
		expect(!overwritten, "two ends of one wait");
		overwritten = true;
		origin.set(1);
	}

	MethodTask<Waits, &Waits::overwrite> task{*this};
	Regions::Waiter waiter{task};
	bool overwritten = false;
	void write()
	{
		insert(*table, chunk, copy);
		if (regions.wait(waiter, begin, end))
			overwrite();
	}
	void finish() override { expect(overwritten, "a wait that never ends"); }
};

struct RegionsOneReader final : Waits {
	void thread(unsigned int number) override { number == 0 ? write() : read(); }
};

/* The second read of a thread may be counted in the other counter. */
struct RegionsReadsTwice final : Waits {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			write();
		} else {
			read();
			read();
		}
	}
};

struct RegionsTwoReaders final : Waits {
	void thread(unsigned int number) override { number == 0 ? write() : read(); }
};

/* Without the lookup, which has many steps: only what orders the exception and the counters. */
struct RegionsBare : Program {
	Owned<Worker> worker = make_worker();
	Regions regions{*worker};
	Atomic<uint32_t> exception;
	Plain<int> origin;

	struct Overwrite : Task {
		explicit Overwrite(RegionsBare &of)
		    : Task([](Task &task) { static_cast<Overwrite &>(task).owner.origin.set(1); }),
		      owner(of)
		{
		}
		RegionsBare &owner;
	};
	Overwrite task{*this};
	Regions::Waiter waiter{task};

	void read()
	{
		const Regions::Token token = regions.enter(begin, end);
		if (exception.load_seq_cst() == 0)
			origin.get();
		regions.leave(begin, token);
	}
	void thread(unsigned int number) override
	{
		if (number > 0) {
			read();
			return;
		}
		exception.store_release(1);
		if (regions.wait(waiter, begin, end))
			task.run(task);
	}
};

/* Two waiters, for other chunks of the region, and a reader of the first one's. */
struct RegionsTwoWaiters final : RegionsBare {
	struct Other : Task {
		Other() : Task([](Task &) {}) {}
	};
	Other other_task;
	Regions::Waiter other{other_task};

	void thread(unsigned int number) override
	{
		if (number < 2)
			RegionsBare::thread(number);
		else
			regions.wait(other, begin, end);
	}
};

/* A third thread finds the exception, and overwrites once the run is settled. */
struct RegionsSettledBare final : RegionsBare {
	void settle() { regions.drop_unsettled(begin, end); }

	MethodTask<RegionsSettledBare, &RegionsSettledBare::settle> settle_task{*this};
	Regions::Waiter settle_waiter{settle_task};
	void thread(unsigned int number) override
	{
		switch (number) {
		case 0:
			regions.add_unsettled(begin, end);
			exception.store_release(1);
			if (regions.wait(settle_waiter, begin, end))
				settle();
			break;
		case 1:
			read();
			break;
		case 2:
			if (exception.load_acquire() == 1 && regions.settled(begin, end))
				origin.set(1);
			break;
		}
	}
};

/*
 * A third thread writes to the origin too: it finds the chunk in the table, and must not take that
 * for leave to overwrite while the run is not settled.
 */
struct RegionsSettled final : Waits {
	void thread(unsigned int number) override
	{
		switch (number) {
		case 0:
			regions.add_unsettled(begin, end);
			insert(*table, chunk, copy);
			if (regions.wait(waiter, begin, end))
				settle();
			break;
		case 1:
			read();
			break;
		case 2:
			if (is_safe())
				origin.set(1);
			break;
		}
	}
	void settle() { regions.drop_unsettled(begin, end); }
	/* As in Snapshot::safe_until(). */
	bool is_safe() const
	{
		Mapping mapping;
		return table->find_soon({chunk}, 1, mapping) && mapping.mapped &&
		       regions.settled(begin, end);
	}
	void finish() override {}
};

const Programs regions{
	{"regions-bare", "the counters against the exception", 2, make<RegionsBare>, {}},
	{"regions-one-reader", "a read with its lookup", 2, make<RegionsOneReader>, {}},
	{"regions-reads-twice",
	 "two reads, one after the other",
	 2,
	 make<RegionsReadsTwice>,
	 {},
	 false,
	 0},
	{"regions-two-readers-bare", "two reads at once", 3, make<RegionsBare>, {}},
	{"regions-two-readers",
	 "two reads at once, with their lookups",
	 3,
	 make<RegionsTwoReaders>,
	 {},
	 false,
	 0,
	 20'000,
	 5'000},
	{"regions-two-waiters", "two waits at once", 3, make<RegionsTwoWaiters>, {}},
	{"regions-settled-bare", "the count of unsettled runs", 3, make<RegionsSettledBare>, {}},
	{"regions-settled",
	 "a chunk in the table may not be settled",
	 3,
	 make<RegionsSettled>,
	 {},
	 false,
	 0,
	 20'000,
	 5'000},
};

} // namespace

} // namespace dmsnap::model
