// SPDX-License-Identifier: GPL-2.0-only
#include "merge/merge_claims.hpp"

#include "merge/merger.hpp"

namespace dmsnap {

MergeClaims::Claim::Claim(MergeClaims &of)
    : Io(nullptr, {.sector = 0, .sectors = 0, .op = DMSNAP_BIO_WRITE, .fua = false, .nr = 0},
	 of.merger_.origin().writes()),
      claims(of)
{
	pass = [](Io &io) {
		auto &claim = static_cast<Claim &>(io);
		claim.passed = true;
		if (!claim.calling)
			claim.claims.go_on(claim);
	};
}

Result<Owned<MergeClaims>> MergeClaims::create(Merger &merger)
{
	auto claims = DMSNAP_TRY(make_owned<MergeClaims>(CreateKey<MergeClaims>(), merger));
	claims->pool_ = DMSNAP_TRY(Pool<Claim>::create("dmsnap_claim", claims_reserved));
	return claims;
}

void MergeClaims::start()
{
	next_ = 0;
	under_way_ = 1;
	for (unsigned int n = 0; n < claims_max; n++) {
		Claim *claim = pool_.get(*this);
		if (!claim)
			break;
		under_way_++;
		claims_.push_back(*claim);
		go_on(*claim);
	}
	ended();
}

/*
 * The claim has passed, or is new.  If it passes during the call, the loop takes the next
 * extents.
 */
void MergeClaims::go_on(Claim &claim)
{
	while (take_next(claim)) {
		claim.passed = false;
		claim.calling = true;
		merger_.origin().claim(claim);
		claim.calling = false;
		if (!claim.passed)
			return;
	}
	claim.claims_link.unlink();
	pool_.put(&claim);
	ended();
}

void MergeClaims::stop()
{
	while (Claim *claim = claims_.pop_front()) {
		{
			OriginGuard guard(merger_.origin().lock());
			claim->link.unlink();
		}
		pool_.put(claim);
	}
	under_way_ = 0;
	/* A held write may have waited only because a claim was ahead of it. */
	OriginGuard guard(merger_.origin().lock());
	merger_.origin().release_held();
}

/* Takes extents that are adjacent on the origin, up to the size of one copy-out. */
bool MergeClaims::take_next(Claim &claim)
{
	auto extents = merger_.batch().by_origin();
	ChunkSize chunk_size = merger_.chunk_size();
	if (next_ == extents.size())
		return false;

	Run run = extents[next_++]->run;
	while (next_ < extents.size() && extents[next_]->run.old_begin == run.old_end() &&
	       chunk_size.sectors_in(run.count + extents[next_]->run.count) <=
		       Origin::copy_sectors_max)
		run.count += extents[next_++]->run.count;

	claim.sector = chunk_size.first_sector(run.old_begin);
	claim.sectors = static_cast<uint32_t>(merger_.end_on_origin(run) - claim.sector);
	return true;
}

void MergeClaims::ended()
{
	if (--under_way_ == 0)
		merger_.claimed();
}

} // namespace dmsnap
