// SPDX-License-Identifier: GPL-2.0-only
/* Machine: sends messages to snapshots and merges, and asks for their status. */
#include <cerrno>
#include <cstdio>

#include "sim/machine.hpp"
#include "sim/sizes.hpp"
#include "user/failure.hpp"

namespace dmsnap::sim {

using user::Random;

/* A message that sleeps runs in its own process, like dmsetup. */
void Machine::send_message(Random &random, const SnapHandle &snap)
{
	const std::vector<std::vector<std::string>> messages = {
		{"stats"},
		{"stats", "reset"},
		{"low_water", std::to_string(random.below(101))},
		{"in_flight", std::to_string(random.below(8))},
		{"copy_ahead", random.one_in(2) ? "on" : "off"},
		{"commit_delay", std::to_string(1 + random.below(3000))},
		{"stall", "on"},
		{"stall", "off"},
		{"commit"},
		{"commit"},
		{"commit"},
	};
	const auto &message = messages[random.below(messages.size() - (snap->persistent ? 0 : 5))];
	note(message[0].c_str(), snap);
	uint64_t asked = ++now_;
	/* The table stays until the answer.  Without "overlaps" no other change runs until then. */
	bool alone = !(plan_.trouble & overlaps);
	snap->busy = snap->busy || alone;
	snap->messages++;
	world_.spawn("message", [this, snap, message, asked, alone] {
		Excuse excuse(*this, snap);
		int error = snap->mapped->message(message);
		snap->messages--;
		if (alone)
			snap->busy = false;
		if (excuse.holds())
			return;
		/* These errors mean that its store is being handed over, or has been. */
		bool moved = !alone && (error == -EBUSY || error == -EINVAL);
		/*
		 * A small one has lost its writes for lack of space.  A table that replaces the
		 * one that was asked says so only once it has taken over the store.
		 */
		bool full = !alone && snap->busy && snap->small && error == -EIO;
		require(!error || moved || full || may_fail(*snap) || snap->invalid(),
			"message " + message[0] + " to " + snap->name());
		if (message[0] == "commit" && !error && !snap->invalid())
			snap->view.flushed(asked);
	});
}

void Machine::send_to_merge(Random &random)
{
	const std::vector<std::vector<std::string>> messages = {
		{"stats"},
		{"merge", "pause"},
		{"merge", "resume"},
		{"merge", "rate", "0"},
		{"merge", "rate", std::to_string(1 + random.below(1000))},
	};
	const auto &message = messages[random.below(messages.size())];
	note(message[message.size() > 1].c_str(), merging_);
	change("message", true, nullptr, [this, message] {
		Excuse excuse(*this, nullptr);
		int error = origin_.message(message);
		require(!error || excuse.holds(), "message " + message[0] + " to the merge");
	});
}

/* Any change of tables may be under way. */
void Machine::ask_status(Random &random, const SnapHandle &snap)
{
	const bool of_origin = !snap || random.one_in(4);
	note("status and table", of_origin ? nullptr : snap);
	questions_++;
	world_.spawn("status", [this, snap, of_origin] {
		user::Mapped &mapped = of_origin ? origin_ : *snap->mapped;
		/* It may be removed between the two. */
		bool live = mapped.live();
		const std::string status = mapped.status();
		live = live && mapped.live();
		const std::string table = mapped.table();
		questions_--;
		if (power_lost_ || !live)
			return;
		std::string begin = disk_.number();
		if (!of_origin)
			begin += " " + snap->cow->number() + " " + snap->type + " ";
		require(table.starts_with(begin), "the table is: " + table);
		/* An origin that merges nothing has no status. */
		if (of_origin && status.empty())
			return;
		unsigned long long used, size, metadata;
		const bool counts =
			std::sscanf(status.c_str(), "%llu/%llu %llu", &used, &size, &metadata) == 3;
		require(counts ? metadata <= used
			       : status == "Invalid" || status == "Overflow" ||
					 status == "Merge failed",
			"the status is: " + status);
	});
}

} // namespace dmsnap::sim
