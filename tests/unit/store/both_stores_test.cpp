// SPDX-License-Identifier: GPL-2.0-only
/* The contract of both stores, tested on each.  Then what only the transient store does. */
#include <algorithm>
#include <memory>
#include <set>

#include "store/transient_store.hpp"
#include "support/seed.hpp"
#include "unit/store/store_rig.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::Random;

enum class Kind { persistent, transient };

/* A store of either kind.  The functions return what differs. */
class EitherRig : public StoreRig {
public:
	EitherRig(Kind kind, uint32_t chunk_sectors, uint64_t chunks,
		  NewChunk new_limit = {UINT64_MAX})
	    : StoreRig({.sectors = chunks * chunk_sectors}), layout{chunk_sectors}, kind_(kind)
	{
		limit = new_limit;
		if (kind == Kind::persistent)
			open(chunk_sectors);
		else
			transient_ = std::make_unique<TransientStore>(cow, ChunkSize(chunk_sectors),
								      limit);
	}

	ExceptionStore &either() const
	{
		if (transient_)
			return *transient_;
		return *store;
	}
	bool may_hand_out(uint64_t chunk) const
	{
		return kind_ == Kind::transient || !layout.is_metadata(chunk);
	}
	uint64_t capacity(uint64_t chunks) const
	{
		return kind_ == Kind::transient ? chunks : layout.capacity(chunks);
	}

	Layout layout;

private:
	Kind kind_;
	std::unique_ptr<TransientStore> transient_;
};

class BothStores : public testing::TestWithParam<Kind> {};

INSTANTIATE_TEST_SUITE_P(Store, BothStores, testing::Values(Kind::persistent, Kind::transient),
			 [](const auto &test) {
				 return test.param == Kind::persistent ? "persistent" : "transient";
			 });

TEST_P(BothStores, hand_out_every_chunk_once_and_none_that_is_not_theirs)
{
	for_seeds(30, [](uint64_t seed) {
		Random random(seed);
		uint32_t chunk = 1u << random.below(5);
		uint64_t chunks = 2 + random.below(5 * Layout{chunk}.slots());
		EitherRig rig(GetParam(), chunk, chunks);
		std::set<uint64_t> seen;
		auto hand_out_all = [&] {
			for (;;) {
				uint64_t wanted = 1 + random.below(random.one_in(4) ? 1000 : 5);
				auto taken = rig.either().prepare(wanted);
				if (!taken) {
					EXPECT_EQ(taken.error(), Error::cow_device_full);
					return;
				}
				ASSERT_GE(taken->count, 1u);
				ASSERT_LE(taken->count, wanted);
				for (uint64_t i = 0; i < taken->count; i++) {
					uint64_t n = taken->begin.value + i;
					ASSERT_TRUE(seen.insert(n).second) << n;
					ASSERT_TRUE(rig.may_hand_out(n)) << n;
					ASSERT_LT(n, chunks);
				}
			}
		};
		hand_out_all();
		EXPECT_EQ(seen.size(), rig.capacity(chunks));
		/* A full device stays full until it grows. */
		EXPECT_FALSE(rig.either().prepare(1));
		chunks += 1 + random.below(3 * rig.layout.slots());
		rig.device.resize(chunks * chunk + chunk - 1);
		hand_out_all();
		EXPECT_EQ(seen.size(), rig.capacity(chunks));
	});
}

/* The limit acts like the device's end: the table cannot hold larger chunk numbers. */
TEST_P(BothStores, hand_out_no_chunk_from_the_limit_on_however_the_device_grows)
{
	constexpr uint32_t chunk = 8;
	constexpr uint64_t limit = 700;
	EitherRig rig(GetParam(), chunk, 600, {limit});
	std::set<uint64_t> seen;
	auto hand_out_all = [&] {
		for (auto taken = rig.either().prepare(50); taken; taken = rig.either().prepare(50))
			for (uint64_t i = 0; i < taken->count; i++)
				ASSERT_TRUE(seen.insert(taken->begin.value + i).second);
	};
	const char *line = "it has grown beyond 700 chunks";
	hand_out_all();
	EXPECT_EQ(seen.size(), rig.capacity(600));
	EXPECT_FALSE(rig.world.log_holds(line));

	rig.device.resize(limit * chunk);
	hand_out_all();
	EXPECT_EQ(seen.size(), rig.capacity(limit));
	EXPECT_FALSE(rig.world.log_holds(line));

	rig.device.resize(5000 * chunk);
	for (int n = 0; n < 3; n++)
		EXPECT_FALSE(rig.either().prepare(1));
	EXPECT_EQ(*seen.rbegin(), limit - 1);
	EXPECT_EQ(rig.either().usage().total_sectors, limit * chunk);
	EXPECT_TRUE(rig.world.log_holds(line));
	const auto &log = rig.world.log();
	EXPECT_EQ(std::count_if(log.begin(), log.end(),
				[&](const auto &text) { return text.find(line) != text.npos; }),
		  1);
}

