// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream to or from a backup, compressed by zstd or uncompressed, and the checksum of the stored
 * bytes.  StreamWriter and StreamReader use its FILE.
 */
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "stream/checksum.hpp"

namespace dmsnap::tool {

struct Packed {
	uint64_t bytes = 0;
	Checksum checksum{};
};

class PackedWriter {
public:
	/* @level: zstd's; 0: uncompressed.  The caller keeps the descriptor.  Throws a Failure. */
	PackedWriter(int descriptor, int level);
	~PackedWriter();
	PackedWriter(const PackedWriter &) = delete;
	PackedWriter &operator=(const PackedWriter &) = delete;

	FILE *get() const;
	/* After everything was written to get(). */
	Packed end();

private:
	struct State;
	std::unique_ptr<State> state_;
};

class PackedReader {
public:
	PackedReader(int descriptor, bool is_compressed);
	~PackedReader();
	PackedReader(const PackedReader &) = delete;
	PackedReader &operator=(const PackedReader &) = delete;

	FILE *get() const;
	/* The data is not from zstd. */
	bool is_damaged() const;
	/* Reads the rest, if any. */
	Packed end();

private:
	struct State;
	std::unique_ptr<State> state_;
};

} // namespace dmsnap::tool
