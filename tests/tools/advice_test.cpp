// SPDX-License-Identifier: GPL-2.0-only
/* The actions that dmsnap doctor recommends for its findings. */
#include <gtest/gtest.h>

#include "live/installation.hpp"

namespace dmsnap::test {
namespace {

using tool::Advice;
using tool::advise;
using tool::Installation;
using tool::LoadedModule;

Installation healthy()
{
	Installation now;
	now.release = "6.1.0-1-amd64";
	now.running = true;
	now.loaded = LoadedModule{true, "0.1.0", 2};
	now.file.emplace();
	now.file->path = "/lib/modules/6.1.0-1-amd64/updates/dkms/dm-snapshot.ko";
	now.file->ours = true;
	now.file->version = "0.1.0";
	now.file->release = now.release;
	now.dkms_source = "/usr/src/dmsnap-0.1.0";
	now.has_dkms = true;
	now.has_headers = true;
	now.compiler = "g++-12";
	now.has_compiler = true;
	now.has_dmsetup = true;
	now.secure_boot = false;
	return now;
}

/* The names of the recommended actions, in one line. */
std::string todo(const Installation &now)
{
	std::string names;
	for (const Advice &advice : advise(now))
		names += (names.empty() ? "" : " ") + std::string(advice.name);
	return names;
}

TEST(Advice, nothing_when_all_is_well)
{
	EXPECT_EQ(todo(healthy()), "");
}

TEST(Advice, nothing_when_not_loaded_yet)
{
	Installation now = healthy();
	now.loaded.reset();
	EXPECT_EQ(todo(now), "");
}

TEST(Advice, exchange_of_the_kernels_own)
{
	Installation now = healthy();
	now.loaded = LoadedModule{false, "", 3};
	EXPECT_EQ(todo(now), "exchange");
	EXPECT_NE(advise(now)[0].text.find("Reboot"), std::string::npos);
	now.loaded->users = 0;
	EXPECT_EQ(todo(now), "exchange");
	EXPECT_EQ(advise(now)[0].text.find("Reboot"), std::string::npos);
}

TEST(Advice, a_cow_device_with_larger_blocks_than_the_origin)
{
	Installation now = healthy();
	now.large_blocks = {{"vg-snap", 4096, 512}};
	EXPECT_EQ(todo(now), "large_blocks");
	EXPECT_NE(advise(now)[0].text.find("vg-snap has logical blocks of 4096 bytes"),
		  std::string::npos);
}

TEST(Advice, exchange_of_another_version)
{
	Installation now = healthy();
	now.loaded->version = "0.0.9";
	EXPECT_EQ(todo(now), "exchange");
}

TEST(Advice, names_the_first_thing_that_building_lacks)
{
	Installation now = healthy();
	now.loaded.reset();
	now.file->ours = false;
	EXPECT_EQ(todo(now), "not_built");
	now.has_compiler = false;
	EXPECT_EQ(todo(now), "no_compiler");
	now.has_headers = false;
	EXPECT_EQ(todo(now), "no_headers");
	now.has_dkms = false;
	EXPECT_EQ(todo(now), "no_dkms");
	now.dkms_source.clear();
	EXPECT_EQ(todo(now), "not_installed");
	now.unlisted.push_back("/lib/modules/6.1.0-1-amd64/updates/dm-snapshot.ko");
	EXPECT_EQ(todo(now), "not_listed");
	now.file.reset();
	EXPECT_EQ(todo(now), "not_listed");
}

TEST(Advice, what_only_building_needs_is_not_missed_later)
{
	Installation now = healthy();
	now.has_dkms = now.has_headers = now.has_compiler = false;
	EXPECT_EQ(todo(now), "");
}

TEST(Advice, signature_only_where_one_is_asked_for)
{
	Installation now = healthy();
	now.secure_boot = true;
	EXPECT_EQ(todo(now), "not_signed");
	now.file->signer = "DKMS module signing key";
	EXPECT_EQ(todo(now), "");
	now.secure_boot.reset();
	now.signatures_enforced = true;
	EXPECT_EQ(todo(now), "");
	now.file->signer.clear();
	EXPECT_EQ(todo(now), "not_signed");
}

TEST(Advice, in_the_order_in_which_it_is_done)
{
	Installation now = healthy();
	now.file->release = "6.1.0-0-amd64";
	now.secure_boot = true;
	now.initramfs_outdated = true;
	now.loaded = LoadedModule{false, "", 1};
	now.has_dmsetup = false;
	EXPECT_EQ(todo(now), "other_kernel not_signed initramfs exchange no_dmsetup");
}

} // namespace
} // namespace dmsnap::test
