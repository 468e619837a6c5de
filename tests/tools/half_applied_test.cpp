// SPDX-License-Identifier: GPL-2.0-only
/* The mark of a half applied copy, where others may write to the folder of the copy. */
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "stream/half_applied.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;
namespace fs = std::filesystem;

class HalfAppliedTest : public testing::Test {
protected:
	HalfAppliedTest()
	{
		char name[] = "/tmp/dmsnap-half-applied-XXXXXX";
		folder_ = mkdtemp(name);
		std::ofstream(folder_ + "/copy") << std::string(65536, 'a');
		std::ofstream(folder_ + "/other") << "precious";
		first_.length = 4096;
	}
	~HalfAppliedTest() override { fs::remove_all(folder_); }

	std::string other() const
	{
		std::ifstream file(folder_ + "/other");
		return {std::istreambuf_iterator<char>(file), {}};
	}

	std::string folder_;
	Record first_;
};

TEST_F(HalfAppliedTest, is_not_written_through_a_link_that_came_in_between)
{
	Volume copy(folder_ + "/copy", Volume::Access::write);
	HalfApplied mark(copy);
	fs::create_symlink("other", mark.path());
	mark.mark(first_, {});
	EXPECT_EQ(other(), "precious");
	EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(mark.path())));
	EXPECT_TRUE(HalfApplied(copy).is_marked());
}

TEST_F(HalfAppliedTest, is_removed_and_not_what_a_link_leads_to)
{
	Volume copy(folder_ + "/copy", Volume::Access::write);
	HalfApplied mark(copy);
	mark.mark(first_, {});
	fs::remove(mark.path());
	fs::create_symlink("other", mark.path());
	mark.end();
	EXPECT_EQ(other(), "precious");
	EXPECT_FALSE(fs::exists(fs::symlink_status(mark.path())));
}

} // namespace
} // namespace dmsnap::test
