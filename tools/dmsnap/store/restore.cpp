// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap restore: makes a store from a dump.  The header is written last, so an interrupted restore
 * leaves no store.
 */
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/chunk.hpp"
#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "format/chunk_size.hpp"
#include "format/disk_header.hpp"
#include "store/dump_format.hpp"
#include "store/list_writer.hpp"
#include "stream/contents.hpp"
#include "system/device_name.hpp"
#include "system/input_file.hpp"
#include "system/whole_number.hpp"

namespace dmsnap::tool {
namespace {

constexpr size_t words_max = 4;

class Restorer {
public:
	Restorer(FILE *file, const RestoreOptions &options) : file_(file), options_(options) {}

	void run()
	{
		if (!next_line())
			throw Failure("the input is empty", ExitCode::findings);
		if (line_ != dump_first_line)
			refuse("the input is not output of \"dmsnap dump --for-restore\"");
		while (next_line()) {
			if (line_ == dump_last_line) {
				finish();
				return;
			}
			take_line();
		}
		refuse("it ends too early");
	}

	uint64_t entries() const { return entries_; }

private:
	[[noreturn]] void refuse(const std::string &what) const
	{
		throw Failure(fmt::format("line {}: {}", number_, what), ExitCode::findings);
	}

	bool next_line()
	{
		/* The longest line is a row of bytes. */
		char buffer[64 + 2 * dump_row_bytes];
		if (!std::fgets(buffer, sizeof(buffer), file_)) {
			if (std::ferror(file_))
				throw Failure(
					fmt::format("reading failed: {}", std::strerror(errno)));
			return false;
		}
		number_++;
		line_ = buffer;
		if (!line_.ends_with('\n'))
			refuse("too long, or cut off");
		line_.pop_back();
		return true;
	}

	uint64_t number_in(size_t word) const
	{
		std::string_view text = words_[word];
		const std::optional<uint64_t> value = whole_number(text);
		if (!value)
			refuse(fmt::format("\"{}\" is not a number", text));
		return *value;
	}

	uint32_t short_number_in(size_t word) const
	{
		uint64_t value = number_in(word);
		if (value > UINT32_MAX)
			refuse(fmt::format("{} is too large", value));
		return static_cast<uint32_t>(value);
	}

	void split()
	{
		std::string_view rest = line_;
		for (count_ = 0; !rest.empty(); count_++) {
			if (count_ == words_max)
				refuse("too many words");
			size_t end = std::min(rest.find(' '), rest.size());
			words_[count_] = rest.substr(0, end);
			rest.remove_prefix(std::min(end + 1, rest.size()));
		}
	}

	bool is(std::string_view word, size_t numbers) const
	{
		return count_ == numbers + 1 && words_[0] == word;
	}

	void take_line()
	{
		split();
		if (is("sectors", 1))
			sectors_ = number_in(1);
		else if (is("magic", 1))
			header_.magic = format::le32{short_number_in(1)};
		else if (is("valid", 1))
			header_.valid = format::le32{short_number_in(1)};
		else if (is("version", 1))
			header_.version = format::le32{short_number_in(1)};
		else if (is("chunk-sectors", 1))
			header_.chunk_size = format::le32{short_number_in(1)};
		else if (is("bytes", 2))
			take_bytes(number_in(1), words_[2]);
		else if (is("area", 1))
			begin_area(number_in(1));
		else if (is("entry", 1))
			go_to(number_in(1));
		else if (is("run", 3))
			take_run({number_in(1)}, {number_in(2)}, number_in(3));
		else
			refuse(fmt::format("\"{}\" is not understood", line_));
	}

