// SPDX-License-Identifier: GPL-2.0-only
/*
 * CopiedMap: an entry is believed only for its page and generation, and a write that believes it
 * sees what the write saw that put it.
 */
#include "io/copied_map.hpp"
#include "model/engine/plain.hpp"
#include "model/engine/program.hpp"

namespace dmsnap::model {

namespace {

constexpr uint64_t region = CopiedMap::region_sectors;
constexpr uint64_t page = uint64_t{1} << CopiedMap::page_shift;
/* The first sector of another page with the place of page 0. */
constexpr uint64_t same_place = CopiedMap::places * page;

struct MapProgram : Program {
	CopiedMap map;

	MapProgram() { expect(bool(map.allocate()), "no map"); }
	void put(uint64_t sector) { map.put(sector, sector + region, map.generation()); }
	bool holds(uint64_t sector) const
	{
		return map.holds(sector, sector + region, map.generation());
	}
};

/* A page gets another number: its bits are not taken for those of the old one. */
struct MapReuse final : MapProgram {
	MapReuse() { put(0); }
	void thread(unsigned int number) override
	{
		if (number == 0) {
			map.forget();
			put(same_place + region);
		} else {
			expect(!holds(region), "a bit of another page");
		}
	}
};

/* The old bits are not taken for those of the new number either. */
struct MapReuseNew final : MapProgram {
	MapReuseNew() { put(0); }
	void thread(unsigned int number) override
	{
		if (number == 0) {
			map.forget();
			put(same_place + region);
		} else {
			expect(!holds(same_place), "a bit of another page");
		}
	}
};

/* A write looks a chunk up and puts it; another one finds it, and overwrites the origin. */
template <bool page_is_there> struct MapFound final : MapProgram {
	Plain<int> origin;
	Atomic<bool> read_is_over;

	MapFound()
	{
		if (page_is_there)
			put(8 * region);
	}
	void thread(unsigned int number) override
	{
		switch (number) {
		case 0:
			origin.get();
			read_is_over.store_release(true);
			break;
		case 1:
			if (read_is_over.load_acquire())
				put(0);
			break;
		case 2:
			if (holds(0))
				origin.set(1);
			break;
		}
	}
};

/* A snapshot begins to watch, as in Snapshot::activate(), while two writes are under way. */
struct MapActivation final : MapProgram {
	Atomic<bool> active;
	/* What the snapshot has before it watches. */
	Plain<int> table;

	void thread(unsigned int number) override
	{
		if (number == 0) {
			table.set(1);
			active.store_seq_cst(true);
			map.forget();
			return;
		}
		rcu_read_lock();
		const uint64_t generation = map.generation();
		if (map.holds(0, region, generation)) {
			expect(generation == 0, "a write passes a snapshot that nobody asked");
		} else if (active.load_acquire()) {
			table.get();
		} else {
			expect(generation == 0, "a write of the new generation misses it");
			map.put(0, region, generation);
		}
		rcu_read_unlock();
	}
};

/* The pages are freed. */
struct MapClear final : MapProgram {
	/* A bit that is set in the address of any page. */
	static constexpr uint64_t address_bit = 46;

	MapClear()
	{
		put(0);
		put(page);
	}
	void thread(unsigned int number) override
	{
		if (number == 0) {
			map.clear();
			return;
		}
		rcu_read_lock();
		expect(!holds(page + address_bit * region), "an address taken for bits");
		rcu_read_unlock();
	}
};

/* A page is freed, and its place has a new one in the same generation. */
struct MapClearPut final : MapProgram {
	MapClearPut() { put(0); }
	void thread(unsigned int number) override
	{
		if (number == 0) {
			map.clear();
			return;
		}
		rcu_read_lock();
		if (number == 1)
			put(region);
		else
			holds(0);
		rcu_read_unlock();
	}
};

const Programs copied_map{
	{"map-reuse", "a page gets another number: the old number", 2, make<MapReuse>, {}},
	{"map-reuse-new", "the same: the new number", 2, make<MapReuseNew>, {}},
	{"map-found", "a write relies on what another one saw", 3, make<MapFound<true>>, {}},
	{"map-found-new-page", "the same, in a new page", 3, make<MapFound<false>>, {}},
	{"map-activation", "a snapshot begins to watch", 3, make<MapActivation>, {}},
	{"map-clear", "the pages are freed", 2, make<MapClear>, {}},
	{"map-clear-put", "a page is freed, another one takes its place", 3, make<MapClearPut>, {}},
};

} // namespace

} // namespace dmsnap::model
