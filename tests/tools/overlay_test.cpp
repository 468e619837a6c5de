// SPDX-License-Identifier: GPL-2.0-only
/* The parts of overlays that need no device mapper: labels, files and names. */
#include <cstring>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "overlay/cow_file.hpp"
#include "overlay/overlay.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

namespace fs = std::filesystem;

const Label example{.name = "overlay-sdb",
		    .origin = "/dev/disk/by-id/ata-\"odd\"\nname",
		    .origin_bytes = 1 << 30,
		    .origin_checksum = "00ff",
		    .cow_bytes = 1 << 20,
		    .is_origin_writable = false,
		    .is_merge = true};

class OverlayTest : public testing::Test {
protected:
	OverlayTest()
	{
		char name[] = "/tmp/dmsnap-overlay-XXXXXX";
		folder_ = mkdtemp(name);
	}
	~OverlayTest() override { fs::remove_all(folder_); }

	std::string folder_;
};

TEST(OverlayLabel, is_read_as_it_was_written)
{
	std::vector<std::byte> bytes = to_bytes(example);
	ASSERT_EQ(bytes.size(), Label::bytes);
	std::optional<Label> label = parse_label(bytes);
	ASSERT_TRUE(label);
	EXPECT_EQ(label->name, example.name);
	EXPECT_EQ(label->origin, example.origin);
	EXPECT_EQ(label->origin_bytes, example.origin_bytes);
	EXPECT_EQ(label->origin_checksum, example.origin_checksum);
	EXPECT_EQ(label->cow_bytes, example.cow_bytes);
	EXPECT_FALSE(label->is_origin_writable);
	EXPECT_TRUE(label->is_merge);
}

TEST(OverlayLabel, of_another_program_is_none)
{
	std::vector<std::byte> bytes(Label::bytes);
	EXPECT_FALSE(parse_label(bytes));
	for (const char *text : {"SnAp", "dmsnap overlay 2\n{}", "dmsnap overlay 1\n",
				 "dmsnap overlay 1\n{}", "dmsnap overlay 1\n[1]",
				 "dmsnap overlay 1\n{\"name\": 5}", "dmsnap overlay 1\n{{{{"}) {
		std::memcpy(bytes.data(), text, std::strlen(text) + 1);
		EXPECT_FALSE(parse_label(bytes)) << text;
	}
	/* Truncated at any byte. */
	bytes = to_bytes(example);
	size_t length = std::strlen(reinterpret_cast<const char *>(bytes.data()));
	for (size_t end = 0; end + 2 < length; end++)
		EXPECT_FALSE(parse_label(std::span(bytes).first(end))) << end;
}

TEST(OverlayLabel, that_is_too_long_is_refused)
{
	Label label = example;
	label.origin = "/" + std::string(Label::bytes, 'x');
	EXPECT_THROW(to_bytes(label), Failure);
	label.origin = "/\xff";
	EXPECT_THROW(to_bytes(label), Failure);
}

TEST_F(OverlayTest, a_new_file_has_its_label_and_goes_unless_it_is_kept)
{
	std::string path = folder_ + "/overlay-sdb.cow";
	{
		CowFile file = CowFile::create(path, example);
		EXPECT_EQ(fs::file_size(path), Label::bytes + example.cow_bytes);
		EXPECT_EQ(CowFile::open(path).label()->name, example.name);
		EXPECT_THROW(CowFile::create(path, example), Failure);
		EXPECT_TRUE(fs::exists(path)) << "the file of another was removed";
	}
	EXPECT_FALSE(fs::exists(path));
	CowFile::create(path, example).keep();
	EXPECT_TRUE(fs::exists(path));
}

