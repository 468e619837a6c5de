// SPDX-License-Identifier: GPL-2.0-only
#include "cli/units.hpp"

#include <cmath>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

constexpr std::string_view size_letters = "KMGTPE";

/* Returns the number at the beginning, and sets @unit to the rest. */
double parse_number(const std::string &text, std::string &unit)
{
	char *end = nullptr;
	double number = std::strtod(text.c_str(), &end);
	if (end == text.c_str() || !std::isfinite(number) || number < 0)
		throw Failure(fmt::format("\"{}\" does not begin with a number", text));
	unit = end;
	return number;
}

double parse_bytes(const std::string &text)
{
	std::string unit;
	double number = parse_number(text, unit);
	for (std::string_view ending : {"iB", "B"}) {
		if (unit.ends_with(ending)) {
			unit.resize(unit.size() - ending.size());
			break;
		}
	}
	if (unit.empty())
		return number;
	size_t power = size_letters.find(static_cast<char>(std::toupper(unit[0])));
	if (unit.size() != 1 || power == std::string_view::npos)
		throw Failure(fmt::format("\"{}\" is not a size like 512, 4K or 1.5G", text));
	return std::ldexp(number, static_cast<int>(10 * (power + 1)));
}

} // namespace

uint64_t parse_size(const std::string &text)
{
	double bytes = parse_bytes(text);
	if (bytes >= std::ldexp(1, 63))
		throw Failure(fmt::format("\"{}\" is too large a size", text));
	return static_cast<uint64_t>(bytes);
}

double parse_seconds(const std::string &text)
{
	std::string unit;
	double number = parse_number(text, unit);
	if (unit.empty() || unit == "s")
		return number;
	if (unit == "m" || unit == "min")
		return number * 60;
	if (unit == "h")
		return number * 3600;
	if (unit == "d")
		return number * 86400;
	if (unit == "w")
		return number * 7 * 86400;
	throw Failure(fmt::format("\"{}\" is not a time like 90s, 15m, 12h, 7d or 2w", text));
}

Rate parse_rate(const std::string &text)
{
	size_t slash = text.find('/');
	if (slash == std::string::npos)
		throw Failure(fmt::format("\"{}\" is not a rate like 10M/s or 2%/d", text));
	std::string amount = text.substr(0, slash);
	std::string time = text.substr(slash + 1);
	double seconds = parse_seconds(time.empty() || !std::isdigit(time[0]) ? "1" + time : time);
	if (seconds <= 0)
		throw Failure(fmt::format("\"{}\": a rate needs a time", text));
	if (!amount.ends_with('%'))
		return {.bytes = parse_bytes(amount) / seconds};
	std::string unit;
	return {.volumes = parse_number(amount, unit) / 100 / seconds};
}

std::string size_text(double bytes)
{
	size_t power = 0;
	while (bytes >= 1024 && power < size_letters.size()) {
		bytes /= 1024;
		power++;
	}
	if (power == 0)
		return fmt::format("{:.0f} B", bytes);
	return fmt::format("{:.1f} {}iB", bytes, size_letters[power - 1]);
}

std::string time_text(double seconds)
{
	constexpr double minute = 60, hour = 3600, day = 86400;

	if (seconds < 2 * minute)
		return fmt::format("{:.0f} s", seconds);
	if (seconds < 2 * hour)
		return fmt::format("{:.0f} min", seconds / minute);
	if (seconds < 2 * day)
		return fmt::format("{:.1f} h", seconds / hour);
	return fmt::format("{:.1f} d", seconds / day);
}

} // namespace dmsnap::tool
