// SPDX-License-Identifier: GPL-2.0-only
/*
 * The well-known litmus tests: the model must find exactly the outcomes that C++20 allows.  An
 * outcome has a hexadecimal digit for each value, the first one loaded leftmost.
 */
#include "base/atomic.hpp"
#include "model/engine/plain.hpp"
#include "model/engine/program.hpp"

namespace dmsnap::model {

namespace {

template <typename... Values> constexpr uint64_t digits(Values... values)
{
	uint64_t all = 0;
	((all = all << 4 | static_cast<uint64_t>(values)), ...);
	return all;
}

struct Litmus : Program {
	Atomic<int> x;
	Atomic<int> y;
	Plain<int> data;
	int a = 0;
	int b = 0;
	int c = 0;
	int d = 0;
};

/* Store buffering: each stores, then loads what the other stores. */
struct StoresRelaxed final : Litmus {
	void thread(unsigned int number) override
	{
		(number == 0 ? x : y).store_relaxed(1);
		(number == 0 ? a : b) = (number == 0 ? y : x).load_seq_cst();
	}
	void finish() override { observe(digits(a, b)); }
};

struct StoresSeqCst final : Litmus {
	void thread(unsigned int number) override
	{
		(number == 0 ? x : y).store_seq_cst(1);
		(number == 0 ? a : b) = (number == 0 ? y : x).load_seq_cst();
	}
	void finish() override { observe(digits(a, b)); }
};

struct StoresFenced final : Litmus {
	void thread(unsigned int number) override
	{
		(number == 0 ? x : y).store_relaxed(1);
		full_fence();
		(number == 0 ? a : b) = (number == 0 ? y : x).load_relaxed();
	}
	void finish() override { observe(digits(a, b)); }
};

/* A seq_cst change orders nothing by itself: the load after it may come before. */
struct ChangeThenAcquire final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			x.add(1);
			a = y.load_acquire();
		} else {
			y.store_relaxed(1);
			full_fence();
			b = x.load_seq_cst();
		}
	}
	void finish() override { observe(digits(a, b)); }
};

struct ChangeThenSeqCst final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			x.add(1);
			a = y.load_seq_cst();
		} else {
			y.store_relaxed(1);
			full_fence();
			b = x.load_seq_cst();
		}
	}
	void finish() override { observe(digits(a, b)); }
};

/* Message passing: data, then a flag. */
struct MessageRelaxed final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			x.store_relaxed(1);
			y.store_relaxed(1);
		} else {
			a = y.load_relaxed();
			b = x.load_relaxed();
		}
	}
	void finish() override { observe(digits(a, b)); }
};

struct MessageReleased final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			x.store_relaxed(1);
			y.store_release(1);
		} else {
			a = y.load_acquire();
			b = x.load_relaxed();
		}
	}
	void finish() override { observe(digits(a, b)); }
};

struct MessageFenced final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			x.store_relaxed(1);
			release_fence();
			y.store_relaxed(1);
		} else {
			a = y.load_relaxed();
			acquire_fence();
			b = x.load_relaxed();
		}
	}
	void finish() override { observe(digits(a, b)); }
};

/* A change carries on a release sequence; a store by another thread ends it. */
struct MessageChanged final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			x.store_relaxed(1);
			y.store_release(1);
		} else if (number == 1) {
			c = y.add(1);
		} else {
			a = y.load_acquire();
			b = x.load_relaxed();
		}
	}
	/* 2 by the change means that it followed the release. */
	void finish() override { observe(c == 2 ? digits(a, b) : digits(a != 0, 0xf)); }
};

/* Two writers, two readers: do the readers agree on the order? */
template <bool seq_cst> struct Independent final : Litmus {
	void thread(unsigned int number) override
	{
		switch (number) {
		case 0:
			seq_cst ? x.store_seq_cst(1) : x.store_release(1);
			break;
		case 1:
			seq_cst ? y.store_seq_cst(1) : y.store_release(1);
			break;
		case 2:
			a = seq_cst ? x.load_seq_cst() : x.load_acquire();
			b = seq_cst ? y.load_seq_cst() : y.load_acquire();
			break;
		case 3:
			c = seq_cst ? y.load_seq_cst() : y.load_acquire();
			d = seq_cst ? x.load_seq_cst() : x.load_acquire();
			break;
		}
	}
	void finish() override { observe(digits(a, b) == 0x10 && digits(c, d) == 0x10); }
};

/* Each writes both, in opposite order: may both first stores come last? */
template <bool seq_cst> struct TwoWriters final : Litmus {
	void thread(unsigned int number) override
	{
		Atomic<int> &first = number == 0 ? x : y;
		Atomic<int> &second = number == 0 ? y : x;
		seq_cst ? first.store_seq_cst(1) : first.store_release(1);
		seq_cst ? second.store_seq_cst(2) : second.store_release(2);
	}
	void finish() override { observe(digits(x.load_relaxed(), y.load_relaxed())); }
};

/* Two loads of one location do not go back. */
struct Coherence final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			x.store_relaxed(1);
			x.store_relaxed(2);
		} else {
			a = x.load_relaxed();
			b = x.load_relaxed();
		}
	}
	void finish() override { observe(digits(a, b)); }
};

