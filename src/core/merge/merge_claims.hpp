// SPDX-License-Identifier: GPL-2.0-only
/*
 * MergeClaims: asks the origin to let a batch be written, some stretches at a time;
 * that makes the copies that other snapshots lack.  Together they are the one
 * copy-out of the batch: stretches side by side share its reads and commits.
 *
 * A claim waits on one list at a time, for room, for an operation or among the held
 * bios.  Nothing is begun for it alone that would need it later: a copy-out that it has
 * brought about ends by itself.  So it can be taken off at any time.
 *
 * Locking: none; the worker's.
 */
#pragma once

#include "base/own.hpp"
#include "io/io.hpp"

namespace dmsnap {

class Merger;

class MergeClaims {
public:
	/* May sleep. */
	static Result<Owned<MergeClaims>> create(Merger &merger);
	/* Private to create(). */
	explicit MergeClaims(Merger &merger) : merger_(merger) {}

	/* Claims all targets of the batch, then calls Merger::claimed(), perhaps at once. */
	void start();
	/* Are some under way? */
	bool any() const { return under_way_ > 0; }
	/*
	 * Takes those off that wait; Merger::claimed() is not called.  Only from a task
	 * of the Merger's own, not from what a claim has called.
	 */
	void stop();

private:
	/* Stretches under way at a time, and when memory is short. */
	static constexpr unsigned int claims_max = 64;
	static constexpr unsigned int claims_reserved = 4;

	/* A write of the merge's own; see Io::Pass. */
	struct Claim : Io {
		explicit Claim(MergeClaims &of);
		MergeClaims &claims;
		/* Origin::claim() is being called; it has passed meanwhile. */
		bool calling = false;
		bool passed = false;
		ListHook claims_link;
	};

	void go_on(Claim &claim);
	bool take_next(Claim &claim);
	void ended();

	Merger &merger_;
	Pool<Claim> pool_;
	List<Claim, &Claim::claims_link> claims_;
	/* Targets that have been claimed; claims that are not at their end. */
	size_t next_ = 0;
	unsigned int under_way_ = 0;
};

} // namespace dmsnap
