// SPDX-License-Identifier: GPL-2.0-only
#include "support/pattern.hpp"

#include <algorithm>
#include <cstring>

#include "user/failure.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

constexpr size_t sector_bytes = 512;
constexpr uint64_t magic = 0x6e72657474617064;

/* At the beginning of every sector of a pattern. */
struct Head {
	uint64_t magic;
	uint32_t tag;
	uint32_t generation;
	uint64_t sector;
};

} // namespace

void Pattern::fill(uint64_t sector, std::span<uint8_t> data) const
{
	for (size_t at = 0; at < data.size(); at += sector_bytes, sector++) {
		Head head{magic, tag, generation, sector};
		uint8_t *out = data.data() + at;
		std::memcpy(out, &head, sizeof(head));
		user::Random random(user::Random::mix(uint64_t{tag} << 32 | generation) + sector);
		for (size_t i = sizeof(head); i < sector_bytes; i += sizeof(uint64_t)) {
			uint64_t word = random.next();
			std::memcpy(out + i, &word, sizeof(word));
		}
	}
}

std::vector<uint8_t> Pattern::make(uint64_t sector, uint64_t sectors) const
{
	std::vector<uint8_t> data(sectors * sector_bytes);
	fill(sector, data);
	return data;
}

testing::AssertionResult Pattern::matches(uint64_t sector, std::span<const uint8_t> data) const
{
	return same_sectors(sector, make(sector, data.size() / sector_bytes), data);
}

std::string describe_sector(std::span<const uint8_t> data)
{
	if (std::all_of(data.begin(), data.end(), [](uint8_t byte) { return byte == 0; }))
		return "zeros";
	Head head;
	std::memcpy(&head, data.data(), sizeof(head));
	if (head.magic != magic)
		return user::text("something that begins with %02x %02x %02x %02x", data[0],
				  data[1], data[2], data[3]);
	std::vector<uint8_t> whole = Pattern{head.tag, head.generation}.make(head.sector, 1);
	bool torn = !std::equal(whole.begin(), whole.end(), data.begin());
	return user::text("tag %u, generation %u, sector %llu%s", head.tag, head.generation,
			  static_cast<unsigned long long>(head.sector), torn ? ", damaged" : "");
}

testing::AssertionResult same_sectors(uint64_t sector, std::span<const uint8_t> expected,
				      std::span<const uint8_t> found)
{
	if (expected.size() != found.size())
		return testing::AssertionFailure()
		       << found.size() << " bytes instead of " << expected.size();
	for (size_t at = 0; at < expected.size(); at += sector_bytes, sector++) {
		auto want = expected.subspan(at, sector_bytes);
		auto have = found.subspan(at, sector_bytes);
		if (!std::equal(want.begin(), want.end(), have.begin()))
			return testing::AssertionFailure()
			       << "sector " << sector << " holds " << describe_sector(have)
			       << "; should hold " << describe_sector(want);
	}
	return testing::AssertionSuccess();
}

} // namespace dmsnap::test