TEST_P(BothStores, hand_out_a_long_stretch_where_there_is_one)
{
	EitherRig rig(GetParam(), 8, 600);
	uint64_t whole = GetParam() == Kind::persistent ? 256 : 600;
	auto taken = rig.either().prepare(UINT64_MAX);
	ASSERT_TRUE(taken);
	EXPECT_EQ(taken->count, whole);
}

TEST_P(BothStores, end_a_commit_once_and_leave_its_entries_alone)
{
	EitherRig rig(GetParam(), 8, 600);
	Runs runs = rig.prepare(rig.either(), 300, 1000);
	Commit batch(runs);
	rig.start(rig.either(), batch);
	ASSERT_TRUE(rig.finish(batch));
	rig.world.run_until_idle();
	EXPECT_TRUE(batch.succeeded());
	size_t i = 0;
	for (const CommitEntry &entry : batch.storage) {
		EXPECT_EQ(entry.run.old_begin, runs[i].old_begin);
		EXPECT_EQ(entry.run.new_begin, runs[i].new_begin);
		EXPECT_EQ(entry.run.count, runs[i++].count);
	}
}

TEST_P(BothStores, can_be_given_the_next_batch_from_the_end_of_the_last)
{
	struct Chain : CommitBatch {
		Chain(StoreRig &on, ExceptionStore &to)
		    : CommitBatch([](CommitBatch &batch) {
			      auto &self = static_cast<Chain &>(batch);
			      EXPECT_TRUE(self.status);
			      self.entries.pop_front();
			      if (++self.ends < 300)
				      self.next();
		      }),
		      rig(on), store(to)
		{
		}
		void next()
		{
			auto taken = store.prepare(1);
			ASSERT_TRUE(taken);
			entry.run = {{static_cast<uint64_t>(ends)}, taken->begin, 1};
			entries.push_back(entry);
			store.commit(*this);
		}
		StoreRig &rig;
		ExceptionStore &store;
		CommitEntry entry;
		int ends = 0;
	};
	EitherRig rig(GetParam(), 8, 600);
	Chain chain(rig, rig.either());
	rig.on_worker([&] { chain.next(); });
	rig.world.run_until_idle();
	EXPECT_EQ(chain.ends, 300);
}

TEST_P(BothStores, end_an_invalid_mark_once)
{
	EitherRig rig(GetParam(), 8, 600);
	Mark mark;
	rig.on_worker([&] { rig.either().mark_invalid(mark); });
	rig.world.run_until_idle();
	EXPECT_EQ(mark.calls, 1);
	EXPECT_TRUE(mark.status);
}

TEST_P(BothStores, tell_a_usage_that_grows_with_what_was_handed_out)
{
	EitherRig rig(GetParam(), 8, 600);
	StoreUsage before = rig.either().usage();
	EXPECT_EQ(before.total_sectors, 4800u);
	EXPECT_EQ(before.allocated_sectors, before.metadata_sectors);
	ASSERT_TRUE(rig.either().prepare(7));
	StoreUsage after = rig.either().usage();
	EXPECT_EQ(after.allocated_sectors, before.allocated_sectors + 7 * 8);
	EXPECT_EQ(after.metadata_sectors, before.metadata_sectors);
	rig.device.resize(5000);
	EXPECT_EQ(rig.either().usage().total_sectors, 5000u);
}

