// SPDX-License-Identifier: GPL-2.0-only
#include "origin/origin_discard.hpp"

#include "base/min_max.hpp"

namespace dmsnap {

namespace {

/* The most that one I/O covers: 1 GiB. */
constexpr uint64_t piece_sectors = 1u << 21;
/* Lookups in one step; then other tasks of the worker get their turn. */
constexpr unsigned int answers_max = 256;

} // namespace

void OriginDiscard::start()
{
	step_task_.post(origin_.worker(), 0);
}

void OriginDiscard::step(int error)
{
	uint64_t end = at_;

	for (unsigned int n = 0; !error && at_ < io_.end() && n < answers_max; n++) {
		const uint64_t limit = smaller(io_.end(), at_ + piece_sectors);
		if (end >= limit)
			break;
		const Origin::Stretch stretch = origin_.discardable(end, limit);
		if (stretch.safe) {
			end = stretch.until;
			continue;
		}
		if (end > at_)
			break;
		origin_.discards().left += stretch.until - at_;
		at_ = end = stretch.until;
	}
	if (end > at_) {
		end_ = end;
		origin_.discards().passed += end_ - at_;
		origin_.discard_worker().post(submit_task_);
	} else if (error || at_ >= io_.end()) {
		dmsnap_port_bio_end(io_.bio, error);
	} else {
		step_task_.post(origin_.worker(), 0);
	}
}

void OriginDiscard::submit()
{
	const uint64_t begin = std::exchange(at_, end_);

	dmsnap_port_io_submit(device_, DMSNAP_IO_DISCARD, 0, begin, end_ - begin, nullptr, 0,
			      step_task_.ended, step_task_.on(origin_.worker()));
}

} // namespace dmsnap
