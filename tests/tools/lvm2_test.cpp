// SPDX-License-Identifier: GPL-2.0-only
/* What lvs says about a volume into which a snapshot is merged; lvs is a script here. */
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "live/lvm2.hpp"
#include "system/failure.hpp"

namespace dmsnap::test {
namespace {

namespace fs = std::filesystem;

class Lvm2 : public testing::Test {
protected:
	Lvm2()
	{
		char name[] = "/tmp/dmsnap-lvs-XXXXXX";
		folder_ = mkdtemp(name);
	}
	~Lvm2() override { fs::remove_all(folder_); }

	/* The script accepts only these arguments. */
	bool ask(const std::string &answer)
	{
		fs::path lvs = folder_ / "lvs";
		std::ofstream(lvs)
			<< "#!/bin/sh\n"
			   "[ \"$*\" = '--noheadings -o lv_attr /dev/mapper/vg-a b' ] || exit 9\n"
			<< answer << "\n";
		fs::permissions(lvs, fs::perms::owner_all);
		return tool::is_to_be_merged("/dev/mapper/vg-a b", lvs);
	}

	fs::path folder_;
};

TEST_F(Lvm2, says_by_one_letter_that_a_merge_is_to_come)
{
	EXPECT_TRUE(ask("echo '  Owi-aos---'"));
	for (const char *attributes : {"owi-aos---", "-wi-a-----", "Swi-a-s---", "swi-IOs---"})
		EXPECT_FALSE(ask(std::string("echo '  ") + attributes + "'")) << attributes;
}

TEST_F(Lvm2, says_something_or_it_is_not_known)
{
	EXPECT_THROW(ask("exit 5"), tool::Failure);
	EXPECT_THROW(ask("echo; exit 0"), tool::Failure);
	EXPECT_THROW(ask("echo '  owi-a-----'; kill -9 $$"), tool::Failure);
	EXPECT_THROW(tool::is_to_be_merged("/dev/mapper/x", folder_ / "none"), tool::Failure);
}

} // namespace
} // namespace dmsnap::test
