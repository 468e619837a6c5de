// SPDX-License-Identifier: GPL-2.0-only
/*
 * PersistentStore on a disk that completes in interrupts.  A store that is opened again must have
 * all recorded exceptions in order.
 */
#include "store/persistent_store.hpp"

#include "kunit/core/cases.hpp"
#include "kunit/random.hpp"

namespace dmsnap::kunit {
namespace {

constexpr uint32_t chunk_sectors = 8;
/* More than fits on the test disk. */
constexpr uint64_t list_limit = 2048;
constexpr unsigned int entries_limit = 16;

/* The exceptions recorded so far, which a load must return. */
class Recorded final : public PersistentStore::LoadVisitor {
public:
	explicit Recorded(const dmsnap_case &run) : run_(run)
	{
		if (auto list = OwnedArray<format::Exception>::create(list_limit))
			list_ = std::move(*list);
	}

	bool made() const { return list_.size() == list_limit; }
	uint64_t size() const { return size_; }
	void add(const Run &run)
	{
		for (uint64_t i = 0; i < run.count; i++)
			list_[size_++] = {run.old_begin + i, run.new_begin + i};
	}

	void begin_load() { seen_ = 0; }
	bool seen_all() const { return CHECK_EQ(run_, seen_, size_); }

	Status chunk_size_known(ChunkSize size) override
	{
		CHECK_EQ(run_, size.sectors(), chunk_sectors);
		return {};
	}
	Status exceptions(format::AreaView entries, size_t count, size_t &) override
	{
		for (size_t slot = 0; slot < count; slot++, seen_++)
			CHECK(run_, seen_ < size_ && entries.read(slot) == list_[seen_]);
		return {};
	}

private:
	const dmsnap_case &run_;
	OwnedArray<format::Exception> list_;
	uint64_t size_ = 0;
	uint64_t seen_ = 0;
};

/* A batch; the test waits until it is recorded. */
class Recording : public CommitBatch {
public:
	Recording(PersistentStore &store, Worker &worker)
	    : CommitBatch([](CommitBatch &batch) { static_cast<Recording &>(batch).done_.set(); }),
	      store_(store), worker_(worker)
	{
	}
	~Recording()
	{
		for (CommitEntry &entry : entries) {
			entry.link.unlink();
		}
	}

	void add(const Run &run)
	{
		entry_[count_].run = run;
		entries.push_back(entry_[count_++]);
	}

	Status commit()
	{
		worker_.post(task_);
		done_.wait();
		worker_.stop(task_);
		return status;
	}

private:
	void begin() { store_.commit(*this); }

	PersistentStore &store_;
	Worker &worker_;
	CommitEntry entry_[entries_limit];
	unsigned int count_ = 0;
	Event done_;
	MethodTask<Recording, &Recording::begin> task_{*this};
};

/* Records some runs.  Returns false when the disk is full. */
bool record(const dmsnap_case &run, PersistentStore &store, Worker &worker, Random &random,
	    Recorded &recorded)
{
	auto recording = make_owned<Recording>(store, worker);
	if (!CHECK(run, recording))
		return false;
	bool full = false;
	for (uint64_t n = 1 + random.below(entries_limit); n > 0 && !full; n--) {
		const Result<NewChunks> taken = store.prepare(1 + random.below(20));
		full = !taken;
		if (full)
			break;
		const Run entry{{random.next() >> 20}, taken->begin, taken->count};
		(*recording)->add(entry);
		recorded.add(entry);
	}
	if (!(*recording)->entries.empty() && !CHECK(run, (*recording)->commit()))
		return false;
	return !full;
}

} // namespace
} // namespace dmsnap::kunit

using namespace dmsnap;
using namespace dmsnap::kunit;

void dmsnap_case_store_has_after_a_reload_what_was_recorded(const dmsnap_case &run)
{
	Random random(run.seed);
	Recorded recorded(run);
	auto worker = Worker::create("kunit");
	if (!CHECK(run, worker) || !CHECK(run, recorded.made()))
		return;
	for (bool more = true; more;) {
		recorded.begin_load();
		auto content = PersistentStore::open(run.disk,
						     {.origin_sectors = 1, .cow_sectors = 1},
						     chunk_sectors, **worker, recorded);
		if (!CHECK(run, content) || !CHECK(run, content->valid) || !recorded.seen_all())
			return;
		for (int batch = 0; more && batch < 5; batch++)
			more = record(run, *content->store, **worker, random, recorded);
		content->store->quiesce();
	}
	/* 1024 chunks, of which 5 hold no data. */
	CHECK(run, recorded.size() > 1000);
}
