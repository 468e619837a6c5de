// SPDX-License-Identifier: GPL-2.0-only
/* The file of --undo, for streams that export never writes. */
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <vector>

#include "cli/commands.hpp"
#include "stream/change_stream.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;

TEST(UndoFileTest, leads_back_from_a_stream_that_writes_a_place_twice)
{
	char name[] = "/tmp/dmsnap-test-XXXXXX";
	const std::string folder = mkdtemp(name);
	constexpr uint64_t piece = 1 << 20;
	const std::string before(40 * piece, 'a');
	std::ofstream(folder + "/copy") << before;
	FILE *file = std::fopen((folder + "/stream").c_str(), "w");
	StreamWriter stream(file, {.volume_bytes = before.size(), .chunk_sectors = 8});
	/* Most of it is written before the second write of the same place. */
	for (uint64_t offset = 0; offset < 36 * piece; offset += piece)
		stream.add(offset, std::vector<std::byte>(piece, std::byte{1}), {});
	stream.add(8192, std::vector<std::byte>(8192, std::byte{2}), {});
	stream.end();
	std::fclose(file);

	ApplyOptions options;
	options.target = folder + "/copy";
	options.input = folder + "/stream";
	options.undo = folder + "/undo";
	options.any_base = true;
	EXPECT_THROW(apply(options), Failure);
	EXPECT_TRUE(std::filesystem::exists(folder + "/copy.half-applied"));
	ApplyOptions back;
	back.target = folder + "/copy";
	back.input = folder + "/undo";
	EXPECT_EQ(apply(back), ExitCode::fine);
	EXPECT_FALSE(std::filesystem::exists(folder + "/copy.half-applied"));
	std::ifstream copy(folder + "/copy");
	EXPECT_EQ(std::string(std::istreambuf_iterator<char>(copy), {}), before);
	std::filesystem::remove_all(folder);
}

} // namespace
} // namespace dmsnap::test
