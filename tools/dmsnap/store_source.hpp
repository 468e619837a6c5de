// SPDX-License-Identifier: GPL-2.0-only
/*
 * From the words of the command line to a store that can be walked; and what
 * commands say of a store that is not fit for them.
 */
#pragma once

#include <optional>

#include "commands.hpp"
#include "store_reader.hpp"
#include "volume.hpp"

namespace dmsnap::tool {

/* The store's volume, and the origin's where one is named. */
struct StoreSource {
	StoreSource(const StoreOptions &options, Volume::Access access = Volume::Access::read);

	Volume cow;
	std::optional<Volume> origin;
	ReadOptions read_options;
};

/* Passes what is found on to nobody. */
struct IgnoreAll final : StoreVisitor {};

/*
 * Throws a Failure unless the store is a valid one with nothing wrong: for commands
 * that rely on every entry.
 */
void require_good(const StoreReport &report, const Volume &cow);

/* Throws a Failure where there is no list to be read. */
void require_list(const StoreReport &report, const Volume &cow);

} // namespace dmsnap::tool
