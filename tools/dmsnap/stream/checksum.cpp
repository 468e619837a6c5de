// SPDX-License-Identifier: GPL-2.0-only
#include "stream/checksum.hpp"

#include <cstring>
#include <new>

#include <fmt/format.h>

namespace dmsnap::tool {
namespace {

Checksum in_stream_order(XXH128_hash_t hash)
{
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, hash);
	Checksum checksum;
	static_assert(sizeof(canonical.digest) == sizeof(checksum));
	std::memcpy(checksum.data(), canonical.digest, sizeof(checksum));
	return checksum;
}

} // namespace

Checksum checksum_of(std::span<const std::byte> bytes)
{
	return in_stream_order(XXH3_128bits(bytes.data(), bytes.size()));
}

std::string hexadecimal(const Checksum &checksum)
{
	std::string text;
	for (std::byte byte : checksum)
		text += fmt::format("{:02x}", static_cast<unsigned int>(byte));
	return text;
}

uint64_t short_checksum_of(std::span<const std::byte> bytes)
{
	return XXH3_64bits(bytes.data(), bytes.size());
}

RunningChecksum::RunningChecksum() : state_(XXH3_createState())
{
	if (!state_)
		throw std::bad_alloc();
	XXH3_128bits_reset(state_);
}

RunningChecksum::~RunningChecksum()
{
	XXH3_freeState(state_);
}

void RunningChecksum::add(std::span<const std::byte> bytes)
{
	XXH3_128bits_update(state_, bytes.data(), bytes.size());
}

Checksum RunningChecksum::value() const
{
	return in_stream_order(XXH3_128bits_digest(state_));
}

} // namespace dmsnap::tool
