// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory: tracks what the port has allocated, and which requests must fail.  There is one for the
 * process; safe for real threads.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>

#include "user/address_set.hpp"
#include "user/random.hpp"

namespace dmsnap::user {

class Memory {
public:
	static Memory &instance();

	/* Objects of dmsnap_port_alloc(), pages, pools and their objects that are out. */
	size_t outstanding() const;
	/* The same in words, for a failure's message. */
	std::string describe() const;
	/* Bytes that are out now. */
	size_t bytes() const;

	/* NOWAIT requests (of pools too) fail from the n-th on, counted from 0 = the next. */
	void fail_nowait_from(uint64_t n);
	/* On average one NOWAIT request in @one_in fails. */
	void fail_nowait_randomly(uint64_t seed, uint64_t one_in);
	/* The n-th construction request from now fails (0 = the next), only that one. */
	void fail_construct_at(uint64_t n);
	/* On average one construction request in @one_in fails. */
	void fail_construct_randomly(uint64_t seed, uint64_t one_in);
	/* Construction requests since fail_construct_at(); to know when every n was tried. */
	uint64_t construct_requests() const;
	/* Requests that failed, of all time. */
	uint64_t failures() const;
	/* Of pools, those that found the reserve out as well. */
	uint64_t dry_pools() const;
	/* All requests succeed again. */
	void fail_nothing();

	/* For the port. */
	bool construct_fails();
	bool nowait_fails();
	void pool_is_dry();
	void out(void *object, size_t bytes);
	/* Returns false, and reports a failure, if it is not allocated. */
	bool back(void *object, const char *kind, size_t bytes);
	bool is_page(const void *address) const;
	void page_out(void *page);
	bool page_back(void *page);

private:
	static constexpr uint64_t never = UINT64_MAX;

	mutable std::mutex mutex_;
	AddressSet objects_;
	AddressSet pages_;
	size_t bytes_ = 0;
	uint64_t nowait_from_ = never;
	uint64_t nowait_requests_ = 0;
	uint64_t nowait_one_in_ = 0;
	Random random_{0};
	uint64_t construct_at_ = never;
	uint64_t construct_one_in_ = 0;
	uint64_t construct_requests_ = 0;
	uint64_t failures_ = 0;
	uint64_t dry_pools_ = 0;
};

} // namespace dmsnap::user
