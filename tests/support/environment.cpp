// SPDX-License-Identifier: GPL-2.0-only
/*
 * The environment of every unit test.  A violation of the port's rules or a leak of the
 * port's memory fails the test.  A failed test shows the log of its world.  The new seed of
 * this run is printed at the start.
 */
#include <cstdio>
#include <string>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace {

using dmsnap::user::Memory;

void fail_test(const std::string &message)
{
	ADD_FAILURE() << message << "\n" << dmsnap::user::log_of_world();
}

class MemoryWatch : public testing::EmptyTestEventListener {
	void OnTestStart(const testing::TestInfo &) override
	{
		before_ = Memory::instance().outstanding();
	}
	void OnTestEnd(const testing::TestInfo &) override
	{
		if (Memory::instance().outstanding() > before_)
			ADD_FAILURE() << "memory leaked: " << Memory::instance().describe();
		Memory::instance().fail_nothing();
	}

	size_t before_ = 0;
};

class PortEnvironment : public testing::Environment {
public:
	void SetUp() override
	{
		dmsnap::user::set_failure_hook(fail_test);
		std::printf("the new seed of this run: NEW_SEED=%llu\n",
			    static_cast<unsigned long long>(dmsnap::test::new_seed()));
		/* Listeners see ends in reverse order, so it runs before the printer counts. */
		testing::UnitTest::GetInstance()->listeners().Append(new MemoryWatch);
	}
};

[[maybe_unused]] testing::Environment *const registered =
	testing::AddGlobalTestEnvironment(new PortEnvironment);

} // namespace
