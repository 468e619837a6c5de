// SPDX-License-Identifier: GPL-2.0-only
/* apply: streams that export never writes. */
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/commands.hpp"
#include "stream/change_stream.hpp"
#include "system/failure.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;
namespace fs = std::filesystem;

/* The size is that of a sparse file.  Copying it in full would fill the disk. */
TEST(ApplyTest, a_short_stream_makes_no_large_file)
{
	char name[] = "/tmp/dmsnap-apply-XXXXXX";
	const std::string folder = mkdtemp(name);
	const uint64_t tib = uint64_t{1} << 40, eib = uint64_t{1} << 60;
	ApplyOptions options;
	options.target = folder + "/copy";
	options.input = folder + "/stream";

	for (uint64_t bytes : {8 * tib, 4 * eib}) {
		for (size_t records : {0, 1}) {
			FILE *file = std::fopen(options.input.c_str(), "w");
			StreamWriter stream(
				file, {.full = true, .volume_bytes = bytes, .chunk_sectors = 0});
			if (records)
				stream.add_zeros(0, record_bytes_max);
			stream.end();
			std::fclose(file);
			ASSERT_EQ(fs::file_size(options.input), 96 + records * sizeof(RecordHead));

			EXPECT_THROW(apply(options), Failure);
			std::vector<std::string> names;
			for (const fs::directory_entry &entry : fs::directory_iterator(folder))
				names.push_back(entry.path().filename());
			EXPECT_EQ(names, std::vector<std::string>{"stream"}) << bytes;
		}
	}
	fs::remove_all(folder);
}

} // namespace
} // namespace dmsnap::test
