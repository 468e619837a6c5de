// SPDX-License-Identifier: GPL-2.0-only
/* Machine: requests to the origin and the snapshots, and their results. */
#include <algorithm>

#include "sim/machine.hpp"
#include "sim/sizes.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using test::stamped;
using user::Mapped;
using user::Memory;
using user::Random;
using user::text;

void Machine::choose_range(Random &random, const SnapHandle &snap, uint64_t &sector,
			   uint64_t &sectors)
{
	uint64_t size = snap ? snap->sectors : sectors_;
	uint64_t chunk = snap ? snap->chunk : chunk_;
	/* A hot spot causes overlaps. */
	sector = random.below(random.one_in(2) ? size : (size + 7) / 8);
	switch (random.below(4)) {
	case 0:
		sectors = 1 + random.below(chunk + 8);
		break;
	case 1:
		sector -= sector % chunk;
		sectors = chunk * (1 + random.below(3));
		break;
	case 2:
		sectors = 1 + random.below(size);
		break;
	default:
		sectors = 1 + random.below(16);
	}
	unsigned int unit = unit_of(snap);
	uint64_t end = sector + std::min(sectors, size - sector);
	sector -= sector % unit;
	sectors = (end - sector + unit - 1) / unit * unit;
}

void Machine::write(Random &random, const SnapHandle &snap)
{
	if (snap && snap->away)
		return;
	uint64_t sector, sectors;
	choose_range(random, snap, sector, sectors);
	bool fua = random.one_in(6);
	write(snap, sector, sectors, fua);
}

void Machine::write(const SnapHandle &snap, uint64_t sector, uint64_t sectors, bool fua)
{
	Stamp stamp = ++stamps_;
	now_++;
	note(fua ? "write fua" : "write", snap, sector, sectors, stamp);
	history_of(snap).begin(stamp, sector, sectors, now_);
	asked_.push_back({mapped_of(snap).start_write(sector, stamped(stamp, sector, sectors), fua),
			  snap, stamp, now_, merging_, false, disk_.failures()});
}

void Machine::read(Random &random, const SnapHandle &snap)
{
	if (snap && snap->away)
		return;
	uint64_t sector, sectors;
	choose_range(random, snap, sector, sectors);
	read(snap, sector, sectors);
}

void Machine::read(const SnapHandle &snap, uint64_t sector, uint64_t sectors)
{
	now_++;
	note("read", snap, sector, sectors);
	asked_.push_back({mapped_of(snap).start_read(sector, sectors), snap, 0, now_, merging_,
			  false, disk_.failures()});
}

void Machine::flush(const SnapHandle &snap)
{
	if (snap && snap->away)
		return;
	now_++;
	note("flush", snap);
	bool lost = snap && snap->mapped->known_invalid() && snap->view.any_undurable();
	asked_.push_back(
		{mapped_of(snap).start_flush(), snap, 0, now_, merging_, lost, disk_.failures()});
}

/* After a discard the range may hold other data. */
void Machine::discard(Random &random, const SnapHandle &snap)
{
	/* The origin is suspended for a new snapshot: a passed-down discard would change it. */
	if (snap && (snap->away || !snap->discards || (snap->passdown && origin_busy_)))
		return;
	uint64_t sector, sectors;
	choose_range(random, snap, sector, sectors);
	now_++;
	note("discard", snap, sector, sectors);
	for (History *history : changed_by_discard(snap))
		begin_discard(*history, sector, sectors, now_);
	asked_.push_back({mapped_of(snap).start_discard(sector, sectors), snap, 0, now_, merging_,
			  false, disk_.failures()});
}

void Machine::begin_discard(History &history, uint64_t sector, uint64_t sectors, uint64_t now) const
{
	history.begin_discard(sector, sectors, now, plan_.trouble & poor_devices);
}

std::vector<test::History *> Machine::changed_by_discard(const SnapHandle &snap)
{
	/* A discard to the origin must not change any snapshot. */
	if (!snap)
		return {&history_};
	std::vector<History *> changed{&snap->view};
	if (!snap->passdown)
		return changed;
	changed.push_back(&history_);
	auto add = [&](const SnapHandle &other) {
		if (other && other != snap &&
		    std::find(changed.begin(), changed.end(), &other->view) == changed.end())
			changed.push_back(&other->view);
	};
	std::for_each(snaps_.begin(), snaps_.end(), add);
	/* A snapshot that is being removed may have reads in flight. */
	for (const Asked &asked : asked_)
		add(asked.snap);
	return changed;
}

/* The data is durable when this returns, so no crash may lose it. */
void Machine::write_durably(Random &random, const SnapHandle &snap)
{
	if (snap && snap->busy)
		return;
	write(random, snap);
	if (random.one_in(2))
		write(random, snap);
	if (!turn([this] { return all_done(); }))
		return;
	poll();
	flush(snap);
	turn([this] { return all_done(); });
	if (random.one_in(4) && !crash_at_)
		crash_at_ = world_.ios() + random.below(4);
}

