// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable: a lookup beside a change returns what was there before or what is there after
 * it, and uses only memory that it may use.
 */
#include "model/programs/node_edit.hpp"

#include "exception/table_change.hpp"
#include "exception/table_pages.hpp"
#include "exception/table_search.hpp"
#include "model/engine/program.hpp"
#include "model/programs/small_table.hpp"

namespace dmsnap {

template class BasicExceptionTable<model::SmallSizes>;

namespace model {

namespace {

/* 0: not mapped; otherwise the COW chunk. */
uint64_t look_up(const SmallTable &table, uint64_t chunk)
{
	Mapping mapping;
	expect(table.find_soon({chunk}, 1, mapping), "a lookup that never ends");
	return mapping.mapped ? mapping.new_begin.value : 0;
}

/* An insert moves entries up in a leaf; the chunk that is looked up is among them. */
struct TableInsert final : Program {
	Owned<SmallTable> table = make_table();
	uint64_t found = 0;

	TableInsert() { insert(*table, 20, 120); }
	void thread(unsigned int number) override
	{
		if (number == 0)
			insert(*table, 10, 110);
		else
			found = look_up(*table, 20);
	}
	void finish() override { observe(found); }
};

/* The chunk that is looked up is the one that is inserted. */
struct TableInserted final : Program {
	Owned<SmallTable> table = make_table();
	uint64_t found = 0;

	void thread(unsigned int number) override
	{
		if (number == 0)
			insert(*table, 10, 110);
		else
			found = look_up(*table, 10);
	}
	void finish() override { observe(found); }
};

/* Two inserts: no lookup mixes them. */
struct TableInsertTwice final : Program {
	Owned<SmallTable> table = make_table();
	uint64_t found = 0;

	TableInsertTwice() { insert(*table, 20, 120); }
	void thread(unsigned int number) override
	{
		if (number == 0) {
			insert(*table, 15, 115);
			insert(*table, 10, 110);
		} else {
			found = look_up(*table, 20);
		}
	}
	void finish() override { observe(found); }
};

/* An insert splits the only leaf: two new pages, one of them the root. */
struct TableSplit final : Program {
	Owned<SmallTable> table = make_table();
	uint64_t found = 0;

	TableSplit()
	{
		for (uint64_t i = 1; i <= 6; i++)
			insert(*table, 10 * i, 100 + 10 * i);
	}
	void thread(unsigned int number) override
	{
		if (number == 0)
			insert(*table, 35, 135);
		else
			found = look_up(*table, 50);
	}
	void finish() override { observe(found); }
};

/* The same with a root there already, and a lookup that goes on to the next leaf. */
struct TableNext final : Program {
	Owned<SmallTable> table = make_table();
	Mapping mapping;

	TableNext()
	{
		for (uint64_t i = 1; i <= 7; i++)
			insert(*table, 10 * i, 100 + 20 * i);
		for (uint64_t i = 1; i <= 3; i++)
			insert(*table, 70 + 10 * i, 300 + 20 * i);
	}
	void thread(unsigned int number) override
	{
		if (number == 0)
			insert(*table, 25, 135);
		else
			expect(table->find_soon({61}, 20, mapping), "a lookup that never ends");
	}
	void finish() override { observe(mapping.count); }
};

/* A leaf that is new too moves to another place in its parent. */
struct TableMovedLeaf final : Program {
	Owned<SmallTable> table = make_table();
	uint64_t found = 0;

	TableMovedLeaf()
	{
		for (uint64_t i = 1; i <= 6; i++)
			insert(*table, 10 * i, 100 + 10 * i);
		insert(*table, 100, 200);
	}
	void thread(unsigned int number) override
	{
		if (number == 0) {
			insert(*table, 70, 170);
			insert(*table, 35, 135);
		} else {
			found = look_up(*table, 70);
		}
	}
	void finish() override { observe(found); }
};

/* An erase, as a merge makes it. */
struct TableErase final : Program {
	Owned<SmallTable> table = make_table();
	uint64_t found = 0;

	TableErase()
	{
		insert(*table, 10, 110);
		insert(*table, 20, 120);
	}
	void thread(unsigned int number) override
	{
		if (number == 0) {
			expect(table->reserve(DMSNAP_ALLOC_NOWAIT), "no page for the table");
			table->erase({10}, 1);
		} else {
			found = look_up(*table, 20);
		}
	}
	void finish() override { observe(found); }
};

/* A thread that learns of an insert by release and acquire finds it. */
struct TableTold final : Program {
	Owned<SmallTable> table = make_table();
	Atomic<bool> told;

	void thread(unsigned int number) override
	{
		if (number == 0) {
			insert(*table, 10, 110);
			told.store_release(true);
		} else if (told.load_acquire()) {
			expect(look_up(*table, 10) == 110, "an insert that is not seen");
		}
	}
};

const Programs table{
	{"table-insert", "a lookup of a chunk that an insert moves", 2, make<TableInsert>, {120}},
	{"table-inserted",
	 "a lookup of the chunk that is inserted",
	 2,
	 make<TableInserted>,
	 {0, 110}},
	{"table-insert-twice", "the same, two inserts", 2, make<TableInsertTwice>, {120}, false, 0},
	{"table-split", "a lookup beside a split", 2, make<TableSplit>, {150}},
	{"table-next", "a lookup that goes on to the next leaf", 2, make<TableNext>, {9}},
	{"table-moved-leaf",
	 "a lookup of a new leaf that moves",
	 2,
	 make<TableMovedLeaf>,
	 {0, 170},
	 false,
	 0,
	 10'000,
	 5'000},
	{"table-erase", "a lookup beside an erase", 2, make<TableErase>, {120}},
	{"table-told", "an insert is seen after an acquire", 2, make<TableTold>, {}},
};

} // namespace

} // namespace model

} // namespace dmsnap
