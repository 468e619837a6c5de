// SPDX-License-Identifier: GPL-2.0-only
/*
 * A stream on its way to a backup and back: compressed by zstd, or as it is, with the checksum
 * of the bytes that are stored.  StreamWriter and StreamReader see a FILE.
 */
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "checksum.hpp"

namespace dmsnap::tool {

struct Packed {
	uint64_t bytes = 0;
	Checksum checksum{};
};

class PackedWriter {
public:
	/* @level: of zstd; 0: as it is.  The descriptor stays the caller's.  Throws a Failure. */
	PackedWriter(int descriptor, int level);
	~PackedWriter();
	PackedWriter(const PackedWriter &) = delete;
	PackedWriter &operator=(const PackedWriter &) = delete;

	FILE *get() const;
	/* All was written to get(). */
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
	/* What was read is not what zstd writes. */
	bool is_damaged() const;
	/* Reads what is left, if anything is. */
	Packed end();

private:
	struct State;
	std::unique_ptr<State> state_;
};

} // namespace dmsnap::tool
