// SPDX-License-Identifier: GPL-2.0-only
/*
 * The stream that export writes and apply reads; numbers are little endian.
 *
 *	stream := head record* end
 *	head   := magic version flags volume_bytes chunk_sectors 0 checksum
 *	record := kind length offset base content checksum  data{length}
 *
 * A record is a piece of the volume of at most record_bytes_max.  Its two long checksums are
 * those of the snapshot's contents there (not in a full stream) and of the volume's contents now.
 * The short one covers the head before it.  A record of zeros has no data.  The records of a full
 * stream cover the whole volume in order, so a short stream cannot make a large file.  The end
 * has the number of records as its offset, and the checksum of all their heads as its content.
 */
#pragma once

#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "format/little_endian.hpp"
#include "stream/checksum.hpp"

namespace dmsnap::tool {

constexpr uint32_t record_bytes_max = 1 << 20;

/* The first @length bytes of a buffer that grows as needed; most records are short. */
inline std::span<std::byte> first_of(std::vector<std::byte> &buffer, size_t length)
{
	if (buffer.size() < length)
		buffer.resize(length);
	return std::span(buffer).first(length);
}

struct StreamInfo {
	/* The whole volume, without a base. */
	bool full = false;
	uint64_t volume_bytes = 0;
	/* 0 in a full stream. */
	uint32_t chunk_sectors = 0;
};

struct Record {
	uint64_t offset = 0;
	uint32_t length = 0;
	Checksum base{};
	Checksum content{};
	/* Empty if all of it is zero. */
	std::span<const std::byte> data;
};

/* The head as stored in the stream. */
struct StreamHead {
	format::le64 magic;
	format::le32 version;
	format::le32 flags;
	format::le64 volume_bytes;
	format::le32 chunk_sectors;
	format::le32 reserved;
	format::le64 checksum;
};
static_assert(sizeof(StreamHead) == 40);

struct RecordHead {
	format::le32 kind;
	format::le32 length;
	format::le64 offset;
	Checksum base;
	Checksum content;
	format::le64 checksum;
};
static_assert(sizeof(RecordHead) == 56);

class StreamWriter {
public:
	StreamWriter(FILE *file, const StreamInfo &info);

	/* @data: all of it, even zeros.  @base: the checksum of the snapshot's contents. */
	void add(uint64_t offset, std::span<const std::byte> data, const Checksum &base);
	/* For a full stream. */
	void add_zeros(uint64_t offset, uint32_t length);
	void end();

	uint64_t records() const { return records_; }
	uint64_t bytes() const { return bytes_; }

private:
	void put(std::span<const std::byte> bytes);
	void put_head(RecordHead &head);
	void put_record(RecordHead &head, std::span<const std::byte> data);

	FILE *file_;
	RunningChecksum heads_;
	uint64_t records_ = 0;
	uint64_t bytes_ = 0;
	/* Of so many zeros; cached, because most runs of zeros have the same length. */
	uint32_t zeros_length_ = 0;
	Checksum zeros_checksum_{};
};

/* Throws a Failure (findings) at the first damage. */
class StreamReader {
public:
	explicit StreamReader(FILE *file);

	const StreamInfo &info() const { return info_; }
	/* Returns false at the end of a complete stream.  The data is valid until the next call. */
	bool next(Record &record);
	uint64_t records() const { return records_; }

private:
	void get(std::span<std::byte> bytes);
	[[noreturn]] void damaged(const std::string &what) const;

	FILE *file_;
	StreamInfo info_;
	RunningChecksum heads_;
	uint64_t records_ = 0;
	/* For a full stream: how much of the volume has arrived. */
	uint64_t full_end_ = 0;
	std::vector<std::byte> data_;
};

} // namespace dmsnap::tool