TEST_F(OverlayTest, a_file_grows_with_its_label_and_keeps_what_is_behind_it)
{
	std::string path = folder_ + "/overlay-sdb.cow";
	CowFile file = CowFile::create(path, example);
	ASSERT_EQ(pwrite(file.descriptor(), "data", 4, Label::bytes), 4);
	Label larger = example;
	larger.cow_bytes *= 2;
	CowFile::open(path).write(larger);
	EXPECT_EQ(fs::file_size(path), Label::bytes + larger.cow_bytes);
	EXPECT_EQ(file.label()->cow_bytes, larger.cow_bytes);
	char data[4];
	ASSERT_EQ(pread(file.descriptor(), data, 4, Label::bytes), 4);
	EXPECT_EQ(std::string(data, 4), "data");
	/* An older label does not shrink it. */
	CowFile::open(path).write(example);
	EXPECT_EQ(fs::file_size(path), Label::bytes + larger.cow_bytes);
}

TEST_F(OverlayTest, a_file_without_a_label_is_unfinished_only_if_it_is_empty)
{
	std::string path = folder_ + "/overlay-sdb.cow";
	std::ofstream(path).close();
	EXPECT_TRUE(CowFile::open(path).is_unfinished());
	fs::resize_file(path, 1 << 20);
	EXPECT_TRUE(CowFile::open(path).is_unfinished());
	std::ofstream(path) << "somebody's";
	EXPECT_FALSE(CowFile::open(path).is_unfinished());
	EXPECT_FALSE(CowFile::open(path).label());
}

TEST_F(OverlayTest, a_link_is_not_followed)
{
	std::string path = folder_ + "/overlay-sdb.cow", other = folder_ + "/other";
	CowFile::create(other, example).keep();
	fs::create_symlink(other, path);
	EXPECT_THROW(CowFile::open(path), Failure);
	EXPECT_THROW(CowFile::create(path, example), Failure);
}

TEST_F(OverlayTest, a_pipe_is_refused_and_not_waited_for)
{
	std::string path = folder_ + "/overlay-sdb.cow";
	ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
	EXPECT_THROW(CowFile::open(path), Failure);
	EXPECT_THROW(CowFile::open(path, CowFile::Access::read), Failure);
}

TEST_F(OverlayTest, a_file_that_is_cut_off_is_refused)
{
	std::string path = folder_ + "/overlay-sdb.cow";
	CowFile file = CowFile::create(path, example);
	EXPECT_NO_THROW(file.require_all_of(example));
	fs::resize_file(path, Label::bytes + example.cow_bytes - 1);
	EXPECT_THROW(file.require_all_of(example), Failure);
}

TEST_F(OverlayTest, what_the_files_may_still_take_is_not_free)
{
	EXPECT_EQ(promised_bytes_in(folder_), 0u);
	CowFile file = CowFile::create(folder_ + "/overlay-sdb.cow", example);
	EXPECT_LE(promised_bytes_in(folder_), example.cow_bytes);
	EXPECT_GT(promised_bytes_in(folder_), example.cow_bytes / 2);
	fs::resize_file(folder_ + "/overlay-sdb.cow", uint64_t{1} << 42);
	EXPECT_EQ(free_bytes_in(folder_), 0u);
}

TEST(OverlayName, has_only_letters_that_device_mapper_takes)
{
	EXPECT_EQ(overlay_name_of("/images/lab.img"), "overlay-lab.img");
	EXPECT_EQ(overlay_name_of("/images/my lab (1)/a b\xc3\xa4.img"), "overlay-a_b__.img");
}

TEST(OverlayState, tells_what_a_restart_has_left)
{
	Overlay left;
	EXPECT_EQ(left.state(), "unfinished: its making was interrupted");
	left.label = example;
	EXPECT_EQ(left.state(), "half merged, left by a restart");
	EXPECT_EQ(left.origin(), example.origin);
	EXPECT_FALSE(left.was_origin_writable());
	left.label->is_merge = false;
	EXPECT_EQ(left.state(), "left by a restart");
	EXPECT_TRUE(left.is_bad());
	left.device = MappedDevice{.number = {},
				   .name = "overlay-sdb",
				   .uuid = overlay_uuid("overlay-sdb", true),
				   .users = 0,
				   .target = {},
				   .words = {},
				   .is_inactive = false};
	EXPECT_TRUE(left.was_origin_writable());
	EXPECT_EQ(left.state(), "without a table: its making was interrupted");
}

} // namespace
} // namespace dmsnap::tool
