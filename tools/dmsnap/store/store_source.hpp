// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens the store that the command line names; and says what
 * is wrong with a store that a command cannot use.
 */
#pragma once

#include <optional>

#include "cli/commands.hpp"
#include "store/store_reader.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

/* The store's volume, and the origin's where one is named. */
struct StoreSource {
	StoreSource(const StoreOptions &options, Volume::Access access = Volume::Access::read);

	Volume cow;
	std::optional<Volume> origin;
	ReadOptions read_options;
};

/* Ignores findings and entries. */
struct IgnoreAll final : StoreVisitor {};

/*
 * Throws a Failure unless the store is valid and without findings: for commands
 * that rely on every entry.
 */
void require_good(const StoreReport &report, const Volume &cow);

/* Throws a Failure if there is no list to read. */
void require_list(const StoreReport &report, const Volume &cow);

} // namespace dmsnap::tool
