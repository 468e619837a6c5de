// SPDX-License-Identifier: GPL-2.0-only
/* What the core's trace points report. */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

struct Traced : testing::Test {
	Traced()
	{
		fixture.world.on_trace = [this](const dmsnap_trace &trace) {
			traces.push_back(trace);
		};
	}
	void expect(size_t at, dmsnap_trace_kind kind, uint64_t old_chunk, uint64_t count)
	{
		ASSERT_LT(at, traces.size());
		EXPECT_EQ(traces[at].kind, kind) << at;
		EXPECT_EQ(traces[at].old_chunk, old_chunk) << at;
		EXPECT_EQ(traces[at].count, count) << at;
		EXPECT_EQ(traces[at].failed, false) << at;
	}

	SnapshotFixture fixture;
	std::vector<dmsnap_trace> traces;
};

TEST_F(Traced, the_life_of_a_copy_out)
{
	fixture.world.add_device({.name = "slow", .sectors = 16384, .latency_ns = 3000000});
	user::Mapped snapshot("slow");
	ASSERT_EQ(snapshot.create(user::TargetType::snapshot, 4096, "disk slow P 8"), 0);
	ASSERT_EQ(fixture.write(80, 24), 0);
	ASSERT_EQ(traces.size(), 4u);
	expect(0, DMSNAP_TRACE_COPY_BEGIN, 10, 3);
	expect(1, DMSNAP_TRACE_COPY_DONE, 10, 3);
	/* The write takes 3 ms; the read takes almost no time. */
	EXPECT_GE(traces[1].us, 3000u);
	EXPECT_LT(traces[1].us, 3100u);
	/* The first chunk after the header and an area. */
	EXPECT_EQ(traces[1].new_chunk, 2u);
	/* The runs of a commit settle before the commit is traced. */
	expect(2, DMSNAP_TRACE_COPY_SETTLED, 10, 3);
	expect(3, DMSNAP_TRACE_COMMIT, 0, 1);
	EXPECT_GE(traces[3].us, 3000u);
	EXPECT_EQ(traces[0].cow, traces[3].cow);
}

TEST_F(Traced, a_copy_that_fails)
{
	auto &snap = fixture.add("P 8");
	snap.cow.fail_range(user::Op::write, 16, 8);
	ASSERT_EQ(fixture.write(0, 8), 0);
	ASSERT_EQ(traces.size(), 2u);
	EXPECT_EQ(traces[1].kind, DMSNAP_TRACE_COPY_DONE);
	EXPECT_TRUE(traces[1].failed);
}

TEST_F(Traced, batches_of_a_merge)
{
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 300 * 8), 0);
	snap.mapped.remove();
	fixture.origin.remove();
	traces.clear();
	user::Mapped merging("merging");
	ASSERT_EQ(merging.create(user::TargetType::merge, 4096, snap.words), 0);
	fixture.world.run_until_idle();
	ASSERT_EQ(traces.size(), 2u);
	expect(0, DMSNAP_TRACE_MERGE_BATCH, 0, 256);
	expect(1, DMSNAP_TRACE_MERGE_BATCH, 0, 44);
}

} // namespace
} // namespace dmsnap::test
