// SPDX-License-Identifier: GPL-2.0-only
/* Checksums of streams: XXH3, which detects damage but no forgery. */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <xxhash.h>

namespace dmsnap::tool {

/* As stored in a stream, the same on every machine. */
using Checksum = std::array<std::byte, 16>;

Checksum checksum_of(std::span<const std::byte> bytes);
std::string hexadecimal(const Checksum &checksum);
uint64_t short_checksum_of(std::span<const std::byte> bytes);

/* Computes the checksum of consecutive bytes. */
class RunningChecksum {
public:
	RunningChecksum();
	~RunningChecksum();
	RunningChecksum(const RunningChecksum &) = delete;
	RunningChecksum &operator=(const RunningChecksum &) = delete;

	void add(std::span<const std::byte> bytes);
	Checksum value() const;

private:
	XXH3_state_t *state_;
};

} // namespace dmsnap::tool
