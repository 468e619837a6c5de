// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arguments in a table line of snapshot and snapshot-merge:
 *
 *   <origin> <COW device> <P|PO|N> <chunk size> [<#features> [<feature>...]]
 *
 * Only text is parsed here: the caller opens the devices.  The order in which errors are reported
 * is part of the interface, which is why there are two functions: parse_features(), then the
 * devices, then parse_store().
 */
#pragma once

#include <cstdint>
#include <expected>

#include "base/error.hpp"
#include "format/chunk_size.hpp"

namespace dmsnap {

/* Positions in argv. */
namespace table_word {
constexpr unsigned int origin = 0;
constexpr unsigned int cow = 1;
constexpr unsigned int store_type = 2;
constexpr unsigned int chunk_size = 3;
constexpr unsigned int features = 4;
} // namespace table_word

struct Features {
	/* A discard zeros whole chunks on the COW device. */
	bool discard_zeroes_cow = false;
	/* A discard is passed down to the origin; requires discard_zeroes_cow. */
	bool discard_passdown_origin = false;
	/* Writes wait for a full COW device to be extended.  Persistent stores only. */
	bool stall_on_full = false;
	/* They do not, whatever the module parameter says.  Excludes stall_on_full. */
	bool no_stall_on_full = false;
};

/*
 * Checks the number of words and reads the features.  On failure a static
 * string for the user; the errno is EINVAL.
 *
 * The count is parsed as dm core does: leading white space is skipped, digits must follow to the
 * end of the word, and only the low 32 bits count.  Features may be repeated, in upper or lower
 * case.  Words after the counted ones are ignored.  The in-tree driver has neither stall_on_full
 * nor no_stall_on_full, and takes at most two features; a line with three must have one of the
 * two.
 */
std::expected<Features, const char *> parse_features(unsigned int argc, const char *const *argv);

enum class StoreType : uint8_t { persistent, transient };

struct StoreArgs {
	StoreType type = StoreType::persistent;
	/*
	 * The user understands the status "Overflow": running out of space on a write to the
	 * snapshot does not invalidate it.  Persistent stores only.
	 */
	bool overflow = false;
	/*
	 * 0: not given.  A persistent store then has the size in its header, or
	 * default_chunk_sectors() if it is new.  The caller refuses a transient one ("Chunk size
	 * not set") after all other checks.
	 */
	uint32_t chunk_sectors = 0;
};

/*
 * Parses type and chunk size.  The user sees all its errors as "Couldn't create exception store";
 * the reason is logged.
 *
 * The type is one letter, P or N, in upper or lower case.  Anything after an N or a PO is
 * ignored.
 *
 * Errors, in this order: store_type_unknown, chunk_size_not_a_number, those of
 * check_chunk_size() unless it is 0, store_option_unknown (of @type_word + 1).
 */
Result<StoreArgs> parse_store(const char *type_word, const char *chunk_word,
			      const format::BlockSizes &blocks);

/*
 * Parses a chunk size in sectors: an optional '+', digits, and an optional newline.  It must fit
 * in 32 bits.
 */
Result<uint32_t> parse_chunk_sectors(const char *word);

} // namespace dmsnap
