// SPDX-License-Identifier: GPL-2.0-only
/* Parallel reads, and where an image has data. */
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "store/read_pieces.hpp"
#include "system/failure.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;

constexpr size_t piece_bytes = 4096, count = 1000;

class ReadPiecesTest : public testing::Test {
protected:
	ReadPiecesTest()
	{
		char name[] = "/tmp/dmsnap-test-XXXXXX";
		folder_ = mkdtemp(name);
		image_.emplace(Volume::create(folder_ + "/image", count * piece_bytes));
		for (size_t i = 0; i < count; i++)
			image_->write(i * piece_bytes,
				      std::vector<std::byte>(piece_bytes, fill(i)));
	}
	~ReadPiecesTest() override { std::filesystem::remove_all(folder_); }

	static std::byte fill(size_t i) { return static_cast<std::byte>(i * 7 + 1); }

	std::vector<ReadPiece> backwards(std::vector<std::byte> &data)
	{
		std::vector<ReadPiece> pieces;
		data.resize(count * piece_bytes);
		for (size_t i = 0; i < count; i++)
			pieces.push_back({&*image_, (count - 1 - i) * piece_bytes,
					  std::span(data).subspan(i * piece_bytes, piece_bytes)});
		return pieces;
	}

	std::string folder_;
	std::optional<Volume> image_;
};

TEST_F(ReadPiecesTest, each_piece_gets_the_bytes_at_its_place)
{
	std::vector<std::byte> data;
	read_pieces(backwards(data));
	for (size_t i = 0; i < count; i++) {
		EXPECT_EQ(data[i * piece_bytes], fill(count - 1 - i));
		EXPECT_EQ(data[(i + 1) * piece_bytes - 1], fill(count - 1 - i));
	}
	read_pieces({});
}

TEST_F(ReadPiecesTest, one_that_fails_is_told)
{
	std::vector<std::byte> data;
	std::vector<ReadPiece> pieces = backwards(data);
	pieces[count / 2].offset = count * piece_bytes;
	EXPECT_THROW(read_pieces(pieces), Failure);
}

TEST(VolumeTest, tells_where_an_image_has_data)
{
	char name[] = "/tmp/dmsnap-test-XXXXXX";
	std::string folder = mkdtemp(name);
	Volume image = Volume::create(folder + "/image", 8 << 20);
	image.write(3 << 20, std::vector<std::byte>(4096, std::byte{1}));
	EXPECT_EQ(image.next_data(0), uint64_t{3 << 20});
	EXPECT_EQ(image.next_data((3 << 20) + 1), uint64_t{(3 << 20) + 1});
	EXPECT_EQ(image.next_data(4 << 20), uint64_t{8 << 20});
	std::filesystem::remove_all(folder);
}

} // namespace
} // namespace dmsnap::test
