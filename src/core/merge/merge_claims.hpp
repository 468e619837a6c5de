// SPDX-License-Identifier: GPL-2.0-only
/*
 * MergeClaims: asks the origin for permission to write a batch, several extents at a time.  That
 * makes the copies that other snapshots lack.  The claims together use one copy-out for the
 * batch: adjacent extents share its reads and commits.
 *
 * A claim waits on one list at a time: for room, for an operation, or among the held bios.
 * Nothing is started that depends on the claim later: a copy-out that it caused ends by itself.
 * So a claim can be taken off its list at any time.
 *
 * Locking: none; used on the worker only.
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
	MergeClaims(CreateKey<MergeClaims>, Merger &merger) : merger_(merger) {}

	/* Claims all extents of the batch, then calls Merger::claimed(), perhaps at once. */
	void start();
	/* Are any claims under way? */
	bool any() const { return under_way_ > 0; }
	/*
	 * Cancels the waiting claims; Merger::claimed() is not called.  Call only from one of the
	 * Merger's own tasks, not from a claim's callback.
	 */
	void stop();

private:
	/* Claims under way at a time, and those reserved for when memory is short. */
	static constexpr unsigned int claims_max = 64;
	static constexpr unsigned int claims_reserved = 4;

	/* A write of the merge itself; see Io::Pass. */
	struct Claim : Io {
		explicit Claim(MergeClaims &of);
		MergeClaims &claims;
		/* Origin::claim() is being called; the claim passed during the call. */
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
	/* Extents claimed so far; claims that have not ended. */
	size_t next_ = 0;
	unsigned int under_way_ = 0;
};

} // namespace dmsnap
