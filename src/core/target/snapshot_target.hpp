// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotTarget: one instance of the snapshot or the snapshot-merge target: dm's side of it.  It
 * has the two devices open and owns the Snapshot, which owns the store.  For snapshot-merge it
 * also owns the Merger.  Then the snapshot itself has no users any more, and users of the target
 * are users of the origin.
 *
 * It is created from a table line, reports its status, takes messages, completes what is under
 * way for a suspend or its removal, and takes part in handovers (handover.hpp).
 *
 * Locking: "lock" in comments is the origin's, Origin::lock().
 */
#pragma once

#include <span>

#include <dmsnap/core.h>

#include "base/own.hpp"
#include "merge/merger.hpp"
#include "snapshot/snapshot.hpp"
#include "table/message.hpp"
#include "table/table_line.hpp"
#include "target/origin_ref.hpp"
#include "target/orphan.hpp"

namespace dmsnap {

class SnapshotTarget {
public:
	/* See dmsnap_core_snapshot_create(). */
	static std::expected<Owned<SnapshotTarget>, Refusal>
	create(dmsnap_target *target, dmsnap_snapshot_kind kind, unsigned int argc, char **argv);
	SnapshotTarget(CreateKey<SnapshotTarget>, dmsnap_target *target, dmsnap_snapshot_kind kind);
	~SnapshotTarget();
	/*
	 * See dmsnap_core_snapshot_destroy().  If the process is killed while I/O is under way,
	 * the target becomes an Orphan.
	 */
	static void destroy(Owned<SnapshotTarget> target);

	/* See <dmsnap/core.h>. */
	dmsnap_target_traits traits() const;
	dmsnap_map map(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space)
	{
		return merger_ ? merger_->map(bio, desc, space) : snapshot_->map(bio, desc, space);
	}
	void presuspend();
	void presuspend_undo();
	void resumed();
	void postsuspend();
	size_t status(dmsnap_status type, const char *name, const char *version,
		      std::span<char> buffer);
	int message(unsigned int argc, const char *const *argv, std::span<char> answer);
	uint32_t discard_sectors() const;
	dmsnap_device *origin_device() const { return origin_device_; }
	dmsnap_device *cow_device() const { return cow_device_; }

	Snapshot &snapshot() const { return *snapshot_; }
	Origin &origin() const { return *origin_; }
	dmsnap_target *target() const { return target_; }

	/* Handover; the Registry's mutex, except where said. */
	bool merges() const { return kind_ == DMSNAP_SNAPSHOT_MERGE; }
	/*
	 * Does it use the store on the COW device, or will it?  False once its store has moved or
	 * was lost.
	 */
	bool claims_store() const { return !no_store_; }
	/* Takes over the store and state of @source, which is quiet. */
	void take_over(SnapshotTarget &source) DMSNAP_MUST_HOLD(origin_lock);
	/* The store has moved, or stays.  I/O that waited for the handover continues. */
	void end_handover();
	/* Has end_handover() set @event.  Returns false if no handover is under way. */
	bool tell_of_handover(Event &event);
	/* The source of a pending handover has gone. */
	void cancel_handover();
	/* For a stopped merge: see Merger.  No lock. */
	bool make_list_certain() { return !merger_ || merger_->make_list_certain(); }
	bool list_is_certain() { return !merger_ || merger_->list_is_certain(); }

	/* On one of the Registry's lists. */
	ListHook registry_link;

private:
	/* Construction: target/create.cpp. */
	std::expected<void, Refusal> open_devices(char **argv);
	std::expected<void, Refusal> read_store(char **argv, const Features &features,
						StoreArgs &store) const;
	std::expected<void, Refusal> join_origin(const Features &features, const StoreArgs &store);
	void warn_of_large_blocks() const;

	/* Messages: target/message.cpp. */
	Status handle_message(const Message &message, std::span<char> answer);
	Status set_tunable(const Message &message);
	Status commit_now(std::span<char> answer);
	void report(std::span<char> answer);
	void begin_statistics();

	void begin_suspend();
	void end_suspend();
	bool await_suspend_commit();

	/* Removal: target/removal.cpp. */
	void leave();
	bool wait_until_unused();
	bool detach();

	/* nullptr: dm has destroyed its target. */
	dmsnap_target *target_;
	dmsnap_snapshot_kind kind_;
	dmsnap_device *origin_device_ = nullptr;
	dmsnap_device *cow_device_ = nullptr;
	OriginRef origin_;
	Owned<Snapshot> snapshot_;
	/* nullptr: this is a snapshot target. */
	Owned<Merger> merger_;

	/* Another snapshot has the store until the first resume. */
	bool awaits_handover_ = false;
	/* The store went to another snapshot, or stayed there. */
	bool no_store_ = false;
	/* See tell_of_handover().  Registry's mutex. */
	Event *handed_over_ = nullptr;
	/* Between presuspend() and its end. */
	bool suspending_ = false;

	/* For waits that a signal may end early; the commit itself ends later. */
	SyncCommit suspend_commit_;
	bool suspend_commit_asked_ = false;
	bool left_ = false;
	/* Set when its removal was interrupted. */
	Orphan *orphan_ = nullptr;
};

} // namespace dmsnap