	/* Opens the target after the lines about its size and header. */
	Volume &target()
	{
		if (target_)
			return *target_;
		if (!sectors_ || *sectors_ == 0 || *sectors_ > INT64_MAX / sector_bytes)
			refuse("the size of the device is not known");
		uint32_t chunk_sectors = header_.chunk_size.get();
		if (!format::check_chunk_size(chunk_sectors, {}))
			refuse(fmt::format("chunks of {} sectors", chunk_sectors));
		uint64_t bytes = *sectors_ * sector_bytes;
		geometry_ = format::Geometry(ChunkSize(chunk_sectors));
		areas_ = geometry_.areas_in(*sectors_ / chunk_sectors);

		const std::string path = path_of(options_.target);
		if (is_there(path)) {
			target_.emplace(path, Volume::Access::write);
			clear_old_store(bytes);
		} else {
			target_.emplace(Volume::create(path, bytes));
		}
		writer_.emplace(*target_, geometry_);
		return *target_;
	}

	void clear_old_store(uint64_t bytes)
	{
		if (target_->bytes() < bytes)
			throw Failure(fmt::format("{}: {} bytes, but the store needs {}",
						  options_.target, target_->bytes(), bytes));
		if (!options_.overwrite)
			require_nothing_on(*target_);
		target_->zero(0, std::min(geometry_.chunk_size().bytes(), bytes));
		/* Or a power cut could leave the old header with new areas. */
		target_->sync();
	}

	void take_bytes(uint64_t offset, std::string_view hex)
	{
		std::vector<std::byte> bytes;
		for (size_t i = 0; i + 1 < hex.size(); i += 2) {
			uint8_t value = 0;
			auto [end, error] = std::from_chars(&hex[i], &hex[i] + 2, value, 16);
			if (error != std::errc{} || end != &hex[i] + 2)
				break;
			bytes.push_back(std::byte{value});
		}
		if (bytes.empty() || bytes.size() * 2 != hex.size())
			refuse("bytes are pairs of hexadecimal digits");
		Volume &to = target();
		uint64_t device_bytes = *sectors_ * sector_bytes;
		if (offset < format::header_bytes || offset > device_bytes ||
		    bytes.size() > device_bytes - offset)
			refuse("bytes outside the device, or in its header");
		to.write(offset, bytes);
	}

	void begin_area(uint64_t area)
	{
		target();
		if (area >= areas_)
			refuse(fmt::format("area {} does not lie on the device", area));
		writer_->zero_rest(area, 0);
		area_ = area;
		slot_ = 0;
	}

	void go_to(uint64_t slot)
	{
		if (!area_ || slot >= geometry_.exceptions_per_area())
			refuse("an entry outside any area");
		slot_ = static_cast<uint32_t>(slot);
	}

	void take_run(OldChunk old_chunk, NewChunk new_chunk, uint64_t count)
	{
		if (!area_ || count > geometry_.exceptions_per_area() - slot_)
			refuse("a run outside any area");
		for (uint64_t i = 0; i < count; i++)
			writer_->write({*area_, slot_++, {old_chunk + i, new_chunk + i}});
		entries_ += count;
	}

	void finish()
	{
		Volume &to = target();
		writer_->flush();
		to.sync();
		to.write(0, std::as_bytes(std::span(&header_, 1)));
		to.appear();
	}

	FILE *file_;
	const RestoreOptions &options_;
	uint64_t number_ = 0;
	std::string line_;
	std::array<std::string_view, words_max> words_;
	size_t count_ = 0;

	std::optional<uint64_t> sectors_;
	format::DiskHeader header_{};
	format::Geometry geometry_;
	uint64_t areas_ = 0;
	std::optional<Volume> target_;
	std::optional<ListWriter> writer_;
	std::optional<uint64_t> area_;
	uint32_t slot_ = 0;
	uint64_t entries_ = 0;
};

} // namespace

ExitCode restore(const RestoreOptions &options)
{
	InputFile input(options.input);
	Restorer restorer(input.get(), options);
	restorer.run();
	if (!options.json) {
		fmt::print("{}: {} entries restored\n", options.target, restorer.entries());
		return ExitCode::fine;
	}
	JsonOutput json(stdout);
	json.members({{"target", options.target}, {"entries", restorer.entries()}});
	json.finish();
	return ExitCode::fine;
}

} // namespace dmsnap::tool
