// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChangeSource: what changed since a snapshot was made, and the data, for diff and
 * export.  The snapshot is one that nobody uses, or one that is in use.
 *
 * Of the latter the origin goes on, so that it cannot be read as it was at one moment; a
 * younger snapshot of it can.  All that changed between the two is on the older one's
 * list, if that is committed after the younger one is there.  Chunks that changed later
 * are on it as well; in them the younger one shows what it is to show.
 */
#pragma once

#include <optional>

#include "commands.hpp"
#include "live_store.hpp"
#include "store_source.hpp"

namespace dmsnap::tool {

class ChangeSource {
public:
	/* Throws a Failure for what cannot be read as it was at one moment. */
	explicit ChangeSource(const StoreOptions &options);

	/* Walks the list; throws a Failure unless it is one to rely on. */
	StoreReport read(StoreVisitor &visitor);

	Volume &cow() { return live_ ? live_->cow() : store_->cow; }
	/* Where one is named. */
	std::optional<Volume> &origin() { return live_ ? origin_ : store_->origin; }
	/* If it is known. */
	std::optional<uint64_t> origin_bytes() const;
	/* The snapshot is in use, and so many entries were committed. */
	std::optional<uint64_t> committed() const;

private:
	void require_younger();

	const StoreOptions options_;
	/* Of a snapshot that is not in use. */
	std::optional<StoreSource> store_;
	/* Of one that is; the younger one, if that is named as the origin. */
	std::optional<DeviceMapper> machine_;
	std::optional<LiveStore> younger_;
	std::optional<LiveStore> live_;
	std::optional<Volume> origin_;
};

} // namespace dmsnap::tool
