// SPDX-License-Identifier: GPL-2.0-only
#include "user/device.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/flight.hpp"
#include "user/world.hpp"

namespace dmsnap::user {
namespace {

constexpr unsigned int major_number = 252;

unsigned int bit(Op op)
{
	return 1u << static_cast<unsigned int>(op);
}

} // namespace

const char *to_text(Op op)
{
	constexpr const char *names[] = {"read", "write", "zero", "discard", "flush"};
	return names[static_cast<unsigned int>(op)];
}

Device::Device(World &world, DeviceOptions options, unsigned int minor)
    : world_(world), options_(std::move(options)), number_(text("%u:%u", major_number, minor)),
      id_(uint64_t{major_number} << 20 | minor)
{
	if (options_.name.empty())
		options_.name = text("ram%u", minor);
}

void Device::resize(uint64_t sectors)
{
	options_.sectors = sectors;
	live_.cut(sectors);
	durable_.cut(sectors);
	cache_.erase(cache_.lower_bound(sectors), cache_.end());
}

void Device::vanish()
{
	gone_ = true;
	release();
	wake_up();
}

void Device::trace(const char *what, const DeviceIo &io, int error) const
{
	if (!world_.trace)
		return;
	std::string line = text("%s: %s %s", options_.name.c_str(), what, to_text(io.op));
	if (io.sectors)
		line += text(" %llu+%llu", static_cast<unsigned long long>(io.sector),
			     static_cast<unsigned long long>(io.sectors));
	if (io.flags & DMSNAP_IO_PREFLUSH)
		line += " preflush";
	if (io.flags & DMSNAP_IO_FUA)
		line += " fua";
	if (error)
		line += text(", error %d", error);
	world_.trace(line);
}

void Device::submit(DeviceIo io)
{
	auto flight = std::make_shared<Flight>();
	flight->io = std::move(io);
	const DeviceIo &asked = flight->io;
	flight->sector = asked.sector;
	flight->sectors = asked.sectors;
	in_flight_++;
	if (asked.opened) {
		asked.opened->in_flight++;
		asked.opened->may_outlive += asked.may_outlive;
	}
	if (!has_tag() && this_context().atomic) {
		without_tag_.push_back(std::move(flight));
		return;
	}
	if (!has_tag())
		world_.wait(this, "a wait for a device's tag", [this] { return has_tag(); });
	begin(flight);
}

void Device::begin(const std::shared_ptr<Flight> &flight)
{
	const DeviceIo &asked = flight->io;
	trace("submit", asked, 0);
	in_service_++;
	flight->life = life_;
	flight->flush_up_to = next_completion_;
	if (asked.op == Op::write)
		flight->data = gather(asked);
	if (asked.op == Op::discard && options_.discarded_byte)
		flight->data.assign(flight->sectors * sector_bytes, options_.discarded_byte);
	world_.count_io(asked.flags & DMSNAP_IO_META && changed_sectors(*flight) > 1);
	count(asked);
	if (asked.op == Op::flush || asked.flags & DMSNAP_IO_PREFLUSH)
		flight->flush_error = fault_for(asked, Op::flush);
	if (asked.op != Op::flush)
		flight->error = fault_for(asked, asked.op);
	if ((asked.op == Op::zero && !options_.zeroes) ||
	    (asked.op == Op::discard && !options_.discards)) {
		flight->error = -EOPNOTSUPP;
		flight->unsupported = true;
	}
	flight->refused = !can_take(*flight);
	if (hold_mask_ & bit(asked.op))
		held_.push_back(flight);
	else
		issue(flight);
}

void Device::count(const DeviceIo &io)
{
	log_.push_back({world_.now_ns(), io.op, io.flags, io.sector, io.sectors});
	switch (io.op) {
	case Op::read:
		counters_.reads++;
		counters_.read_sectors += io.sectors;
		break;
	case Op::write:
		counters_.writes++;
		counters_.written_sectors += io.sectors;
		break;
	case Op::zero:
		counters_.zeroes++;
		break;
	case Op::discard:
		counters_.discards++;
		break;
	case Op::flush:
		counters_.flushes++;
		break;
	}
	if (io.flags & DMSNAP_IO_PREFLUSH)
		counters_.flushes++;
	if (io.flags & DMSNAP_IO_FUA)
		counters_.fua_writes++;
}

int Device::fault_for(const DeviceIo &io, Op op)
{
	int error = 0;
	for (Fault &fault : faults_) {
		if (fault.op != op)
			continue;
		bool hit = false;
		if (fault.by_range) {
			hit = io.sector < fault.sector + fault.sectors &&
			      fault.sector < io.sector + io.sectors;
		} else if (fault.nth > 0) {
			fault.nth--;
			hit = fault.nth == 0;
		}
		if (hit && !error)
			error = fault.error;
	}
	return error;
}

bool Device::lost_power(const Flight &flight) const
{
	return !powered_ || gone_ || flight.life != life_;
}

bool Device::can_take(const Flight &flight) const
{
	uint32_t block = options_.block_sectors;
	return flight.sector <= sectors() && flight.sectors <= sectors() - flight.sector &&
	       flight.sector % block == 0 && flight.sectors % block == 0 &&
	       !(options_.write_protected && writes(flight.io.op));
}

uint64_t Device::changed_sectors(const Flight &flight) const
{
	uint64_t changed = 0;
	std::array<uint8_t, sector_bytes> before;
	for (size_t at = 0; at < flight.data.size(); at += sector_bytes) {
		live_.read(flight.sector + at / sector_bytes, before);
		changed += std::memcmp(before.data(), &flight.data[at], sector_bytes) != 0;
	}
	return changed;
}

uint64_t Device::jitter() const
{
	return options_.jitter_ns ? world_.random().below(options_.jitter_ns) : 0;
}

void Device::issue(const std::shared_ptr<Flight> &flight)
{
	if (flight->io.op == Op::flush || flight->io.flags & DMSNAP_IO_PREFLUSH)
		flush_phase(flight);
	else
		medium_phase(flight);
}

void Device::flush_phase(const std::shared_ptr<Flight> &flight)
{
	world_.complete_at(world_.now_ns() + options_.flush_ns + jitter(),
			   [this, flight] { flushed(flight); });
}

void Device::flushed(const std::shared_ptr<Flight> &flight)
{
	if (hung_) {
		hung_ios_.push_back({flight, &Device::flushed});
		return;
	}
	if (lost_power(*flight)) {
		end(*flight, -EIO);
		return;
	}
	if (flight->flush_error) {
		end(*flight, flight->flush_error);
		return;
	}
	for (auto &[sector, versions] : cache_)
		for (size_t i = versions.size(); i; i--)
			if (versions[i - 1].flight->completion < flight->flush_up_to) {
				make_durable(sector, versions, i);
				break;
			}
	std::erase_if(cache_, [](const auto &entry) { return entry.second.empty(); });
	if (flight->io.op == Op::flush)
		end(*flight, 0);
	else
		medium_phase(flight);
}

void Device::medium_phase(const std::shared_ptr<Flight> &flight)
{
	uint64_t begun_ns = world_.now_ns();
	if (!flight->refused && !flight->unsupported && !lost_power(*flight)) {
		arrive(flight);
		if (!flight->error && world_.random_order() && world_.random().one_in(2))
			transfer(flight);
		if (options_.sector_ns && !flight->io.data.empty()) {
			begun_ns = std::max(begun_ns, busy_until_ns_) +
				   flight->sectors * options_.sector_ns;
			busy_until_ns_ = begun_ns;
		}
	}
	world_.complete_at(begun_ns + options_.latency_ns + jitter(),
			   [this, flight] { medium_done(flight); });
}

void Device::medium_done(const std::shared_ptr<Flight> &flight)
{
	if (hung_) {
		hung_ios_.push_back({flight, &Device::medium_done});
		return;
	}
	if (lost_power(*flight) || flight->refused) {
		end(*flight, -EIO);
	} else if (flight->unsupported) {
		end(*flight, flight->error);
	} else {
		/* The device may have shrunk meanwhile. */
		if (!flight->error && !can_take(*flight))
			flight->error = -EIO;
		complete(flight);
	}
}

void Device::wake_up()
{
	hung_ = false;
	for (Hung &hung : std::exchange(hung_ios_, {}))
		world_.complete_at(world_.now_ns() + jitter(),
				   [this, hung] { (this->*hung.next)(hung.flight); });
}

void Device::end(Flight &flight, int error)
{
	in_flight_--;
	in_service_--;
	trace("end", flight.io, error);
	failures_ += error != 0;
	lost_header_ = lost_header_ || (error && flight.io.op == Op::write && flight.sector == 0);
	if (dmsnap_device *opened = flight.io.opened) {
		opened->may_outlive -= flight.io.may_outlive;
		if (--opened->in_flight == 0 && opened->closed) {
			opens_--;
			delete opened;
		}
	}
	auto done = std::exchange(flight.io.done, nullptr);
	flight.io.data.clear();
	if (!without_tag_.empty()) {
		auto next = std::move(without_tag_.front());
		without_tag_.pop_front();
		begin(next);
	} else if (options_.tags) {
		world_.wake(this);
	}
	done(error);
}

void Device::fail_nth(Op op, uint64_t n, int error)
{
	faults_.push_back({op, false, n, 0, 0, error});
}

void Device::fail_range(Op op, uint64_t sector, uint64_t sectors, int error)
{
	faults_.push_back({op, true, 0, sector, sectors, error});
}

void Device::clear_faults()
{
	faults_.clear();
	open_error_ = 0;
}

void Device::hold(Op op)
{
	hold_mask_ |= bit(op);
}

void Device::hold_all()
{
	hold_mask_ = ~0u;
}

void Device::release()
{
	hold_mask_ = 0;
	for (auto &flight : std::exchange(held_, {}))
		issue(flight);
}

void Device::reset_log()
{
	counters_ = {};
	log_.clear();
}

int Device::open()
{
	if (gone_)
		return -ENXIO;
	if (open_error_)
		return open_error_;
	opens_++;
	return 0;
}

void Device::close(dmsnap_device *opened)
{
	if (opened->in_flight == 0) {
		opens_--;
		delete opened;
		return;
	}
	if (world_.check_close && opened->in_flight > opened->may_outlive)
		report_failure("device %s is closed with %u I/Os of its opener's in flight",
			       options_.name.c_str(), opened->in_flight);
	opened->closed = true;
}

} // namespace dmsnap::user
