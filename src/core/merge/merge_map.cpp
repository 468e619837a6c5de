// SPDX-License-Identifier: GPL-2.0-only
/*
 * Merger: maps the bios of the snapshot-merge target.
 *
 *   chunk                       read from       written to
 *   not in the snapshot         origin          origin (other snapshots first)
 *   in the snapshot             COW device      COW device
 *   in the batch                COW device      COW device, and copied again
 *   in the batch, blocked       COW device      waits, then is mapped again
 *
 * Discards go to the origin: see OriginDiscard.
 *
 * The snapshot gets no new chunks, as it has no users any more.
 */
#include <new>

#include "base/min_max.hpp"
#include "merge/merger.hpp"
#include "origin/origin_discard.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

dmsnap_map Merger::map(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space)
{
	Io &io = *new (space) Io(bio, desc, origin().writes());

	switch (desc.op) {
	case DMSNAP_BIO_FLUSH:
		/* One for each device. */
		dmsnap_port_bio_remap(bio, desc.nr == 0 ? origin_device() : cow_device(),
				      desc.sector);
		return DMSNAP_MAP_REMAPPED;
	case DMSNAP_BIO_DISCARD:
		(new (space) OriginDiscard(origin(), origin_device(), bio, desc))->start();
		return DMSNAP_MAP_HELD;
	case DMSNAP_BIO_READ:
		return map_read(io);
	case DMSNAP_BIO_WRITE:
		return map_write(io);
	default:
		return DMSNAP_MAP_KILL;
	}
}

dmsnap_map Merger::map_read(Io &io)
{
	note_use();
	Mapping mapping;
	if (snapshot_.healthy()) {
		mapping = snapshot_.look_up(io);
		io.cut(chunk_size().first_sector(chunk_size().chunk_of(io.sector) + mapping.count));
	}
	if (mapping.mapped)
		snapshot_.remap_to_cow(io, mapping.new_begin);
	else
		dmsnap_port_bio_remap(io.bio, origin_device(), io.sector);
	return DMSNAP_MAP_REMAPPED;
}

dmsnap_map Merger::map_write(Io &io)
{
	note_use();
	if (!snapshot_.healthy())
		return write_to_origin(io);

	Mapping mapping = snapshot_.look_up(io);
	if (!mapping.mapped) {
		io.cut(chunk_size().first_sector(chunk_size().chunk_of(io.sector) + mapping.count));
		return write_to_origin(io);
	}
	switch (place_write(io, Attempt::first)) {
	case Place::origin:
		return write_to_origin(io);
	case Place::cow:
		return DMSNAP_MAP_REMAPPED;
	case Place::nowhere:
		break;
	}
	return DMSNAP_MAP_HELD;
}

dmsnap_map Merger::write_to_origin(Io &io)
{
	dmsnap_port_bio_remap(io.bio, origin_device(), io.sector);
	return origin().write(io);
}

/*
 * Handles a write of chunks that the snapshot has, or had at the last lookup.  The write is
 * counted before the lookup: see writers_gone().
 *
 * The first @attempt cuts the bio where its destination changes.  At a later one there is no batch.
 */
Merger::Place Merger::place_write(Io &io, Attempt attempt)
{
	if (attempt == Attempt::first)
		io.cut(Regions::limit(io.sector));
	const uint64_t sector = io.sector;
	const Regions::Token token = snapshot_.regions().enter(sector, io.end());
	Place place = Place::nowhere;
	bool wanted = false;
	{
		OriginGuard guard(origin().lock());
		OldChunk chunk = chunk_size().chunk_of(io.sector);
		Mapping mapping = snapshot_.look_up(io);
		uint64_t count = mapping.count;
		MergeExtent *extent = live_ && mapping.mapped ? batch_.find(chunk) : nullptr;
		if (extent && chunk < extent->run.old_begin) {
			uint64_t free = extent->run.old_begin - chunk;
			count = smaller(count, free);
			extent = nullptr;
		} else if (extent) {
			uint64_t in_extent = extent->run.old_end() - chunk;
			count = smaller(count, in_extent);
		}
		if (attempt == Attempt::first)
			io.cut(chunk_size().first_sector(chunk + count));

		if (extent && blocked_) {
			waiting_.push_back(io);
			wanted = !running_;
		} else if (!mapping.mapped) {
			place = Place::origin;
		} else {
			if (extent)
				extent->job.dirty = true;
			snapshot_.remap_to_cow(io, mapping.new_begin);
			io.token = token;
			io.tracked = true;
			place = Place::cow;
		}
	}
	/* A waiting bio may have ended by now, so do not touch @io. */
	if (place != Place::cow)
		snapshot_.regions().leave(sector, token);
	/* The batch is blocked and no run is active: the list is uncertain. */
	if (wanted)
		origin().worker().post(put_back_task_);
	return place;
}

void Merger::retry(Io &io)
{
	switch (place_write(io, Attempt::retry)) {
	case Place::origin:
		dmsnap_port_bio_remap(io.bio, origin_device(), io.sector);
		origin().claim(io);
		break;
	case Place::cow: {
		OriginGuard guard(origin().lock());
		to_cow_.push_back(io);
		cow_worker().post(send_task_);
		break;
	}
	case Place::nowhere:
		break;
	}
}

void Merger::send_to_cow()
{
	Ios ios;
	{
		OriginGuard guard(origin().lock());
		ios.take_all(to_cow_);
	}
	while (Io *io = ios.pop_front())
		dmsnap_port_bio_submit(io->bio);
}

} // namespace dmsnap
