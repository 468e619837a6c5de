// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotSet: a walk beside a change sees whole snapshots, and all that stay. */
#include "origin/snapshot_set.hpp"

#include "base/guard.hpp"
#include "model/engine/plain.hpp"
#include "model/engine/program.hpp"

namespace dmsnap::model {

namespace {

/* The set takes references to snapshots, and never looks into them. */
struct Member {
	Plain<int> content;

	Snapshot &as_snapshot() { return *reinterpret_cast<Snapshot *>(this); }
};

struct SetProgram : Program {
	SnapshotSet set;
	Member members[5];

	void add(unsigned int i)
	{
		members[i].content.set(1);
		expect(bool(set.add(members[i].as_snapshot())), "no memory for the set");
	}
	/* Returns how many it has seen. */
	unsigned int walk()
	{
		unsigned int seen = 0;
		RcuGuard rcu;
		for (Snapshot &snapshot : set) {
			reinterpret_cast<Member &>(snapshot).content.get();
			seen++;
		}
		return seen;
	}
};

struct SetAdd final : SetProgram {
	SetAdd() { add(0); }
	void thread(unsigned int number) override
	{
		if (number == 0)
			add(1);
		else
			expect(walk() >= 1, "a walk misses a snapshot");
	}
};

struct SetGrow final : SetProgram {
	SetGrow()
	{
		for (unsigned int i = 0; i < 4; i++)
			add(i);
	}
	void thread(unsigned int number) override
	{
		if (number == 0)
			add(4);
		else
			expect(walk() >= 4, "a walk misses a snapshot");
	}
};

/* What is removed is no longer used. */
struct SetRemove final : SetProgram {
	SetRemove()
	{
		add(0);
		add(1);
	}
	void thread(unsigned int number) override
	{
		if (number == 0) {
			set.remove(members[0].as_snapshot());
			members[0].content.set(0);
		} else {
			expect(walk() >= 1, "a walk misses a snapshot");
		}
	}
};

const Programs snapshot_set{
	{"set-add", "a snapshot is added beside a walk", 2, make<SetAdd>, {}},
	{"set-grow", "the set grows beside a walk", 2, make<SetGrow>, {}},
	{"set-remove", "a snapshot is removed beside a walk", 2, make<SetRemove>, {}},
};

} // namespace

} // namespace dmsnap::model
