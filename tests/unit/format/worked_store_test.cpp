// SPDX-License-Identifier: GPL-2.0-only
/*
 * The worked example of Documentation/on-disk-format.rst.  The code under test makes it; it is
 * built a second time by hand, and compared with the file in golden/ and the figure in the
 * text.
 *
 * The origin has 16 chunks of 4 KiB, filled with the letters A to P.  Chunks 12, 5 and 6 were
 * overwritten, in this order, after the snapshot was made.
 */
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format/disk_exception.hpp"
#include "format/disk_header.hpp"
#include "format/geometry.hpp"

namespace dmsnap::format {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::array<uint64_t, 3> copied_out{12, 5, 6};

Bytes store_by_the_code()
{
	const ChunkSize size(8);
	const Geometry geometry(size);
	Bytes store(geometry.chunks_for(copied_out.size()) * size.bytes(), std::byte{0xaa});
	auto chunk = [&](NewChunk at) {
		return std::span(store).subspan(at.value * size.bytes(), size.bytes());
	};

	encode({.valid = true, .chunk_sectors = size.sectors()}, chunk(header_chunk));
	MutableAreaView area(chunk(geometry.area_chunk(0)));
	area.wipe(0);
	NewChunk next = geometry.first_data_chunk();
	for (size_t i = 0; i < copied_out.size(); i++) {
		OldChunk old{copied_out[i]};
		area.write(geometry.slot_of_exception(i), {old, next});
		for (std::byte &byte : chunk(next))
			byte = std::byte(static_cast<uint8_t>('A' + old.value));
		next = geometry.data_chunk_from(next + 1);
	}
	return store;
}

Bytes store_by_hand()
{
	Bytes store(0x5000);
	auto put = [&](size_t at, std::initializer_list<int> values) {
		for (int value : values)
			store[at++] = std::byte(static_cast<uint8_t>(value));
	};
	put(0x0000, {0x53, 0x6e, 0x41, 0x70, 1, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0});
	put(0x1000, {12, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0});
	put(0x1010, {5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0});
	put(0x1020, {6, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0});
	std::memset(&store[0x2000], 'M', 0x1000);
	std::memset(&store[0x3000], 'F', 0x1000);
	std::memset(&store[0x4000], 'G', 0x1000);
	return store;
}

/* As "hexdump -C" prints it: a star stands for lines that repeat the one above. */
std::string hexdump(const Bytes &bytes)
{
	std::string text;
	bool starred = false;
	char piece[24];
	for (size_t line = 0; line < bytes.size(); line += 16) {
		const std::byte *now = &bytes[line];
		if (line > 0 && std::memcmp(now, now - 16, 16) == 0) {
			text += starred ? "" : "*\n";
			starred = true;
			continue;
		}
		starred = false;
		std::snprintf(piece, sizeof(piece), "%08zx ", line);
		text += piece;
		std::string readable;
		for (size_t i = 0; i < 16; i++) {
			unsigned int value = std::to_integer<unsigned int>(now[i]);
			std::snprintf(piece, sizeof(piece), "%s%02x", i == 8 ? "  " : " ", value);
			text += piece;
			readable += value >= ' ' && value < 0x7f ? static_cast<char>(value) : '.';
		}
		text += "  |" + readable + "|\n";
	}
	std::snprintf(piece, sizeof(piece), "%08zx\n", bytes.size());
	return text + piece;
}

std::string content_of(const std::filesystem::path &path)
{
	std::ifstream file(path);
	EXPECT_TRUE(file.good()) << "cannot read " << path;
	std::ostringstream text;
	text << file.rdbuf();
	return text.str();
}

/* The literal block after the comment "worked-store" in the text. */
std::string block_of(const std::string &text)
{
	std::istringstream lines(text);
	std::string line;
	std::string block;
	while (std::getline(lines, line) && line != ".. worked-store")
		;
	while (std::getline(lines, line) && line != "::")
		;
	while (std::getline(lines, line)) {
		if (line.starts_with("    "))
			block += line.substr(4) + "\n";
		else if (!line.empty())
			break;
	}
	return block;
}

const std::filesystem::path here = std::filesystem::path(__FILE__).parent_path();

TEST(WorkedStore, is_byte_for_byte_what_the_format_says)
{
	EXPECT_TRUE(store_by_the_code() == store_by_hand())
		<< "made by the code:\n"
		<< hexdump(store_by_the_code()) << "made by hand:\n"
		<< hexdump(store_by_hand());
}

TEST(WorkedStore, is_the_golden_file)
{
	EXPECT_EQ(content_of(here / "golden/worked-store.hex"), hexdump(store_by_the_code()));
}

TEST(WorkedStore, is_the_one_in_the_documentation)
{
	EXPECT_EQ(block_of(content_of(here / "../../../Documentation/on-disk-format.rst")),
		  hexdump(store_by_the_code()));
}

} // namespace
} // namespace dmsnap::format
