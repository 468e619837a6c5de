// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/discard_walk.hpp"

#include "base/min_max.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

DiscardWalk::DiscardWalk(Snapshot &of, dmsnap_bio *bio, const dmsnap_bio_desc &desc)
    : io(bio, desc, of.writes()), snapshot(of), at(desc.sector)
{
}

void DiscardWalk::step(int error)
{
	ChunkSize chunk_size = snapshot.chunk_size();

	while (!error && at < io.end()) {
		OldChunk chunk = chunk_size.chunk_of(at);
		uint64_t chunks = chunk_size.chunk_of(io.end() - 1) - chunk + 1;
		Mapping mapping = snapshot.look_up(chunk, chunks);
		if (!mapping.mapped) {
			at = chunk_size.first_sector(chunk + mapping.count);
			continue;
		}
		uint32_t offset = chunk_size.offset_in_chunk(at);
		uint64_t whole = chunk_size.chunks_in(io.end() - at);
		bool partial = offset != 0 || whole == 0;
		uint64_t sectors;
		if (partial) {
			uint64_t chunk_end = chunk_size.first_sector(chunk + 1);
			sectors = smaller(chunk_end, io.end()) - at;
		} else {
			sectors = chunk_size.sectors_in(smaller(whole, mapping.count));
		}
		at += sectors;
		dmsnap_port_io_submit(snapshot.cow_device(),
				      partial ? DMSNAP_IO_DISCARD : DMSNAP_IO_ZERO, 0,
				      chunk_size.first_sector(mapping.new_begin) + offset, sectors,
				      nullptr, 0, step_task.ended, step_task.on(snapshot.worker()));
		return;
	}
	dmsnap_port_bio_end(io.bio, error);
}

} // namespace dmsnap
