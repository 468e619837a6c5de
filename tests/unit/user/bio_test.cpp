// SPDX-License-Identifier: GPL-2.0-only
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "support/pattern.hpp"
#include "user/bio.hpp"
#include "user/failure.hpp"
#include "user/world.hpp"

namespace dmsnap::user {
namespace {

using test::Pattern;

class BioTest : public testing::Test {
protected:
	Bio &make(dmsnap_bio_op op, uint32_t sectors, std::vector<uint8_t> data = {})
	{
		data_ = std::move(data);
		bio_ = std::make_unique<Bio>(
			dmsnap_bio_desc{
				.sector = 0, .sectors = sectors, .op = op, .fua = false, .nr = 0},
			data_, [this](int error) {
				ended_ = true;
				error_ = error;
			});
		return *bio_;
	}

	World world_;
	Device &disk_ = world_.add_device({.name = "disk", .sectors = 64});
	dmsnap_device handle_{&disk_, true};
	std::vector<uint8_t> data_;
	std::unique_ptr<Bio> bio_;
	bool ended_ = false;
	int error_ = 0;
};

TEST_F(BioTest, a_remapped_bio_goes_to_its_device_and_ends)
{
	Bio &bio = make(DMSNAP_BIO_WRITE, 8, Pattern{1, 1}.make(16, 8));
	bio.begin_map();
	dmsnap_port_bio_remap(&bio, &handle_, 16);
	bio.end_map(DMSNAP_MAP_REMAPPED);
	world_.run_until_idle();
	EXPECT_TRUE(ended_);
	EXPECT_TRUE((Pattern{1, 1}.matches(16, disk_.peek(16, 8))));
}

TEST_F(BioTest, only_the_accepted_part_is_sent)
{
	Bio &bio = make(DMSNAP_BIO_WRITE, 8, Pattern{1, 1}.make(0, 8));
	bio.begin_map();
	dmsnap_port_bio_accept(&bio, 3);
	dmsnap_port_bio_remap(&bio, &handle_, 0);
	bio.end_map(DMSNAP_MAP_REMAPPED);
	EXPECT_EQ(bio.desc().sectors, 3u);
	world_.run_until_idle();
	ASSERT_EQ(disk_.log().size(), 1u);
	EXPECT_EQ(disk_.log()[0].sectors, 3u);
}

TEST_F(BioTest, a_held_bio_ends_when_the_core_says_so)
{
	Bio &bio = make(DMSNAP_BIO_READ, 8, std::vector<uint8_t>(4096));
	bio.begin_map();
	bio.end_map(DMSNAP_MAP_HELD);
	world_.run_until_idle();
	EXPECT_FALSE(ended_);
	dmsnap_port_bio_end(&bio, -28);
	EXPECT_TRUE(ended_);
	EXPECT_EQ(error_, -28);
}

TEST_F(BioTest, a_watched_bio_comes_back_and_is_held_again)
{
	disk_.poke(8, Pattern{1, 1}.make(8, 8));
	Bio &bio = make(DMSNAP_BIO_READ, 8, std::vector<uint8_t>(4096));
	bio.begin_map();
	bio.end_map(DMSNAP_MAP_HELD);
	int came_back = 0;
	dmsnap_port_bio_submit_watched(
		&bio, &handle_, 8, [](void *ctx, int) { ++*static_cast<int *>(ctx); }, &came_back);
	world_.run_until_idle();
	EXPECT_EQ(came_back, 1);
	EXPECT_FALSE(ended_);
	EXPECT_TRUE((Pattern{1, 1}.matches(8, data_)));
	dmsnap_port_bio_end(&bio, 0);
	EXPECT_TRUE(ended_);
}

TEST_F(BioTest, a_killed_bio_ends_with_an_error)
{
	Bio &bio = make(DMSNAP_BIO_READ, 8, std::vector<uint8_t>(4096));
	bio.begin_map();
	bio.end_map(DMSNAP_MAP_KILL);
	EXPECT_TRUE(ended_);
	EXPECT_EQ(error_, -5);
}

TEST_F(BioTest, accepting_part_of_a_flush_or_after_map_is_reported)
{
	Bio &flush = make(DMSNAP_BIO_FLUSH, 0);
	flush.begin_map();
	{
		FailureCapture capture;
		dmsnap_port_bio_accept(&flush, 0);
		EXPECT_TRUE(capture.saw("neither read nor write"));
	}
	flush.end_map(DMSNAP_MAP_KILL);

	Bio &write = make(DMSNAP_BIO_WRITE, 8, std::vector<uint8_t>(4096));
	write.begin_map();
	write.end_map(DMSNAP_MAP_HELD);
	{
		FailureCapture capture;
		dmsnap_port_bio_accept(&write, 4);
		EXPECT_TRUE(capture.saw("outside map"));
	}
	dmsnap_port_bio_end(&write, 0);
}

TEST_F(BioTest, ending_a_bio_twice_is_reported)
{
	Bio &bio = make(DMSNAP_BIO_READ, 8, std::vector<uint8_t>(4096));
	bio.begin_map();
	bio.end_map(DMSNAP_MAP_HELD);
	dmsnap_port_bio_end(&bio, 0);
	FailureCapture capture;
	dmsnap_port_bio_end(&bio, 0);
	EXPECT_TRUE(capture.saw("that the core does not have"));
}

TEST_F(BioTest, a_bio_that_is_forgotten_is_reported)
{
	Bio &bio = make(DMSNAP_BIO_READ, 8, std::vector<uint8_t>(4096));
	bio.begin_map();
	bio.end_map(DMSNAP_MAP_HELD);
	FailureCapture capture;
	bio_.reset();
	EXPECT_TRUE(capture.saw("never ended"));
}

} // namespace
} // namespace dmsnap::user
