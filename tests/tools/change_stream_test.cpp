// SPDX-License-Identifier: GPL-2.0-only
/* StreamReader: streams with correct checksums that export never writes. */
#include <cstddef>
#include <cstdio>
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "stream/change_stream.hpp"
#include "system/failure.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;

constexpr uint64_t piece = 1 << 20;

struct Close {
	void operator()(FILE *file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, Close>;

/* Records of zeros at these offsets, and the end record. */
File stream_of(const StreamInfo &info, std::initializer_list<uint64_t> offsets)
{
	File file(std::tmpfile());
	StreamWriter stream(file.get(), info);
	const std::vector<std::byte> zeros(piece);
	for (uint64_t offset : offsets)
		stream.add(offset, zeros, {});
	stream.end();
	std::rewind(file.get());
	return file;
}

/* Changes the head, as a later version might. */
void change_head(FILE *file, const std::function<void(StreamHead &)> &change)
{
	StreamHead head;
	ASSERT_EQ(std::fread(&head, sizeof(head), 1, file), 1u);
	change(head);
	head.checksum = format::le64{short_checksum_of(
		std::as_bytes(std::span(&head, 1)).first(offsetof(StreamHead, checksum)))};
	std::rewind(file);
	ASSERT_EQ(std::fwrite(&head, sizeof(head), 1, file), 1u);
	std::rewind(file);
}

/* The number of records; nullopt if the stream is refused. */
std::optional<uint64_t> read(FILE *file)
{
	try {
		StreamReader stream(file);
		Record record;
		while (stream.next(record))
			;
		return stream.records();
	} catch (const Failure &failure) {
		EXPECT_EQ(failure.code, ExitCode::findings);
		return {};
	}
}

constexpr StreamInfo full{.full = true, .volume_bytes = 2 * piece};
constexpr StreamInfo increment{.volume_bytes = 2 * piece, .chunk_sectors = 8};

TEST(ChangeStream, a_full_one_is_all_of_the_volume)
{
	EXPECT_EQ(read(stream_of(full, {0, piece}).get()), 2u);
	EXPECT_EQ(read(stream_of(full, {}).get()), std::nullopt);
	EXPECT_EQ(read(stream_of(full, {0}).get()), std::nullopt);
	EXPECT_EQ(read(stream_of(full, {piece, 0}).get()), std::nullopt);
	EXPECT_EQ(read(stream_of(full, {0, 0}).get()), std::nullopt);
	EXPECT_EQ(read(stream_of({.full = true}, {}).get()), 0u);
}

TEST(ChangeStream, an_increment_may_be_anything_of_it)
{
	EXPECT_EQ(read(stream_of(increment, {}).get()), 0u);
	EXPECT_EQ(read(stream_of(increment, {piece}).get()), 1u);
	EXPECT_EQ(read(stream_of(increment, {piece, 0}).get()), 2u);
	EXPECT_EQ(read(stream_of(increment, {2 * piece}).get()), std::nullopt);
}

TEST(ChangeStream, what_the_head_says_must_be_known)
{
	File same = stream_of(increment, {0});
	change_head(same.get(), [](StreamHead &) {});
	EXPECT_EQ(read(same.get()), 1u);
	File flagged = stream_of(increment, {0});
	change_head(flagged.get(), [](StreamHead &head) { head.flags = format::le32{0x80}; });
	EXPECT_EQ(read(flagged.get()), std::nullopt);
	File reserved = stream_of(increment, {0});
	change_head(reserved.get(), [](StreamHead &head) { head.reserved = format::le32{1}; });
	EXPECT_EQ(read(reserved.get()), std::nullopt);
	File endless = stream_of(increment, {0});
	change_head(endless.get(),
		    [](StreamHead &head) { head.volume_bytes = format::le64{uint64_t{1} << 63}; });
	EXPECT_EQ(read(endless.get()), std::nullopt);
}

} // namespace
} // namespace dmsnap::test
