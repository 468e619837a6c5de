// SPDX-License-Identifier: GPL-2.0-only
#include "store/fio_log.hpp"

#include <cerrno>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "system/failure.hpp"
#include "system/whole_number.hpp"

namespace dmsnap::tool {
namespace {

/* A longer line is not from fio. */
constexpr size_t line_bytes_max = 8192;

bool next_line(FILE *file, std::string &line)
{
	char buffer[line_bytes_max];
	if (!std::fgets(buffer, sizeof(buffer), file)) {
		if (std::ferror(file))
			throw Failure(
				fmt::format("fio's log: reading failed: {}", std::strerror(errno)));
		return false;
	}
	line = buffer;
	if (!line.ends_with('\n') && !std::feof(file))
		throw Failure("a line of fio's log is too long, or has zeros in it");
	while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
		line.pop_back();
	return true;
}

std::vector<std::string_view> split(std::string_view line, std::string_view separators)
{
	std::vector<std::string_view> words;
	while (true) {
		size_t begin = line.find_first_not_of(separators);
		if (begin == std::string_view::npos)
			return words;
		size_t end = std::min(line.find_first_of(separators, begin), line.size());
		words.push_back(line.substr(begin, end - begin));
		line.remove_prefix(end);
	}
}

uint64_t number(std::string_view text, uint64_t line)
{
	const std::optional<uint64_t> value = whole_number(text);
	if (!value)
		throw Failure(
			fmt::format("fio's log, line {}: \"{}\" is not a number", line, text));
	return *value;
}

/* [time] file action [offset length] */
class IoLog {
public:
	explicit IoLog(bool with_time) : skip_(with_time) {}

	bool take(std::string_view line, uint64_t line_number, FioWrite &write)
	{
		auto words = split(line, " \t");
		if (words.size() != skip_ + 4)
			return false;
		std::string_view action = words[skip_ + 1];
		if (action != "write" && action != "trim")
			return false;
		auto [file, added] = files_.try_emplace(std::string(words[skip_]), files_.size());
		write = {file->second, number(words[skip_ + 2], line_number),
			 number(words[skip_ + 3], line_number)};
		return true;
	}

private:
	size_t skip_;
	std::map<std::string, uint64_t> files_;
};

/* time, value, direction, block size, offset[, priority] */
bool take_sample(std::string_view line, uint64_t line_number, FioWrite &write)
{
	constexpr std::string_view to_write = "1", to_trim = "2";

	auto words = split(line, ", \t");
	if (words.size() < 4)
		throw Failure(fmt::format("line {} is not from a log of fio", line_number));
	if (words.size() < 5 || words[4].starts_with("0x"))
		throw Failure(
			"fio's log does not say where the I/Os went; it does with --log_offset=1");
	if (words[2] != to_write && words[2] != to_trim)
		return false;
	write = {0, number(words[4], line_number), number(words[3], line_number)};
	return true;
}

} // namespace

void read_fio_log(FILE *file, const std::function<void(const FioWrite &)> &write)
{
	std::string line;
	if (!next_line(file, line))
		throw Failure("fio's log is empty");
	bool version_2 = line == "fio version 2 iolog";
	bool version_3 = line == "fio version 3 iolog";
	IoLog log(version_3);
	FioWrite one;

	for (uint64_t line_number = 1;; line_number++) {
		bool first = line_number == 1;
		if (version_2 || version_3) {
			if (!first && log.take(line, line_number, one))
				write(one);
		} else if (take_sample(line, line_number, one)) {
			write(one);
		}
		if (!next_line(file, line))
			return;
	}
}

} // namespace dmsnap::tool
