// SPDX-License-Identifier: GPL-2.0-only
/* Opens the store on the command line, and says why a command cannot use it. */
#pragma once

#include <optional>

#include "cli/commands.hpp"
#include "store/store_reader.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

/* The store's volume, and the origin's if one is given. */
struct StoreSource {
	StoreSource(const StoreOptions &options, Volume::Access access = Volume::Access::read);

	Volume cow;
	std::optional<Volume> origin;
	ReadOptions read_options;
};

/* Ignores findings and entries. */
struct IgnoreAll final : StoreVisitor {};

/*
 * Throws a Failure unless the store is valid and without findings.  For commands that rely on every
 * entry.
 */
void require_good(const StoreReport &report, const Volume &cow);

/* Throws a Failure if there is no list to read. */
void require_list(const StoreReport &report, const Volume &cow);

} // namespace dmsnap::tool
