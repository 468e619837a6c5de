// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChangeSource: what changed since a snapshot was made, and the data, for diff and
 * export.  The snapshot may be inactive or active.
 *
 * The origin of an active one keeps changing, so it cannot be read as of one moment; a
 * younger snapshot of it can.  Everything that changed between the two is on the older one's
 * list, if that is committed after the younger one was made.  Chunks that changed later
 * are on it as well; there the younger one shows the right contents.
 */
#pragma once

#include <optional>

#include "cli/commands.hpp"
#include "live/live_store.hpp"
#include "store/store_source.hpp"

namespace dmsnap::tool {

class ChangeSource {
public:
	/* Throws a Failure for a source that cannot be read as of one moment. */
	explicit ChangeSource(const StoreOptions &options);

	/* Walks the list; throws a Failure if it is not reliable. */
	StoreReport read(StoreVisitor &visitor);

	Volume &cow() { return live_ ? live_->cow() : store_->cow; }
	/* Where one is named. */
	std::optional<Volume> &origin() { return live_ ? origin_ : store_->origin; }
	/* If it is known. */
	std::optional<uint64_t> origin_bytes() const;
	/* For an active snapshot, how many entries were committed. */
	std::optional<uint64_t> committed() const;

private:
	void require_younger();

	const StoreOptions options_;
	/* For an inactive snapshot. */
	std::optional<StoreSource> store_;
	/* For an active one; the younger one, if it is named as the origin. */
	std::optional<DeviceMapper> machine_;
	std::optional<LiveStore> younger_;
	std::optional<LiveStore> live_;
	std::optional<Volume> origin_;
};

} // namespace dmsnap::tool
