// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finding: something wrong with a store or worth a note, and its place.
 *
 * A reason for which the loader refuses a store has the core's name and text
 * (src/core/base/errors.def).  A note is no such reason.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "format/disk_exception.hpp"

namespace dmsnap::tool {

struct FindingKind {
	const char *name;
	const char *text;
	bool is_note = false;

	constexpr bool operator==(const FindingKind &other) const
	{
		return std::string_view(name) == other.name;
	}
};

constexpr FindingKind kind_of(Error error)
{
	constexpr FindingKind kinds[] = {
#define DMSNAP_ERROR(name, number, text) {#name, text},
#include "base/errors.def"
#undef DMSNAP_ERROR
	};
	return kinds[static_cast<uint8_t>(error)];
}

/* The loader does not refuse this, but makes an invalid snapshot. */
constexpr FindingKind marked_invalid{"marked_invalid",
				     "the store is marked invalid: the snapshot lost data"};

/* Nor this: there it would make a new store.  The device is not one for a snapshot. */
constexpr FindingKind other_contents{
	"other_contents", "no store, but something else, which a new store would overwrite"};

constexpr FindingKind mark_unusual{"mark_unusual", "valid is neither 0 nor 1, and read as 1", true};
constexpr FindingKind header_not_zero{
	"header_not_zero", "bytes behind the header are not zero; nobody reads them", true};
constexpr FindingKind dead_entry{
	"dead_entry",
	"entry behind the end of the list, left by a torn write or a merge; wiped before the next use",
	true};

/* The place of an entry. */
struct EntryPlace {
	uint64_t area = 0;
	uint32_t slot = 0;
	format::Exception exception;
};

struct Finding {
	FindingKind kind;
	/* The byte on the COW device, and the chunk if the chunk size is known. */
	uint64_t offset = 0;
	std::optional<uint64_t> chunk = {};
	std::optional<uint64_t> area = {};
	std::optional<EntryPlace> entry = {};
};

} // namespace dmsnap::tool
