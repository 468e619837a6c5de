// SPDX-License-Identifier: GPL-2.0-only
#include "base/continuation.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "unit/base/worker_rig.hpp"

namespace dmsnap::test {
namespace {

struct Reader {
	explicit Reader(Worker &on) : worker(on) {}

	void ended(int error)
	{
		errors.push_back(error);
		if (errors.size() < 3)
			continuation.post(worker, -5);
	}

	Worker &worker;
	std::vector<int> errors;
	Continuation<Reader, &Reader::ended> continuation{*this};
};

TEST(Continuation, takes_the_result_of_an_io_to_the_worker)
{
	WorkerRig rig;
	Reader reader(*rig.worker);
	reader.continuation.ended(reader.continuation.on(*rig.worker), 0);
	EXPECT_TRUE(reader.errors.empty());
	rig.world.run_until_idle();
	EXPECT_EQ(reader.errors, (std::vector{0, -5, -5}));
}

} // namespace
} // namespace dmsnap::test
