// SPDX-License-Identifier: GPL-2.0-only
/* Mapped: I/O to the device, split and mapped as dm does. */
#include <algorithm>
#include <cerrno>
#include <utility>

#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/mapped.hpp"
#include "user/table_reader.hpp"

namespace dmsnap::user {
namespace {

constexpr size_t sector_bytes = 512;
constexpr char origin_map_name[] = "an origin's map upcall";

} // namespace

int Mapped::read(uint64_t sector, std::span<uint8_t> data)
{
	Handle request = start_read(sector, data.size() / sector_bytes);
	int error = wait(request);
	std::copy(request->data.begin(), request->data.end(), data.begin());
	return error;
}

std::vector<uint8_t> Mapped::read(uint64_t sector, uint64_t sectors)
{
	Handle request = start_read(sector, sectors);
	if (int error = wait(request))
		report_failure("reading %llu sectors of %s at %llu: error %d",
			       static_cast<unsigned long long>(sectors), name_.c_str(),
			       static_cast<unsigned long long>(sector), error);
	return std::move(request->data);
}

int Mapped::write(uint64_t sector, std::span<const uint8_t> data, bool fua)
{
	return wait(start_write(sector, data, fua));
}

int Mapped::flush()
{
	return wait(start_flush());
}

int Mapped::discard(uint64_t sector, uint64_t sectors)
{
	return wait(start_discard(sector, sectors));
}

int Mapped::other(uint64_t sector, uint64_t sectors)
{
	return wait(start(DMSNAP_BIO_OTHER, sector, sectors, false, {}));
}

Mapped::Handle Mapped::start_read(uint64_t sector, uint64_t sectors)
{
	return start(DMSNAP_BIO_READ, sector, sectors, false, {});
}

Mapped::Handle Mapped::start_write(uint64_t sector, std::span<const uint8_t> data, bool fua)
{
	return start(DMSNAP_BIO_WRITE, sector, data.size() / sector_bytes, fua, data);
}

Mapped::Handle Mapped::start_flush()
{
	return start(DMSNAP_BIO_FLUSH, 0, 0, false, {});
}

Mapped::Handle Mapped::start_discard(uint64_t sector, uint64_t sectors)
{
	return start(DMSNAP_BIO_DISCARD, sector, sectors, false, {});
}

int Mapped::wait(const Handle &request)
{
	World::current().wait(request.get(), name_.c_str(), [&] { return request->done; });
	return request->error;
}

Mapped::Handle Mapped::start(dmsnap_bio_op op, uint64_t sector, uint64_t sectors, bool fua,
			     std::span<const uint8_t> data)
{
	auto request = std::make_shared<Request>();
	request->op = op;
	request->sector = sector;
	request->sectors = sectors;
	request->fua = fua;
	if (op == DMSNAP_BIO_READ)
		request->data.resize(sectors * sector_bytes);
	else
		request->data.assign(data.begin(), data.end());
	request->parts = 1;
	go(request);
	return request;
}

void Mapped::go(const Handle &request)
{
	if (blocked_) {
		deferred_.push_back(request);
	} else if (!submitters_sleep_) {
		process(request);
	} else {
		in_flight_++;
		World::current().spawn(name_, [this, request] {
			process(request);
			if (--in_flight_ == 0)
				World::current().wake(this);
		});
	}
}

void Mapped::process(const Handle &request)
{
	int error = 0;
	/* Held until all its bios have been sent, so that a suspend waits for it. */
	in_flight_++;
	if (!active_ || request->sector > sectors() ||
	    request->sectors > sectors() - request->sector) {
		error = -EIO;
	} else if (request->op == DMSNAP_BIO_FLUSH) {
		for (uint32_t n = 0; n < active_->traits.flush_bios; n++)
			send(request, {.sector = 0,
				       .sectors = 0,
				       .op = request->op,
				       .fua = false,
				       .nr = static_cast<uint8_t>(n)});
	} else if (request->op == DMSNAP_BIO_DISCARD) {
		/* A target that sets no limit has that of its device. */
		uint32_t limit = active_->discard_sectors ? active_->discard_sectors : 1u << 20;
		if (!active_->traits.discard_bios)
			error = -EOPNOTSUPP;
		for (uint64_t done = 0; !error && done < request->sectors;) {
			uint64_t at = request->sector + done;
			auto length = static_cast<uint32_t>(
				std::min<uint64_t>(limit - at % limit, request->sectors - done));
			for (uint32_t n = 0; n < active_->traits.discard_bios; n++)
				send(request, {.sector = at,
					       .sectors = length,
					       .op = request->op,
					       .fua = false,
					       .nr = static_cast<uint8_t>(n)});
			done += length;
		}
	} else {
		for (uint64_t done = 0; done < request->sectors;)
			done += send(request,
				     {.sector = request->sector + done,
				      .sectors = static_cast<uint32_t>(request->sectors - done),
				      .op = request->op,
				      .fua = request->fua,
				      .nr = 0});
	}
	part_ended(request, error);
	if (--in_flight_ == 0)
		World::current().wake(this);
}

uint32_t Mapped::send(const Handle &request, dmsnap_bio_desc desc)
{
	/* A bio with the core's space beside it; gone when it ended and map is over. */
	struct Part {
		Part(const dmsnap_bio_desc &what, std::span<uint8_t> data,
		     std::function<void(int error)> on_end)
		    : bio(what, data, std::move(on_end))
		{
		}
		Bio bio;
		std::vector<uint64_t> io;
		bool mapped = false;
	};
	std::span<uint8_t> data;
	if (!request->data.empty())
		data = std::span(request->data)
			       .subspan((desc.sector - request->sector) * sector_bytes,
					desc.sectors * sector_bytes);
	Table *table = active_.get();
	auto holder = std::make_shared<std::shared_ptr<Part>>();
	auto part = std::make_shared<Part>(desc, data, [this, holder, table, request](int error) {
		auto self = std::move(*holder);
		int target_error = 0;
		if (table->snapshot && self->mapped)
			target_error =
				dmsnap_core_snapshot_end_io(table->snapshot, self->io.data());
		/* In a kernel this memory has another owner now. */
		std::ranges::fill(self->io, 0x5a5a5a5a5a5a5a5a);
		part_ended(request, error ? error : target_error);
		if (--in_flight_ == 0)
			World::current().wake(this);
	});
	*holder = part;
	part->io.resize((dmsnap_core_io_bytes() + 7) / 8, 0xa5a5a5a5a5a5a5a5);
	part->mapped = true;
	in_flight_++;
	request->parts++;

	part->bio.begin_map();
	dmsnap_map result;
	{
		NoSleepScope scope(table->snapshot ? map_may_watch : origin_map_name);
		void *io = part->io.data();
		result = table->snapshot
				 ? dmsnap_core_snapshot_map(table->snapshot, &part->bio, &desc, io)
				 : dmsnap_core_origin_map(table->origin, &part->bio, &desc, io);
	}
	uint32_t taken = part->bio.desc().sectors;
	/* dm does not tell the target of the end of a bio that the target killed. */
	if (result == DMSNAP_MAP_KILL)
		part->mapped = false;
	part->bio.end_map(result);
	return taken;
}

void Mapped::part_ended(const Handle &request, int error)
{
	if (error && !request->error)
		request->error = error;
	if (--request->parts == 0) {
		request->done = true;
		if (World *world = World::find())
			world->wake(request.get());
	}
}

} // namespace dmsnap::user
