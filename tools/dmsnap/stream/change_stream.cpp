// SPDX-License-Identifier: GPL-2.0-only
#include "stream/change_stream.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <fmt/format.h>

#include "system/failure.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {
namespace {

/* "dmsnapC1", read as text. */
constexpr uint64_t stream_magic = 0x314370616e736d64;
constexpr uint32_t stream_version = 1;
constexpr uint32_t flag_full = 1;

enum Kind : uint32_t { kind_data = 1, kind_zeros = 2, kind_end = 3 };

template <typename Head> uint64_t checksum_of_head(const Head &head)
{
	return short_checksum_of(
		std::as_bytes(std::span(&head, 1)).first(offsetof(Head, checksum)));
}

} // namespace

StreamWriter::StreamWriter(FILE *file, const StreamInfo &info) : file_(file)
{
	StreamHead head{
		.magic = format::le64{stream_magic},
		.version = format::le32{stream_version},
		.flags = format::le32{info.full ? flag_full : 0},
		.volume_bytes = format::le64{info.volume_bytes},
		.chunk_sectors = format::le32{info.chunk_sectors},
		.reserved = {},
		.checksum = {},
	};
	head.checksum = format::le64{checksum_of_head(head)};
	put(std::as_bytes(std::span(&head, 1)));
}

void StreamWriter::put(std::span<const std::byte> bytes)
{
	if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
		throw Failure(fmt::format("writing the stream failed: {}", std::strerror(errno)));
}

void StreamWriter::put_head(RecordHead &head)
{
	head.checksum = format::le64{checksum_of_head(head)};
	put(std::as_bytes(std::span(&head, 1)));
}

void StreamWriter::add(uint64_t offset, std::span<const std::byte> data, const Checksum &base)
{
	bool zeros = all_zero(data);
	RecordHead head{
		.kind = format::le32{zeros ? kind_zeros : kind_data},
		.length = format::le32{static_cast<uint32_t>(data.size())},
		.offset = format::le64{offset},
		.base = base,
		.content = checksum_of(data),
		.checksum = {},
	};
	put_record(head, zeros ? std::span<const std::byte>() : data);
}

void StreamWriter::add_zeros(uint64_t offset, uint32_t length)
{
	if (zeros_length_ != length) {
		zeros_checksum_ = checksum_of(std::vector<std::byte>(length));
		zeros_length_ = length;
	}
	RecordHead head{
		.kind = format::le32{kind_zeros},
		.length = format::le32{length},
		.offset = format::le64{offset},
		.base = {},
		.content = zeros_checksum_,
		.checksum = {},
	};
	put_record(head, {});
}

void StreamWriter::put_record(RecordHead &head, std::span<const std::byte> data)
{
	put_head(head);
	heads_.add(std::as_bytes(std::span(&head, 1)));
	put(data);
	records_++;
	bytes_ += head.length.get();
}

void StreamWriter::end()
{
	RecordHead head{
		.kind = format::le32{kind_end},
		.length = {},
		.offset = format::le64{records_},
		.base = {},
		.content = heads_.value(),
		.checksum = {},
	};
	put_head(head);
	if (std::fflush(file_) != 0)
		throw Failure(fmt::format("writing the stream failed: {}", std::strerror(errno)));
}

StreamReader::StreamReader(FILE *file) : file_(file)
{
	StreamHead head;
	get(std::as_writable_bytes(std::span(&head, 1)));
	if (head.magic.get() != stream_magic)
		throw Failure("the input is not a stream of \"dmsnap export\"", ExitCode::findings);
	if (head.version.get() != stream_version)
		throw Failure(fmt::format("the stream has version {}, and this program knows {}",
					  head.version.get(), stream_version),
			      ExitCode::findings);
	if (head.checksum.get() != checksum_of_head(head))
		damaged("the checksum of its head is wrong");
	if ((head.flags.get() & ~flag_full) != 0 || head.reserved.get() != 0)
		throw Failure("a newer program made the stream: its head says what this one does "
			      "not know",
			      ExitCode::findings);
	if (head.volume_bytes.get() > INT64_MAX)
		damaged("no volume is that large");
	info_ = {
		.full = (head.flags.get() & flag_full) != 0,
		.volume_bytes = head.volume_bytes.get(),
		.chunk_sectors = head.chunk_sectors.get(),
	};
}

void StreamReader::damaged(const std::string &what) const
{
	throw Failure(fmt::format("the stream is damaged after record {}: {}", records_, what),
		      ExitCode::findings);
}

void StreamReader::get(std::span<std::byte> bytes)
{
	if (std::fread(bytes.data(), 1, bytes.size(), file_) == bytes.size())
		return;
	if (std::ferror(file_))
		throw Failure(fmt::format("reading the stream failed: {}", std::strerror(errno)));
	damaged("it ends too early");
}

bool StreamReader::next(Record &record)
{
	RecordHead head;
	get(std::as_writable_bytes(std::span(&head, 1)));
	if (head.checksum.get() != checksum_of_head(head))
		damaged("the checksum of a record is wrong");

	uint32_t kind = head.kind.get(), length = head.length.get();
	if (kind == kind_end) {
		if (head.offset.get() != records_ || head.content != heads_.value())
			damaged("records are missing");
		if (info_.full && full_end_ != info_.volume_bytes)
			damaged("it is not the whole volume");
		return false;
	}
	record = {.offset = head.offset.get(),
		  .length = length,
		  .base = head.base,
		  .content = head.content,
		  .data = {}};
	if ((kind != kind_data && kind != kind_zeros) || length == 0 || length > record_bytes_max ||
	    record.offset > info_.volume_bytes || length > info_.volume_bytes - record.offset)
		damaged("a record makes no sense");
	if (info_.full && record.offset != full_end_)
		damaged("it is not the whole volume");
	full_end_ = record.offset + length;
	heads_.add(std::as_bytes(std::span(&head, 1)));
	records_++;
	if (kind == kind_data) {
		auto data = first_of(data_, length);
		get(data);
		if (checksum_of(data) != record.content)
			damaged("the checksum of the data is wrong");
		record.data = data;
	}
	return true;
}

} // namespace dmsnap::tool
