// SPDX-License-Identifier: GPL-2.0-only
#include "sim/neighbour.hpp"

#include <algorithm>

#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using test::stamped;
using test::stamps_of;
using user::Mapped;
using user::Memory;
using user::Random;
using user::report_failure;
using user::TargetType;

namespace {

constexpr uint64_t sectors = 160;
constexpr uint64_t chunk = 8;
constexpr char words[] = "near near-cow P 8";

} // namespace

Neighbour::Neighbour(user::World &world, History::Tick &now)
    : world_(world), now_(now),
      disk_(world.add_device({.name = "near", .sectors = sectors, .jitter_ns = 50'000})),
      cow_(world.add_device({.name = "near-cow", .sectors = 512, .jitter_ns = 50'000}))
{
	disk_.poke(0, stamped(1, 0, sectors));
	history_ = view_ = History(std::vector<Stamp>(sectors, 1));
}

void Neighbour::activate()
{
	if (snapshot_.create(TargetType::snapshot, sectors, words) ||
	    origin_.create(TargetType::origin, sectors, "near"))
		report_failure("the neighbour's tables are refused: %s %s",
			       snapshot_.error_text().c_str(), origin_.error_text().c_str());
	memory_failures_ = Memory::instance().failures();
}

void Neighbour::act(Random &random)
{
	bool of_snapshot = random.one_in(2);
	now_++;
	switch (random.below(8)) {
	case 0:
		asked_.push_back({mapped(of_snapshot).start_flush(), of_snapshot, 0, now_});
		break;
	case 1:
		if (!busy_)
			reload(random.one_in(2));
		break;
	case 2:
	case 3:
		read(random, of_snapshot);
		break;
	default:
		write(random, of_snapshot);
	}
}

void Neighbour::write(Random &random, bool of_snapshot)
{
	uint64_t sector = random.below(sectors);
	uint64_t count = 1 + random.below(std::min(3 * chunk, sectors - sector));
	Stamp stamp = ++stamps_;
	history(of_snapshot).begin(stamp, sector, count, now_);
	asked_.push_back(
		{mapped(of_snapshot)
			 .start_write(sector, stamped(stamp, sector, count), random.one_in(6)),
		 of_snapshot, stamp, now_});
}

void Neighbour::read(Random &random, bool of_snapshot)
{
	uint64_t sector = random.below(sectors);
	uint64_t count = 1 + random.below(sectors - sector);
	asked_.push_back({mapped(of_snapshot).start_read(sector, count), of_snapshot, 0, now_});
}

void Neighbour::reload(bool suspend_alone)
{
	busy_ = true;
	world_.spawn("neighbour's reload", [this, suspend_alone] {
		/* If memory is short, the old table remains. */
		if (!suspend_alone)
			snapshot_.load(TargetType::snapshot, sectors, words);
		snapshot_.suspend();
		snapshot_.resume();
		busy_ = false;
	});
}

bool Neighbour::all_done() const
{
	return !busy_ && std::all_of(asked_.begin(), asked_.end(),
				     [](const Asked &asked) { return asked.request->done; });
}

void Neighbour::poll()
{
	for (size_t i = 0; i < asked_.size();) {
		if (!asked_[i].request->done) {
			i++;
			continue;
		}
		Asked asked = std::move(asked_[i]);
		asked_.erase(asked_.begin() + static_cast<ptrdiff_t>(i));
		ended(asked);
	}
}

bool Neighbour::may_be_invalid() const
{
	return lost_ || Memory::instance().failures() > memory_failures_;
}

void Neighbour::ended(const Asked &asked)
{
	const Mapped::Request &request = *asked.request;
	if (request.error && !(asked.of_snapshot && may_be_invalid()))
		report_failure("the neighbour's %s: operation %d at %llu+%llu: error %d",
			       asked.of_snapshot ? "snapshot" : "origin", request.op,
			       static_cast<unsigned long long>(request.sector),
			       static_cast<unsigned long long>(request.sectors), request.error);
	History &of = history(asked.of_snapshot);
	switch (request.op) {
	case DMSNAP_BIO_WRITE:
		of.end(asked.stamp, request.sector, request.sectors, now_, !request.error,
		       !request.error && request.fua);
		break;
	case DMSNAP_BIO_FLUSH:
		if (!request.error)
			of.flushed(asked.begin);
		break;
	case DMSNAP_BIO_READ:
		for (uint64_t i = 0; !request.error && i < request.sectors; i++) {
			uint64_t sector = request.sector + i;
			Stamp found = test::stamp_of(sector, request.data.data() + i * 512);
			if (!of.may_read(sector, found, asked.begin))
				report_failure("the neighbour: a read found %u in sector %llu:%s",
					       found, static_cast<unsigned long long>(sector),
					       of.describe(sector).c_str());
		}
		break;
	default:
		break;
	}
}

void Neighbour::power_fails()
{
	poll();
	/* The status is "Invalid" during a handover as well. */
	if (busy_)
		return;
	lost_ = lost_ || snapshot_.status() == "Invalid";
	if (lost_ && !may_be_invalid())
		report_failure("the neighbour's snapshot is invalid, but nothing has failed");
}

void Neighbour::deactivate()
{
	if (!all_done())
		report_failure("the neighbour's requests never end after the crash");
	asked_.clear();
	snapshot_.remove();
	origin_.remove();
}

void Neighbour::check_left(const std::vector<uint8_t> &data, bool of_snapshot)
{
	const History &of = history(of_snapshot);
	std::vector<Stamp> found = stamps_of(data);
	for (uint64_t at = 0; at < found.size(); at++)
		if (!of.may_be_left(at, found[at]))
			report_failure("the neighbour's %s: the crash left %u in sector %llu:%s",
				       of_snapshot ? "snapshot" : "origin", found[at],
				       static_cast<unsigned long long>(at),
				       of.describe(at).c_str());
}

void Neighbour::recover(bool for_good)
{
	bool may_be_lost = may_be_invalid();
	std::vector<uint8_t> content = disk_.peek(0, sectors);
	check_left(content, false);
	activate();
	bool lost = snapshot_.status() == "Invalid";
	if (lost && !may_be_lost)
		report_failure("the neighbour's snapshot is invalid after the crash");
	std::vector<uint8_t> shown = lost ? std::vector<uint8_t>() : snapshot_.read(0, sectors);
	check_left(shown, true);
	if (!for_good)
		return;
	history_ = History(stamps_of(content));
	lost_ = lost;
	if (!lost)
		view_ = History(stamps_of(shown));
}

} // namespace dmsnap::sim
