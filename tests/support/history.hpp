// SPDX-License-Identifier: GPL-2.0-only
/*
 * History: what each sector of a device may hold, derived from the writes that were
 * submitted.  Each write has a number, its stamp.  Every sector contains the stamp and its
 * position.
 *
 * Times are ticks of a counter of the test.  Beginnings are reported in time; ends may be
 * reported late, which only allows more contents.
 */
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace dmsnap::test {

/* 0: a sector of zeros. */
using Stamp = uint32_t;
constexpr Stamp not_a_stamp = UINT32_MAX;
/* For a sector that a device has filled with discarded_byte; no write uses it. */
constexpr Stamp discarded_stamp = 1u << 31;
constexpr uint8_t discarded_byte = 0xd5;

constexpr size_t sector_words = 64;

/* The first word of a sector, and the increment from each word to the next. */
inline uint64_t first_word(Stamp stamp, uint64_t sector)
{
	return stamp ? uint64_t{stamp} << 32 | (sector & UINT32_MAX) : 0;
}
inline uint64_t step_of(uint64_t first)
{
	return first ? 2 * first + 1 : 0;
}

/* Fills one sector as the write @stamp does. */
inline void put_stamp(Stamp stamp, uint64_t sector, uint8_t *out)
{
	uint64_t words[sector_words];
	uint64_t word = first_word(stamp, sector), step = step_of(word);
	for (uint64_t &place : words) {
		place = word;
		word += step;
	}
	std::memcpy(out, words, sizeof(words));
}

/* The stamp of a sector; not_a_stamp if it has none or has another position. */
inline Stamp stamp_of(uint64_t sector, const uint8_t *data)
{
	uint64_t words[sector_words];
	std::memcpy(words, data, sizeof(words));
	if (std::all_of(data, data + sizeof(words),
			[](uint8_t byte) { return byte == discarded_byte; }))
		return discarded_stamp;
	auto stamp = static_cast<Stamp>(words[0] >> 32);
	uint64_t wanted = first_word(stamp, sector), step = step_of(wanted), wrong = 0;
	for (uint64_t word : words) {
		wrong |= word ^ wanted;
		wanted += step;
	}
	return wrong ? not_a_stamp : stamp;
}

inline std::vector<uint8_t> stamped(Stamp stamp, uint64_t sector, uint64_t sectors)
{
	std::vector<uint8_t> data(sectors * 512);
	for (uint64_t i = 0; i < sectors; i++)
		put_stamp(stamp, sector + i, data.data() + i * 512);
	return data;
}

/* The stamps of a device's sectors, from the first one on. */
inline std::vector<Stamp> stamps_of(std::span<const uint8_t> data)
{
	std::vector<Stamp> stamps(data.size() / 512);
	for (uint64_t at = 0; at < stamps.size(); at++)
		stamps[at] = stamp_of(at, &data[at * 512]);
	return stamps;
}

class History {
public:
	using Tick = uint64_t;

	/* Durable initial content. */
	explicit History(std::span<const Stamp> content) : sectors_(content.size())
	{
		for (size_t i = 0; i < content.size(); i++)
			sectors_[i].push_back(
				{.stamp = content[i], .ended = true, .durable = true});
	}

	uint64_t sectors() const { return sectors_.size(); }
	/* More sectors, with this initial content. */
	void grow(uint64_t sectors, Stamp content)
	{
		sectors_.resize(sectors, {{.stamp = content, .ended = true, .durable = true}});
	}

	/* A write that may take effect from now on.  Its part after the end is ignored. */
	void begin(Stamp stamp, uint64_t sector, uint64_t sectors, Tick now)
	{
		for (uint64_t at = sector; at < end_of(sector, sectors); at++)
			sectors_[at].push_back({.stamp = stamp, .begin = now});
	}
	/* A write has ended.  @certain: its data is readable; @durable: it survives a crash. */
	void end(Stamp stamp, uint64_t sector, uint64_t sectors, Tick now, bool certain,
		 bool durable)
	{
		for (uint64_t at = sector; at < sector + sectors; at++)
			for (Write &write : sectors_[at])
				if (write.stamp == stamp && !write.ended) {
					write.end = now;
					write.ended = true;
					write.certain = certain;
					write.durable = durable;
				}
	}
	/* A discard begins, on a device that may fill discarded sectors: see discarded(). */
	void begin_discard(uint64_t sector, uint64_t sectors, Tick now, bool fills)
	{
		begin(0, sector, sectors, now);
		if (fills)
			begin(discarded_stamp, sector, sectors, now);
	}
	/* A discard submitted at @begin has ended: old contents, zeros, or the filling. */
	void discarded(Tick begin, uint64_t sector, uint64_t sectors, Tick now)
	{
		for (uint64_t at = sector; at < end_of(sector, sectors); at++)
			for (Write &write : sectors_[at])
				if (write.begin == begin &&
				    (!write.stamp || write.stamp == discarded_stamp)) {
					write.end = now;
					write.ended = true;
					write.certain = false;
				}
	}
	/* A flush that was submitted at @begin has succeeded. */
	void flushed(Tick begin)
	{
		for (auto &writes : sectors_)
			for (Write &write : writes)
				if (write.ended && write.certain && write.end < begin)
					write.durable = true;
	}

	/* Is there a completed write without a later flush? */
	bool any_undurable() const
	{
		return std::any_of(sectors_.begin(), sectors_.end(), [](const auto &writes) {
			return std::any_of(writes.begin(), writes.end(), [](const Write &write) {
				return write.ended && write.certain && !write.durable;
			});
		});
	}

	/* May a read that was submitted at @begin, and has ended, return @stamp? */
	bool may_read(uint64_t sector, Stamp stamp, Tick begin) const
	{
		return allows(sector, stamp, [begin](const Write &later) {
			return later.ended && later.certain && later.end < begin;
		});
	}
	/* May a crash now leave @stamp? */
	bool may_be_left(uint64_t sector, Stamp stamp) const
	{
		return allows(sector, stamp,
			      [](const Write &later) { return later.ended && later.durable; });
	}

	std::string describe(uint64_t sector) const
	{
		std::string text;
		for (const Write &write : sectors_[sector])
			text += " " + std::to_string(write.stamp) + "@" +
				std::to_string(write.begin) + "-" +
				(write.ended ? std::to_string(write.end) : "") +
				(write.ended && !write.certain ? "?" : "") +
				(write.durable ? "!" : "");
		return text;
	}

private:
	struct Write {
		Stamp stamp = 0;
		Tick begin = 0;
		Tick end = 0;
		bool ended = false;
		bool certain = true;
		bool durable = false;
	};

	uint64_t end_of(uint64_t sector, uint64_t sectors) const
	{
		return std::min<uint64_t>(sector + sectors, sectors_.size());
	}
	/* True if there is such a write, and no write that @covers it came entirely after it. */
	template <typename Covers>
	bool allows(uint64_t sector, Stamp stamp, const Covers &covers) const
	{
		const auto &writes = sectors_[sector];
		return std::any_of(writes.begin(), writes.end(), [&](const Write &write) {
			return write.stamp == stamp &&
			       (!write.ended ||
				std::none_of(writes.begin(), writes.end(), [&](const Write &later) {
					return later.begin > write.end && covers(later);
				}));
		});
	}

	std::vector<std::vector<Write>> sectors_;
};

} // namespace dmsnap::test
