// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/store/session.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "fuzz/check.hpp"
#include "fuzz/port/crank.hpp"
#include "fuzz/port/memory.hpp"

namespace dmsnap::fuzz {
namespace {

/* The data of the current I/O. */
uint8_t buffer[Session::io_sectors_max * sector_size];

Model the_model;

} // namespace

Session::Session(Input &input, Setup &setup, Machine &machine, std::unique_ptr<Table> table,
		 const Listing &listing)
    : input_(input), setup_(setup), machine_(machine), table_(std::move(table)), model_(the_model)
{
	model_.begin(machine.origin(), setup.cow, listing, setup.sectors);
	if (listing.kind == Listing::Kind::invalid)
		health_ = Health::invalid;
}

void Session::run()
{
	FUZZ_CHECK(table_->resume() == 0);
	for (unsigned int n = 0; n < actions_max && !input_.empty(); n++) {
		act(input_.byte());
		look_at_status();
	}
	setup_.cow.fail_nothing();
	machine_.origin().fail_nothing();
	/* An earlier failure may not have invalidated the snapshot yet. */
	crank.run_until_idle();
	look_at_status();
	if (type_ == TargetType::merge)
		finish_merge();
	check_reads();
	load_again();
	check_reads();
	table_->remove();
}

void Session::act(uint8_t action)
{
	switch (action % 16) {
	case 0:
		read();
		break;
	case 1:
	case 2:
		write(false);
		break;
	case 3:
		write(true);
		break;
	case 4:
	case 5:
		write_origin();
		break;
	case 6:
		flush();
		break;
	case 7:
		discard();
		break;
	case 8:
		turn();
		break;
	case 9:
		load_again();
		break;
	case 10:
		hand_over(TargetType::snapshot);
		break;
	case 11:
		begin_merge();
		break;
	case 12:
		fail_an_io();
		break;
	case 13:
		run_short_of_memory();
		break;
	case 14:
		grow();
		break;
	case 15:
		table_->suspend();
		FUZZ_CHECK(table_->resume() == 0);
		break;
	}
}

Session::Extent Session::extent(uint64_t device_sectors)
{
	uint64_t block = setup_.block_sectors;
	uint64_t blocks = device_sectors / block;
	uint64_t at = input_.number<uint16_t>() % blocks;
	uint64_t length = input_.byte();
	length = length < 224 ? 1 + length % 16 : (length - 223) * 4;
	length = std::min({length, blocks - at, io_sectors_max / block});
	return {at * block, length * block};
}

/* Makes the data of a write.  Returns its first word. */
uint64_t Session::fill(uint64_t sectors)
{
	uint64_t word = next_word_;
	next_word_ += io_sectors_max;
	for (uint64_t i = 0; i < sectors; i++)
		fill_sector(buffer + i * sector_size, word + i);
	return word;
}

/* Is there room for a write at @at? */
bool Session::fits(const Extent &at) const
{
	return model_.chunks() + model_.chunks_missing(at.sector, at.sectors) <=
	       capacity(setup_.cow.sectors(), model_.chunk_sectors());
}

void Session::read()
{
	Extent at = extent(setup_.sectors);
	int error = table_->read(at.sector, at.sectors, buffer);
	if (health_ == Health::invalid && type_ == TargetType::snapshot) {
		FUZZ_CHECK(error == -EIO);
		return;
	}
	FUZZ_CHECK(!error || trouble_);
	if (!error)
		model_.check_read(at.sector, at.sectors, buffer);
}

void Session::write(bool fua)
{
	Extent at = extent(setup_.sectors);
	bool room = fits(at);
	uint64_t word = fill(at.sectors);
	int error = table_->write(at.sector, at.sectors, buffer, fua);
	if (!error) {
		FUZZ_CHECK(health_ == Health::good || type_ == TargetType::merge);
		if (type_ == TargetType::snapshot)
			model_.snapshot_written(at.sector, at.sectors, word);
		else
			model_.shows(at.sector, at.sectors, word);
		return;
	}
	FUZZ_CHECK(error == -EIO);
	FUZZ_CHECK(trouble_ || !room || health_ != Health::good || !chunks_known_);
	no_room_ |= !room || !chunks_known_;
	chunks_known_ = false;
	model_.snapshot_unknown(at.sector, at.sectors);
}

/* It never fails, whatever happens to the snapshot. */
void Session::write_origin()
{
	Extent at = extent(machine_.origin().sectors());
	/* During a merge the origin is written through the merge. */
	if (type_ == TargetType::merge)
		return;
	no_room_ |= !fits(at) || !chunks_known_;
	uint64_t word = fill(at.sectors);
	FUZZ_CHECK(machine_.origin_target().write(at.sector, at.sectors, buffer) == 0);
	model_.origin_written(at.sector, at.sectors, word);
}

void Session::flush()
{
	int error = table_->flush();
	FUZZ_CHECK(!error || trouble_ || health_ != Health::good);
}

void Session::discard()
{
	Extent at = extent(setup_.sectors);
	int error = table_->discard(at.sector, at.sectors);
	if (error == -EOPNOTSUPP)
		return;
	if (type_ == TargetType::merge) {
		/* What the origin holds: discarded, unchanged, or merged since. */
		model_.snapshot_unknown(at.sector, at.sectors);
		return;
	}
	FUZZ_CHECK(!error || trouble_ || health_ != Health::good);
	if (health_ != Health::good) {
		FUZZ_CHECK(error == -EIO);
		return;
	}
	model_.snapshot_discarded(at.sector, at.sectors, setup_.passes_discards());
	if (error || !chunks_known_)
		model_.snapshot_unknown(at.sector, at.sectors);
}

void Session::turn()
{
	for (unsigned int n = input_.byte(); n && crank.step(); n--)
		;
}

/* Hands the store over to another table while the origin is written. */
void Session::hand_over(TargetType to)
{
	auto next = std::make_unique<Table>();
	FUZZ_CHECK(next->load(to, setup_.sectors, setup_.argc, setup_.argv) == 0);
	write_origin();
	FUZZ_CHECK(next->resume() == -EINVAL);
	table_->suspend();
	write_origin();
	FUZZ_CHECK(next->resume() == 0);
	FUZZ_CHECK(table_->status(DMSNAP_STATUS_INFO) == "Invalid");
	table_ = std::move(next);
	if (type_ == TargetType::merge && to == TargetType::snapshot)
		stop_merging();
	type_ = to;
}

/*
 * What has not been merged yet becomes a snapshot again.  The merge becomes an origin, which must
 * not fail.
 */
void Session::stop_merging()
{
	machine_.origin().fail_nothing();
	listing_.read(setup_.cow, setup_.where);
	model_.loaded(listing_);
	model_.origin_is(machine_.origin());
	/* Merged chunks become free only at the next load. */
	chunks_known_ = false;
}

void Session::begin_merge()
{
	bool by_handover = input_.byte() & 1;
	if (type_ == TargetType::merge || health_ != Health::good)
		return;
	if (by_handover) {
		hand_over(TargetType::merge);
		return;
	}
	type_ = TargetType::merge;
	load_again();
}

void Session::fail_an_io()
{
	uint8_t what = input_.byte();
	unsigned int nth = 1 + what / 64 * 3;
	auto op = static_cast<Op>(what % 8 % 5);
	bool torn = what & 8;
	trouble_ = true;
	if (what & 16) {
		/* A failing origin gives its user an error, which does not test the snapshot. */
		if (op == Op::read || type_ == TargetType::merge)
			machine_.origin().fail_nth(op, nth, torn);
	} else {
		setup_.cow.fail_nth(op, nth, torn);
	}
}

/* A merge waits until there is memory again, so the test must not wait for it. */
void Session::run_short_of_memory()
{
	trouble_ = true;
	memory.is_short = true;
	if (type_ == TargetType::merge)
		turn();
	else
		act(input_.byte() % 8);
	memory.is_short = false;
}

void Session::grow()
{
	uint64_t more = (1 + input_.byte()) * uint64_t{8};
	setup_.cow.resize(std::min(setup_.cow.sectors() + more, Device::sectors_max));
}

/* Runs the merge to its end without faults. */
void Session::finish_merge()
{
	if (health_ == Health::invalid)
		return;
	crank.run_until_idle();
	if (table_->status(DMSNAP_STATUS_INFO) == "Merge failed") {
		FUZZ_CHECK(trouble_);
		table_->suspend();
		FUZZ_CHECK(table_->resume() == 0);
		crank.run_until_idle();
	}
	unsigned long long allocated, total, metadata;
	FUZZ_CHECK(std::sscanf(table_->status(DMSNAP_STATUS_INFO).data(), "%llu/%llu %llu",
			       &allocated, &total, &metadata) == 3);
	FUZZ_CHECK(allocated == metadata);
	listing_.read(setup_.cow, setup_.where);
	FUZZ_CHECK(listing_.kind == Listing::Kind::good && listing_.entries.empty());
	model_.check_store(machine_.origin(), setup_.cow, listing_);
}

void Session::look_at_status()
{
	std::string_view status = table_->status(DMSNAP_STATUS_INFO);
	Health now = status == "Invalid"    ? Health::invalid
		     : status == "Overflow" ? Health::overflowed
					    : Health::good;
	/* A snapshot becomes invalid only for a reason, and stays so. */
	FUZZ_CHECK(now == health_ || now == Health::invalid || health_ == Health::good);
	FUZZ_CHECK(now == health_ || no_room_ || trouble_);
	/* It became invalid in the handover to a merge. */
	if (now == Health::invalid && health_ != now && type_ == TargetType::merge)
		model_.shows_origin();
	health_ = now;
	no_room_ = false;
	if (now != Health::good)
		return;
	if (status == "Merge failed") {
		FUZZ_CHECK(trouble_);
		return;
	}
	unsigned long long allocated, total, metadata;
	FUZZ_CHECK(std::sscanf(status.data(), "%llu/%llu %llu", &allocated, &total, &metadata) ==
		   3);
	/* As in-tree, the next free chunk is not an area, so it may be behind the end. */
	FUZZ_CHECK(metadata <= allocated && allocated <= total + model_.chunk_sectors() &&
		   total == setup_.cow.sectors());
}

/* A second load of the store must give the same result. */
void Session::load_again()
{
	table_->suspend();
	look_at_status();
	table_->remove();
	listing_.read(setup_.cow, setup_.where);
	check_devices(listing_);
	table_ = std::make_unique<Table>();
	int error = table_->load(type_, setup_.sectors, setup_.argc, setup_.argv);
	if (error) {
		/* A fault was pending and is over now. */
		FUZZ_CHECK(trouble_ && error == -EIO);
		setup_.cow.fail_nothing();
		error = table_->load(type_, setup_.sectors, setup_.argc, setup_.argv);
	}
	FUZZ_CHECK(error == 0 && table_->resume() == 0);
	model_.loaded(listing_);
	chunks_known_ = true;
	if (health_ == Health::invalid && listing_.kind == Listing::Kind::good)
		model_.nothing_known();
	health_ = listing_.kind == Listing::Kind::good ? Health::good : Health::invalid;
	FUZZ_CHECK((table_->status(DMSNAP_STATUS_INFO) == "Invalid") ==
		   (health_ == Health::invalid));
}

void Session::check_devices(const Listing &listing)
{
	if (type_ == TargetType::snapshot)
		model_.check_origin(machine_.origin());
	FUZZ_CHECK(listing.kind == Listing::Kind::good || listing.kind == Listing::Kind::invalid);
	/* A fault may have hit the mark. */
	if (health_ == Health::invalid) {
		FUZZ_CHECK(listing.kind == Listing::Kind::invalid || trouble_);
		return;
	}
	FUZZ_CHECK(listing.kind == Listing::Kind::good);
	if (chunks_known_ && type_ == TargetType::snapshot)
		FUZZ_CHECK(listing.entries.size() == model_.chunks());
	model_.check_store(machine_.origin(), setup_.cow, listing);
}

/* Reads at the beginning, in the middle, and at the end. */
void Session::check_reads()
{
	constexpr uint64_t sectors_each = 32;
	uint64_t length = std::min(setup_.sectors, sectors_each);
	for (uint64_t sector : {uint64_t{0}, setup_.sectors / 2, setup_.sectors - length}) {
		sector = std::min(sector, setup_.sectors - length);
		sector -= sector % setup_.block_sectors;
		int error = table_->read(sector, length, buffer);
		FUZZ_CHECK((error != 0) ==
			   (health_ == Health::invalid && type_ == TargetType::snapshot));
		if (!error)
			model_.check_read(sector, length, buffer);
	}
}

} // namespace dmsnap::fuzz
