// SPDX-License-Identifier: GPL-2.0-only
/*
 * Neighbour: a second origin in the machine's world, with one snapshot, on devices that
 * work.  It shares the core with the first origin: memory and pages, the registry, and the
 * power.  Faults of the first origin may slow it down, and nothing else.
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
	/* @now: the machine's tick counter. */
	Neighbour(user::World &world, test::History::Tick &now);

	/* Makes its tables.  Context: outside of processes. */
	void activate();
	/* Starts a request or a change of tables. */
	void act(user::Random &random);
	/* Checks the requests that have ended. */
	void poll();
	bool all_done() const;

	/* At a power cut: records the last known state. */
	void power_fails();
	/* After a power cut: checks that its requests have ended, and removes its tables. */
	void deactivate();
	/* Activates and checks its tables.  @for_good: the run continues from here. */
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
	/* Only a lack of memory may invalidate the snapshot. */
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
	/* A lack of memory invalidated its snapshot. */
	bool lost_ = false;
	/* Memory::failures() when its contents were last known to be right. */
	uint64_t memory_failures_ = 0;
};

} // namespace dmsnap::sim