struct Additions final : Litmus {
	void thread(unsigned int) override
	{
		x.add(1);
		x.add(1);
	}
	void finish() override { observe(static_cast<uint64_t>(x.load_relaxed())); }
};

struct DataRace final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			data.set(1);
			x.store_relaxed(1);
		} else if (x.load_acquire() == 1) {
			a = data.get();
		}
	}
};

struct NoDataRace final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			data.set(1);
			x.store_release(1);
		} else if (x.load_acquire() == 1) {
			a = data.get();
		}
	}
	void finish() override { observe(static_cast<uint64_t>(a)); }
};

/* An object is published, replaced and freed; @waits for readers. */
template <bool waits> struct Replaced final : Program {
	struct Object {
		Atomic<int> value{1};
	};
	Atomic<Object *> current{new (allocate(sizeof(Object), alignof(Object))) Object};

	void thread(unsigned int number) override
	{
		if (number == 0) {
			Object *old = current.load_relaxed();
			current.store_release(new (allocate(sizeof(Object), alignof(Object)))
						      Object);
			if (waits)
				rcu_synchronize();
			release(old);
		} else {
			rcu_read_lock();
			Object *found = current.load_acquire();
			expect(found->value.load_relaxed() == 1, "a torn object");
			rcu_read_unlock();
		}
	}
};

/* An object is published without release. */
struct Unpublished final : Program {
	struct Object {
		Atomic<int> value{1};
	};
	Atomic<Object *> current;

	void thread(unsigned int number) override
	{
		if (number == 0)
			current.store_relaxed(new (allocate(sizeof(Object), alignof(Object)))
						      Object);
		else if (Object *found = current.load_acquire())
			found->value.load_relaxed();
	}
};

/* A grace period is a full barrier against read sections: store buffering with one of each. */
struct GracePeriod final : Litmus {
	void thread(unsigned int number) override
	{
		if (number == 0) {
			x.store_relaxed(1);
			rcu_synchronize();
			a = y.load_relaxed();
		} else {
			rcu_read_lock();
			y.store_relaxed(1);
			b = x.load_relaxed();
			rcu_read_unlock();
		}
	}
	void finish() override { observe(digits(a, b)); }
};

struct Deadlock final : Program {
	char locks[2];

	void thread(unsigned int number) override
	{
		lock(&locks[number]);
		lock(&locks[1 - number]);
		unlock(&locks[1 - number]);
		unlock(&locks[number]);
	}
};

const Programs litmus{
	{"sb-relaxed",
	 "store buffering, relaxed stores",
	 2,
	 make<StoresRelaxed>,
	 {0x00, 0x01, 0x10, 0x11}},
	{"sb-seq-cst", "store buffering, all seq_cst", 2, make<StoresSeqCst>, {0x01, 0x10, 0x11}},
	{"sb-fences", "store buffering, full fences", 2, make<StoresFenced>, {0x01, 0x10, 0x11}},
	{"sb-change-acquire",
	 "a seq_cst change, then a load with acquire",
	 2,
	 make<ChangeThenAcquire>,
	 {0x00, 0x01, 0x10, 0x11}},
	{"sb-change-seq-cst",
	 "a seq_cst change, then a seq_cst load",
	 2,
	 make<ChangeThenSeqCst>,
	 {0x01, 0x10, 0x11}},
	{"mp-relaxed",
	 "message passing, relaxed",
	 2,
	 make<MessageRelaxed>,
	 {0x00, 0x01, 0x10, 0x11}},
	{"mp-release",
	 "message passing, release and acquire",
	 2,
	 make<MessageReleased>,
	 {0x00, 0x01, 0x11}},
	{"mp-fences", "message passing, fences", 2, make<MessageFenced>, {0x00, 0x01, 0x11}},
	{"mp-change",
	 "a change carries on a release sequence",
	 3,
	 make<MessageChanged>,
	 {0x00, 0x01, 0x11, 0x21, 0x0f, 0x1f}},
	{"iriw-release", "readers need not agree", 4, make<Independent<false>>, {0, 1}},
	{"iriw-seq-cst", "readers agree", 4, make<Independent<true>>, {0}},
	{"2w-release",
	 "a store may go before one that was made earlier",
	 2,
	 make<TwoWriters<false>>,
	 {0x11, 0x12, 0x21, 0x22}},
	{"2w-seq-cst", "stores in one order", 2, make<TwoWriters<true>>, {0x12, 0x21, 0x22}},
	{"coherence",
	 "loads do not go back",
	 2,
	 make<Coherence>,
	 {0x00, 0x01, 0x02, 0x11, 0x12, 0x22}},
	{"additions", "no addition is lost", 2, make<Additions>, {4}},
	{"race", "a data race is found", 2, make<DataRace>, {}, true},
	{"no-race", "release and acquire order plain accesses", 2, make<NoDataRace>, {0, 1}},
	{"rcu-free", "freed after a grace period", 2, make<Replaced<true>>, {}},
	{"rcu-early-free", "freed too early", 2, make<Replaced<false>>, {}, true},
	{"unpublished", "a construction that is not published", 2, make<Unpublished>, {}, true},
	{"rcu-barrier",
	 "a grace period against a read section",
	 2,
	 make<GracePeriod>,
	 {0x01, 0x10, 0x11}},
	{"deadlock", "two locks in opposite order", 2, make<Deadlock>, {}, true},
};

} // namespace

} // namespace dmsnap::model