TEST_P(BothStores, count_their_free_chunks_down)
{
	EitherRig rig(GetParam(), 8, 100);
	uint64_t left = rig.either().free_chunks();
	EXPECT_EQ(left, rig.capacity(100));
	while (auto taken = rig.either().prepare(9)) {
		left -= taken->count;
		EXPECT_EQ(rig.either().free_chunks(), left);
	}
	EXPECT_EQ(left, 0u);
	EXPECT_FALSE(rig.either().cut_off());
	rig.device.resize(120 * 8);
	EXPECT_EQ(rig.either().free_chunks(), 20u);
	rig.device.resize(99 * 8);
	EXPECT_TRUE(rig.either().cut_off());
	EXPECT_EQ(rig.either().free_chunks(), 0u);
}

TEST_P(BothStores, are_quiet_when_nothing_was_begun)
{
	EitherRig rig(GetParam(), 8, 600);
	rig.either().quiesce();
	EXPECT_EQ(rig.device.in_flight(), 0u);
}

TEST_P(BothStores, look_at_the_device_that_they_were_given_last)
{
	EitherRig rig(GetParam(), 8, 600);
	rig.world.add_device({.name = "other", .sectors = 1600});
	user::Target target;
	dmsnap_device *device = nullptr;
	ASSERT_EQ(dmsnap_port_device_open(&target, "other", DMSNAP_DEVICE_TABLE, &device), 0);
	rig.either().set_device(device, *rig.worker);
	EXPECT_EQ(rig.either().usage().total_sectors, 1600u);
	rig.device.reset_log();
	ASSERT_TRUE(rig.commit(rig.either(), rig.prepare(rig.either(), 3, 0)));
	uint64_t left = 0;
	while (auto taken = rig.either().prepare(1000))
		left += taken->count;
	EXPECT_EQ(left + 3, rig.capacity(200));
	EXPECT_TRUE(rig.device.log().empty());
	rig.either().set_device(rig.cow, *rig.worker);
	dmsnap_port_device_close(&target, device);
}

TEST(TransientStore, hands_out_the_chunks_of_the_device_from_the_first_to_the_last)
{
	EitherRig rig(Kind::transient, 16, 10);
	auto first = rig.either().prepare(4);
	ASSERT_TRUE(first);
	EXPECT_EQ(first->begin.value, 0u);
	EXPECT_EQ(first->count, 4u);
	auto second = rig.either().prepare(100);
	ASSERT_TRUE(second);
	EXPECT_EQ(second->begin.value, 4u);
	EXPECT_EQ(second->count, 6u);
	auto full = rig.either().prepare(1);
	ASSERT_FALSE(full);
	EXPECT_EQ(full.error(), Error::cow_device_full);
}

TEST(TransientStore, ignores_a_chunk_that_the_device_holds_only_in_part)
{
	EitherRig rig(Kind::transient, 16, 10);
	rig.device.resize(10 * 16 + 15);
	uint64_t count = 0;
	while (auto taken = rig.either().prepare(3))
		count += taken->count;
	EXPECT_EQ(count, 10u);
	rig.device.resize(11 * 16);
	auto grown = rig.either().prepare(3);
	ASSERT_TRUE(grown);
	EXPECT_EQ(grown->begin.value, 10u);
	EXPECT_EQ(grown->count, 1u);
	EXPECT_EQ(rig.either().prepare(1).error(), Error::cow_device_full);
	rig.device.resize(16);
	EXPECT_EQ(rig.either().prepare(1).error(), Error::cow_device_cut_off);
}

TEST(TransientStore, never_touches_the_device)
{
	EitherRig rig(Kind::transient, 8, 600);
	ASSERT_TRUE(rig.commit(rig.either(), rig.prepare(rig.either(), 500, 0)));
	Mark mark;
	rig.on_worker([&] { rig.either().mark_invalid(mark); });
	rig.either().quiesce();
	rig.world.run_until_idle();
	EXPECT_TRUE(rig.device.log().empty());
}

TEST(TransientStore, has_no_metadata_in_its_usage)
{
	EitherRig rig(Kind::transient, 8, 600);
	ASSERT_TRUE(rig.either().prepare(10));
	StoreUsage usage = rig.either().usage();
	EXPECT_EQ(usage.allocated_sectors, 80u);
	EXPECT_EQ(usage.total_sectors, 4800u);
	EXPECT_EQ(usage.metadata_sectors, 0u);
}

} // namespace
} // namespace dmsnap::test
