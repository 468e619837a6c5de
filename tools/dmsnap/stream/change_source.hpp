// SPDX-License-Identifier: GPL-2.0-only
/*
 * ChangeSource: what changed since a snapshot was made, and its data, for diff and export.  The
 * snapshot may be active or not.
 *
 * The origin of an active snapshot keeps changing, so it cannot be read as of one moment, but a
 * younger snapshot can.  Every change between the two is on the older one's list, if that is
 * committed after the younger one was made.  Chunks that changed later are on it too; the younger
 * one shows their right contents.
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

	/* Walks the list.  Throws a Failure if it is not reliable. */
	StoreReport read(StoreVisitor &visitor);

	Volume &cow() { return live_ ? live_->cow() : store_->cow; }
	/* The origin, if one is given. */
	std::optional<Volume> &origin() { return live_ ? origin_ : store_->origin; }
	/* None if it is not known. */
	std::optional<uint64_t> origin_bytes() const;
	/* For an active snapshot: how many entries were committed. */
	std::optional<uint64_t> committed() const;

private:
	void require_younger();

	const StoreOptions options_;
	/* For an inactive snapshot. */
	std::optional<StoreSource> store_;
	/* For an active snapshot; and the younger one, if it is given as the origin. */
	std::optional<DeviceMapper> machine_;
	std::optional<LiveStore> younger_;
	std::optional<LiveStore> live_;
	std::optional<Volume> origin_;
};

} // namespace dmsnap::tool
