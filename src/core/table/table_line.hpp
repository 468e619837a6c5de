// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of a table line of snapshot and snapshot-merge:
 *
 *   <origin> <COW device> <P|PO|N> <chunk size> [<#features> [<feature>...]]
 *
 * Only text: devices are opened by the caller.  The order in which mistakes are
 * reported is part of the interface, and the two functions are cut for it:
 * parse_features(), then the devices, then parse_store().
 */
#pragma once

#include <cstdint>
#include <expected>

#include "base/error.hpp"
#include "format/chunk_size.hpp"

namespace dmsnap {

/* Where a word stands in argv. */
namespace table_word {
constexpr unsigned int origin = 0;
constexpr unsigned int cow = 1;
constexpr unsigned int store_type = 2;
constexpr unsigned int chunk_size = 3;
constexpr unsigned int features = 4;
} // namespace table_word

struct Features {
	/* A discard makes exceptions of zeros. */
	bool discard_zeroes_cow = false;
	/* A discard goes on to the origin; only together with the other one. */
	bool discard_passdown_origin = false;
	/* Without room writes wait for a larger COW device; of a persistent store. */
	bool stall_on_full = false;
	/* They do not, whatever the module's parameter says; not together with the other one. */
	bool no_stall_on_full = false;
};

/*
 * Checks the number of words and reads the features.  On failure a static
 * string for the user; the errno is EINVAL.
 *
 * The count is read as dm core reads it: white space in front is skipped, then
 * digits to the end of the word, and only the low 32 bits count.  Features may
 * come twice, in any case of letters.  Words behind the counted ones are not
 * looked at.  In-tree has neither stall_on_full nor no_stall_on_full, and takes two words
 * at most; a line that counts to three must have one of them.
 */
std::expected<Features, const char *> parse_features(unsigned int argc, const char *const *argv);

enum class StoreType : uint8_t { persistent, transient };

struct StoreArgs {
	StoreType type = StoreType::persistent;
	/*
	 * The user knows the status word "Overflow": running out of space on a
	 * write to the snapshot need not invalidate it.  Persistent only.
	 */
	bool overflow = false;
	/*
	 * 0: not given.  A persistent store then has what its header says, or if
	 * it is new default_chunk_sectors(); a transient one is refused by the
	 * caller ("Chunk size not set"), after everything else.
	 */
	uint32_t chunk_sectors = 0;
};

/*
 * Reads type and chunk size.  To the user all of its errors are "Couldn't create
 * exception store"; the reason is for the log.
 *
 * One letter says the type, in either case: P or N.  What follows an N is not
 * looked at, nor what follows PO.
 *
 * Errors, in this order: store_type_unknown, chunk_size_not_a_number, those of
 * check_chunk_size() unless it is 0, store_option_unknown (of @type_word + 1).
 */
Result<StoreArgs> parse_store(const char *type_word, const char *chunk_word,
			      const format::BlockSizes &blocks);

/*
 * A chunk size in sectors: digits, maybe a '+' in front, maybe one newline
 * behind; nothing else, no more than 32 bits.
 */
Result<uint32_t> parse_chunk_sectors(const char *word);

} // namespace dmsnap
