// SPDX-License-Identifier: GPL-2.0-only
/*
 * Neighbour: another origin in the machine's world, with one snapshot, on devices that
 * work.  What it shares with the first is the core: memory and pages, the registry, and
 * the power.  Nothing that happens to the first may cost it more than time.
 *
 * Failures go to user::report_failure(), whose hook must not return.
 */
#pragma once

#include <vector>

#include "support/history.hpp"
#include "user/mapped.hpp"
#include "user/random.hpp"

namespace dmsnap::sim {

class Neighbour {
public:
	/* @now: the machine's ticks. */
	Neighbour(user::World &world, test::History::Tick &now);

	/* Makes its tables.  From outside. */
	void activate();
	/* Starts a request, or a change of tables. */
	void act(user::Random &random);
	/* Checks what has ended. */
	void poll();
	bool all_done() const;

	/* The power fails: notes the last known state. */
	void power_fails();
	/* Its requests have ended in some way; removes its tables. */
	void deactivate();
	/* The power is back: activates and checks; @for_good: and continues from there. */
	void recover(bool for_good);

private:
	using Stamp = test::Stamp;
	using History = test::History;

	struct Asked {
		user::Mapped::Handle request;
		bool of_snapshot;
		Stamp stamp;
		History::Tick begin;
	};

	user::Mapped &mapped(bool of_snapshot) { return of_snapshot ? snapshot_ : origin_; }
	History &history(bool of_snapshot) { return of_snapshot ? view_ : history_; }
	void write(user::Random &random, bool of_snapshot);
	void read(user::Random &random, bool of_snapshot);
	void reload(bool suspend_alone);
	void ended(const Asked &asked);
	/* Only lack of memory may have invalidated the snapshot. */
	bool may_be_invalid() const;
	void check_left(const std::vector<uint8_t> &data, bool of_snapshot);

	user::World &world_;
	History::Tick &now_;
	user::Device &disk_;
	user::Device &cow_;
	user::Mapped origin_{"neighbour"};
	user::Mapped snapshot_{"neighbour's snapshot"};
	History history_{{}};
	History view_{{}};
	Stamp stamps_ = 1;
	std::vector<Asked> asked_;
	bool busy_ = false;
	/* Its snapshot was lost for lack of memory. */
	bool lost_ = false;
	/* Memory::failures() when its content was known to be right. */
	uint64_t memory_failures_ = 0;
};

} // namespace dmsnap::sim
