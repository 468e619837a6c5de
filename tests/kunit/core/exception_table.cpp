// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable compared with an array, and its readers beside a writer, in kernel threads with
 * interrupts, preemption and, if there are several, processors.
 */
#include "exception/exception_table.hpp"

#include "base/guard.hpp"
#include "base/worker.hpp"
#include "kunit/core/cases.hpp"
#include "kunit/random.hpp"

namespace dmsnap::kunit {
namespace {

constexpr uint64_t old_chunks = 1 << 14;

/* The table, and the new chunk of each chunk, or 0. */
class Model {
public:
	Model(const dmsnap_case &run, uint64_t new_limit) : run_(run)
	{
		if (auto table = ExceptionTable::create(new_limit))
			table_ = std::move(*table);
		if (auto chunks = OwnedArray<uint64_t>::create(old_chunks))
			chunks_ = std::move(*chunks);
	}

	bool made() const { return table_ && chunks_.size() == old_chunks; }

	/* The number of chunks from @begin on, at most @count, that are mapped or not. */
	uint64_t stretch(uint64_t begin, uint64_t count, bool mapped) const
	{
		uint64_t found = 0;
		while (found < count && begin + found < old_chunks &&
		       (chunks_[begin + found] != 0) == mapped)
			found++;
		return found;
	}

	void insert(uint64_t old_begin, uint64_t new_begin, uint64_t count)
	{
		if (!CHECK(run_, table_->reserve(DMSNAP_ALLOC_CONSTRUCT)))
			return;
		table_->insert({{old_begin}, {new_begin}, count});
		for (uint64_t i = 0; i < count; i++)
			chunks_[old_begin + i] = new_begin + i;
		mapped_ += count;
	}

	void erase(uint64_t begin, uint64_t count)
	{
		if (!CHECK(run_, table_->reserve(DMSNAP_ALLOC_CONSTRUCT)))
			return;
		table_->erase({begin}, count);
		for (uint64_t i = 0; i < count; i++)
			chunks_[begin + i] = 0;
		mapped_ -= count;
	}

	bool agrees_at(uint64_t chunk) const
	{
		constexpr uint64_t max = 50;
		const Mapping mapping = table_->find({chunk}, max);
		bool good = CHECK_EQ(run_, mapping.mapped, chunks_[chunk] != 0) &&
			    CHECK(run_, mapping.count > 0 && mapping.count <= max);
		for (uint64_t i = 0; good && i < mapping.count && chunk + i < old_chunks; i++)
			good = CHECK_EQ(run_, mapping.mapped ? mapping.new_begin.value + i : 0,
					chunks_[chunk + i]);
		return good;
	}

	bool agrees() const
	{
		bool good = CHECK_EQ(run_, table_->chunks(), mapped_);
		for (uint64_t chunk = 0; good && chunk < old_chunks; chunk++)
			good = agrees_at(chunk);
		return good;
	}

private:
	const dmsnap_case &run_;
	Owned<ExceptionTable> table_;
	OwnedArray<uint64_t> chunks_;
	uint64_t mapped_ = 0;
};

void compare(const dmsnap_case &run, uint64_t new_limit)
{
	Model model(run, new_limit);
	Random random(run.seed);
	if (!CHECK(run, model.made()))
		return;
	for (uint64_t step = 0; step < run.steps; step++) {
		const uint64_t begin = random.below(old_chunks);
		const bool erases = random.one_in(3);
		const uint64_t count =
			model.stretch(begin, 1 + random.below(random.one_in(20) ? 300 : 4), erases);
		if (count > 0 && erases)
			model.erase(begin, count);
		else if (count > 0)
			model.insert(begin, 2 + random.below(new_limit - old_chunks), count);
		if (!model.agrees_at(begin) || !model.agrees_at(random.below(old_chunks)))
			return;
	}
	model.agrees();
}

/* A writer and two readers, each on its own work queue. */
class Crowd {
public:
	Crowd(const dmsnap_case &run, ExceptionTable &table) : run_(run), table_(table) {}

	/* Inserts each chunk once, in scattered order, and removes some again. */
	void write()
	{
		for (uint64_t i = 0; i < old_chunks; i++) {
			const uint64_t chunk = i * 7919 % old_chunks;
			bool reserved = table_.reserve(DMSNAP_ALLOC_NOWAIT);
			if (!reserved)
				reserved = table_.reserve(DMSNAP_ALLOC_CONSTRUCT);
			if (!CHECK(run_, reserved))
				break;
			SpinGuard guard(lock_);
			table_.insert({{chunk}, {new_of(chunk)}, 1});
		}
		for (uint64_t chunk = 0; chunk < old_chunks; chunk += 3) {
			if (!CHECK(run_, table_.reserve(DMSNAP_ALLOC_CONSTRUCT)))
				break;
			SpinGuard guard(lock_);
			table_.erase({chunk}, 1);
		}
		writing_.store_release(0);
	}

	void read()
	{
		Random random(run_.seed);
		bool good = true;
		/* If nothing preempts a reader, it must end before the writer starts. */
		for (uint64_t n = 10 * run_.steps; good && n > 0 && writing_.load_acquire(); n--) {
			const uint64_t chunk = random.below(old_chunks);
			const Mapping mapping = table_.find({chunk}, UINT64_MAX);
			good = CHECK(run_, mapping.count > 0);
			if (mapping.mapped)
				good = good &&
				       CHECK_EQ(run_, mapping.new_begin.value, new_of(chunk));
		}
	}

	static uint64_t new_of(uint64_t chunk) { return chunk + 1000 + (chunk & 1) * old_chunks; }

private:
	const dmsnap_case &run_;
	ExceptionTable &table_;
	SpinLock lock_{DMSNAP_LOCK_ORIGIN};
	Atomic<uint32_t> writing_{1};
};

} // namespace
} // namespace dmsnap::kunit

using namespace dmsnap;
using namespace dmsnap::kunit;

void dmsnap_case_exception_table_agrees_with_an_array(const dmsnap_case &run)
{
	compare(run, uint64_t{1} << 30);
	compare(run, uint64_t{1} << 40);
}

void dmsnap_case_exception_table_readers_see_no_half_insert(const dmsnap_case &run)
{
	auto table = ExceptionTable::create(uint64_t{1} << 30);
	if (!CHECK(run, table))
		return;
	Crowd crowd(run, **table);
	dmsnap_work_fn bodies[] = {
		[](void *ctx) { static_cast<Crowd *>(ctx)->read(); },
		[](void *ctx) { static_cast<Crowd *>(ctx)->read(); },
		[](void *ctx) { static_cast<Crowd *>(ctx)->write(); },
	};
	constexpr unsigned int threads = 3;
	dmsnap_work_queue *queues[threads] = {};
	dmsnap_work *works[threads] = {};
	bool made = true;
	for (unsigned int i = 0; i < threads; i++) {
		queues[i] = dmsnap_port_work_queue_create("kunit-crowd");
		works[i] = static_cast<dmsnap_work *>(dmsnap_port_alloc(sizeof(dmsnap_work)));
		made = made && queues[i] && works[i];
	}
	if (CHECK(run, made)) {
		for (unsigned int i = 0; i < threads; i++) {
			dmsnap_port_work_init(works[i], bodies[i], &crowd);
			dmsnap_port_work_run(queues[i], works[i]);
		}
	}
	for (unsigned int i = 0; i < threads; i++) {
		if (queues[i])
			dmsnap_port_work_queue_destroy(queues[i]);
		dmsnap_port_free(works[i]);
	}
	CHECK_EQ(run, (*table)->chunks(), old_chunks - (old_chunks + 2) / 3);
}