void Machine::write_alone(Random &random, const SnapHandle &snap)
{
	if (!quiesce() || merging_)
		return;
	uint64_t sector, sectors;
	choose_range(random, snap, sector, sectors);
	Memory &memory = Memory::instance();
	memory.fail_nothing();
	memory.fail_nowait_from(0);
	uint64_t dry = memory.dry_pools();
	write(snap, sector, unit_of(snap), random.one_in(2));
	bool done = turn([this] { return all_done(); });
	require(!done || memory.dry_pools() == dry,
		"the reserves are not enough for a single write");
	memory.fail_nothing();
	poll();
}

void Machine::write_many(Random &random, const SnapHandle &snap)
{
	if (snap && snap->away)
		return;
	uint64_t size = snap ? snap->sectors : sectors_;
	uint64_t step = rounded_up(std::max<uint64_t>(snap ? snap->chunk : chunk_, size / 100),
				   unit_of(snap));
	/* The writes are not adjacent, so each is a separate operation. */
	for (uint64_t first : {0, 1})
		for (uint64_t at = first * step; at + unit_of(snap) <= size; at += 2 * step)
			write(snap, at, unit_of(snap), random.one_in(8));
}

void Machine::write_stream(Random &random)
{
	const uint64_t unit = unit_of(nullptr);
	if (random.one_in(2))
		stream_at_ = rounded_down(random.below(sectors_), unit);
	const uint64_t step = unit * (1 + random.below(random.one_in(2) ? 1 : chunk_));
	for (uint64_t left = 4 + random.below(16); left && stream_at_ + step <= sectors_; left--) {
		write(nullptr, stream_at_, step, random.one_in(8));
		stream_at_ += step;
		/* A journal sometimes skips blocks. */
		if (random.one_in(16))
			stream_at_ += unit * (1 + random.below(4));
		if (random.one_in(2) && !turn([this] { return all_done(); }))
			return;
	}
}

bool Machine::all_done() const
{
	return std::all_of(asked_.begin(), asked_.end(),
			   [](const Asked &asked) { return asked.request->done; });
}

void Machine::poll()
{
	/* Requests that end now prove nothing. */
	if (power_lost_)
		return;
	now_++;
	if (neighbour_)
		neighbour_->poll();
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

void Machine::ended(const Asked &asked)
{
	const Mapped::Request &request = *asked.request;
	History &history = history_of(asked.snap);
	if (request.error)
		check_error(asked);
	switch (request.op) {
	case DMSNAP_BIO_READ:
		if (!request.error)
			check_read(asked);
		break;
	case DMSNAP_BIO_WRITE:
		if (!asked.snap && !request.error)
			note_copied(asked);
		history.end(asked.stamp, request.sector, request.sectors, now_, !request.error,
			    !request.error && request.fua);
		break;
	case DMSNAP_BIO_FLUSH:
		if (plan_.trouble & strict_flush)
			require(!asked.lost || request.error,
				std::string(name_of(asked.snap)) +
					": a flush succeeds, although a write was lost");
		if (!request.error &&
		    (plan_.trouble & strict_flush || !(asked.snap && asked.snap->invalid())))
			history.flushed(asked.begin);
		break;
	case DMSNAP_BIO_DISCARD:
		for (History *changed : changed_by_discard(asked.snap))
			changed->discarded(asked.begin, request.sector, request.sectors, now_);
		break;
	default:
		break;
	}
}

void Machine::check_error(const Asked &asked)
{
	const Mapped::Request &request = *asked.request;
	/* Origin I/O may fail only if the disk has failed since it was submitted. */
	bool may = disk_.failures() > asked.disk_failures;
	if (asked.snap)
		may = asked.snap->small || may_fail(*asked.snap);
	else if (asked.merging)
		may = may || asked.merging->small || may_fail(*asked.merging);
	if (request.op == DMSNAP_BIO_DISCARD && !disk_.options().discards)
		may = true;
	if (!may)
		fail(text("%s: operation %d at %llu+%llu submitted at %llu: error %d",
			  name_of(asked.snap), request.op,
			  static_cast<unsigned long long>(request.sector),
			  static_cast<unsigned long long>(request.sectors),
			  static_cast<unsigned long long>(asked.begin), request.error));
}

void Machine::check_read(const Asked &asked)
{
	const Mapped::Request &request = *asked.request;
	if (asked.snap && asked.snap->cut)
		return;
	const History &history = history_of(asked.snap);
	for (uint64_t i = 0; i < request.sectors; i++) {
		uint64_t sector = request.sector + i;
		Stamp found = test::stamp_of(sector, request.data.data() + i * 512);
		if (!history.may_read(sector, found, asked.begin))
			fail(text("%s: a read submitted at %llu found %u in sector %llu:",
				  name_of(asked.snap), static_cast<unsigned long long>(asked.begin),
				  found, static_cast<unsigned long long>(sector)) +
			     history.describe(sector));
	}
}

} // namespace dmsnap::sim
