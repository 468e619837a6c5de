// SPDX-License-Identifier: GPL-2.0-only
/*
 * A handover of a store beside a write to the origin that takes no lock: the write never passes a
 * chunk that neither snapshot has, and no longer looks at the table when it moves.
 *
 * A Snapshot needs a whole origin, so this repeats the protocol in a few lines: of Origin::write(),
 * Snapshot::watches(), and the handover (snapshot/handover.cpp, target/handover.cpp).  The comments
 * with "core:" name the line that each access stands for; tests/model/weaken checks that the core
 * still has it.
 */
#include "base/atomic.hpp"
#include "base/guard.hpp"
#include "model/engine/plain.hpp"
#include "model/engine/program.hpp"

namespace dmsnap::model {

namespace {

enum class Health : uint8_t { good, unusable, failing, invalid };

struct Side {
	Atomic<bool> active;
	Atomic<bool> changes_hands;
	Atomic<Health> health;
	Plain<bool> has_table;

	bool watches() const
	{
		/* core: snapshot/snapshot.hpp: active_.load_acquire() */
		if (!active.load_acquire())
			return false;
		/* core: snapshot/snapshot.hpp: health_.load_acquire() != Health::invalid */
		return health.load_acquire() != Health::invalid;
	}
};

template <bool source_is_first> struct Handover final : Program {
	SpinLock lock{DMSNAP_LOCK_ORIGIN};
	Side source;
	Side destination;
	Side *const sides[2] = {source_is_first ? &source : &destination,
				source_is_first ? &destination : &source};

	Handover()
	{
		source.active.store_relaxed(true);
		source.has_table.set(true);
	}
	void thread(unsigned int number) override { number == 0 ? hand_over() : write(); }

	void hand_over()
	{
		{
			SpinGuard guard(lock);
			/* core: snapshot/handover.cpp: changes_hands_.store_seq_cst(true) */
			source.changes_hands.store_seq_cst(true);
		}
		rcu_synchronize();
		{
			SpinGuard guard(lock);
			destination.has_table.set(source.has_table.get());
			source.has_table.set(false);
			/* core: snapshot/handover.cpp: health_.store_seq_cst(source.health_.load_relaxed()) */
			destination.health.store_seq_cst(source.health.load_relaxed());
			/* core: snapshot/handover.cpp: active_.store_seq_cst(true) */
			destination.active.store_seq_cst(true);
			/* core: snapshot/handover.cpp: source.health_.store_seq_cst(Health::invalid) */
			source.health.store_seq_cst(Health::invalid);
		}
		rcu_synchronize();
		SpinGuard guard(lock);
		/* core: snapshot/handover.cpp: changes_hands_.store_seq_cst(false) */
		source.changes_hands.store_seq_cst(false);
	}

	void write()
	{
		expect(!passes(), "a write passes a chunk that the snapshot lacks");

		SpinGuard guard(lock);
		bool any = false;
		for (Side *side : sides) {
			if (!side->watches())
				continue;
			expect(side->has_table.get(), "a snapshot without a table watches");
			any = true;
		}
		expect(any, "no snapshot watches");
	}
	bool passes()
	{
		RcuGuard rcu;
		bool safe = true;
		for (Side *side : sides) {
			/* core: snapshot/snapshot.hpp: changes_hands_.load_acquire() */
			if (side->changes_hands.load_acquire()) {
				safe = false;
			} else if (safe && side->watches()) {
				expect(side->has_table.get(), "the table has gone");
				safe = false;
			}
		}
		return safe;
	}
};

/*
 * A write that finds the snapshot invalid overwrites what it lacks.  By then the mark is on the COW
 * device: after a crash the snapshot would be taken for valid otherwise.
 */
struct Invalid final : Program {
	Side snapshot;
	Plain<bool> marked;

	Invalid() { snapshot.active.store_relaxed(true); }
	void thread(unsigned int number) override
	{
		if (number == 0) {
			/* core: snapshot/health.cpp: health_.store_seq_cst(Health::failing) */
			snapshot.health.store_seq_cst(Health::failing);
			marked.set(true);
			/* core: snapshot/health.cpp: health_.store_seq_cst(Health::invalid) */
			snapshot.health.store_seq_cst(Health::invalid);
		} else if (!snapshot.watches()) {
			expect(marked.get(), "a write goes ahead of the mark");
		}
	}
};

const Programs handover{
	{"invalid-mark", "a write passes an invalid snapshot", 2, make<Invalid>, {}},
	{"handover-source-first", "a write asks the source first", 2, make<Handover<true>>, {}},
	{"handover-destination-first",
	 "a write asks the destination first",
	 2,
	 make<Handover<false>>,
	 {}},
};

} // namespace

} // namespace dmsnap::model
