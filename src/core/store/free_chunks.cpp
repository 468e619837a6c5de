// SPDX-License-Identifier: GPL-2.0-only
#include "store/free_chunks.hpp"
#include "base/min_max.hpp"

namespace dmsnap {

namespace {

/* Holes are created or split only while loading; the I/O path only removes them. */
constexpr unsigned int holes_reserved = 1;

} // namespace

Result<Owned<FreeChunks>> FreeChunks::create(const format::Geometry &geometry)
{
	auto free_chunks = DMSNAP_TRY(make_owned<FreeChunks>(CreateKey<FreeChunks>(), geometry));
	free_chunks->pool_ = DMSNAP_TRY(Pool<Hole>::create("dmsnap_hole", holes_reserved));
	return free_chunks;
}

FreeChunks::FreeChunks(CreateKey<FreeChunks>, const format::Geometry &geometry)
    : geometry_(geometry), next_free_(geometry.first_data_chunk()),
      metadata_(geometry.data_run_end(next_free_))
{
}

FreeChunks::~FreeChunks()
{
	while (Hole *hole = holes_.first()) {
		holes_.remove(*hole);
		pool_.put(hole);
	}
}

Status FreeChunks::add_hole(NewChunk begin, NewChunk end)
{
	if (begin >= end)
		return {};
	Hole *hole = pool_.get();
	if (!hole)
		return fail(Error::no_memory);
	hole->begin = begin;
	hole->end = end;
	holes_.insert(*hole);
	return {};
}

/* The chunks below @begin are no longer free. */
void FreeChunks::shrink(Hole &hole, NewChunk begin)
{
	hole.begin = geometry_.data_chunk_from(begin);
	if (hole.begin < hole.end)
		return;
	holes_.remove(hole);
	pool_.put(&hole);
}

Status FreeChunks::use_out_of_order(NewChunk chunk)
{
	if (geometry_.is_metadata(chunk))
		return fail(Error::new_chunk_is_metadata);
	if (chunk > next_free_) {
		DMSNAP_CHECK(add_hole(next_free_, chunk));
		in_holes_ += geometry_.data_chunks_before(chunk) -
			     geometry_.data_chunks_before(next_free_);
		set_next_free(chunk + 1);
		return {};
	}
	Hole *hole = holes_.find_around(chunk.value).before;
	if (!hole || chunk >= hole->end)
		return fail(Error::new_chunk_duplicate);

	in_holes_--;
	if (chunk > hole->begin) {
		NewChunk end = hole->end;
		hole->end = chunk;
		return add_hole(geometry_.data_chunk_from(chunk + 1), end);
	}
	shrink(*hole, chunk + 1);
	return {};
}

NewChunks FreeChunks::take(uint64_t wanted, NewChunk end)
{
	Hole *hole = holes_.first();
	NewChunk begin = hole ? hole->begin : next_free_;
	NewChunk stretch_end = geometry_.data_run_end(begin);

	if (hole && hole->end < stretch_end)
		stretch_end = hole->end;
	if (end < stretch_end)
		stretch_end = end;
	if (begin >= stretch_end)
		return {};

	uint64_t left = stretch_end - begin;
	NewChunks taken{begin, smaller(wanted, left)};
	if (hole) {
		in_holes_ -= taken.count;
		shrink(*hole, taken.begin + taken.count);
	} else {
		set_next_free(taken.begin + taken.count);
	}
	return taken;
}

uint64_t FreeChunks::count(NewChunk end) const
{
	if (end <= next_free_)
		return in_holes_;
	return in_holes_ + geometry_.data_chunks_before(end) -
	       geometry_.data_chunks_before(next_free_);
}

} // namespace dmsnap
