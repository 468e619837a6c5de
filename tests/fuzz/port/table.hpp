// SPDX-License-Identifier: GPL-2.0-only
/*
 * Table: a mapped device with one table of one target, driven as dm does.  It is a cheaper
 * user/mapped.hpp.  A wait turns the crank.
 */
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <dmsnap/core.h>

#include "fuzz/port/bio.hpp"
#include "user/target.hpp"

namespace dmsnap::fuzz {

enum class TargetType : uint8_t { snapshot, merge, origin };

class Table {
public:
	Table() = default;
	~Table() { remove(); }
	Table(const Table &) = delete;
	Table &operator=(const Table &) = delete;

	/* Calls the constructor.  Returns 0 or a negative errno; then see error_text(). */
	int load(TargetType type, uint64_t sectors, unsigned int argc, char **argv);
	const char *error_text() const { return error_; }
	bool loaded() const { return snapshot_ || origin_; }
	/* Returns 0 or the error of preresume. */
	int resume();
	/* All of the table's I/O must have ended. */
	void suspend();
	/* Suspends the table if necessary, and destroys it. */
	void remove();

	/* One I/O inside the table's length, until its end.  Returns 0 or the first error. */
	int read(uint64_t sector, uint64_t sectors, uint8_t *data);
	int write(uint64_t sector, uint64_t sectors, uint8_t *data, bool fua = false);
	int flush();
	int discard(uint64_t sector, uint64_t sectors);

	/* For a snapshot; its answer goes to @answer. */
	int message(unsigned int argc, char **argv, std::span<char> answer);
	std::string_view status(dmsnap_status type);
	uint64_t sectors() const { return target_.sectors; }
	unsigned int events() const { return target_.events; }

private:
	int io(dmsnap_bio_op op, uint64_t sector, uint64_t sectors, uint8_t *data, bool fua);
	uint32_t send(const dmsnap_bio_desc &desc, uint8_t *data);
	void forget(Bio &bio);
	int wait();

	dmsnap_target target_;
	dmsnap_snapshot *snapshot_ = nullptr;
	dmsnap_origin *origin_ = nullptr;
	dmsnap_target_traits traits_{};
	const char *error_ = nullptr;
	bool suspended_ = true;
	/* The number of bios of the current I/O. */
	unsigned int bios_ = 0;
	/* The bio in the map upcall. */
	Bio *mapping_ = nullptr;
	int io_error_ = 0;
	char text_[256];
};

} // namespace dmsnap::fuzz
