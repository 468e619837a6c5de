// SPDX-License-Identifier: GPL-2.0-only
/*
 * The entries of a metadata area: AreaView reads them, MutableAreaView writes them.  Both are
 * views of bytes that they do not own: a whole area, or any part of one that begins and ends
 * between two entries. geometry.hpp says where areas are, and the store decides what is in them.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/assert.hpp"
#include "base/chunk.hpp"
#include "format/little_endian.hpp"

namespace dmsnap::format {

/* On disk. */
struct DiskException {
	le64 old_chunk;
	le64 new_chunk;
};

static_assert(offsetof(DiskException, old_chunk) == 0);
static_assert(offsetof(DiskException, new_chunk) == 8);
static_assert(sizeof(DiskException) == 16);

constexpr size_t exception_bytes = sizeof(DiskException);

struct Exception {
	OldChunk old_chunk;
	NewChunk new_chunk;

	/*
	 * Not an exception but the end of the list: new_chunk is 0, the chunk of the header.
	 * old_chunk and all entries after this one are ignored.
	 */
	constexpr bool ends_list() const { return new_chunk == NewChunk{}; }
	constexpr bool operator==(const Exception &) const = default;
};

/*
 * A slot outside the view is an error of the caller.  It is reported; reads return the end of the
 * list, and writes do nothing.
 */
class AreaView {
public:
	explicit AreaView(std::span<const std::byte> bytes) : bytes_(bytes)
	{
		DMSNAP_ASSERT(bytes.size() % exception_bytes == 0);
	}

	size_t slots() const { return bytes_.size() / exception_bytes; }

	Exception read(size_t slot) const
	{
		if (slot >= slots()) {
			DMSNAP_ASSERT(slot < slots());
			return {};
		}
		const std::byte *disk = bytes_.data() + slot * exception_bytes;
		le64 old_chunk;
		le64 new_chunk;
		__builtin_memcpy(&old_chunk, disk + offsetof(DiskException, old_chunk),
				 sizeof(old_chunk));
		__builtin_memcpy(&new_chunk, disk + offsetof(DiskException, new_chunk),
				 sizeof(new_chunk));
		return {{old_chunk.get()}, {new_chunk.get()}};
	}

	/* The first slot from @first on that ends the list; slots() if none does. */
	size_t end_of_list(size_t first = 0) const;

	/*
	 * Is any byte from slot @first on not zero?  After the end of the list that is left over
	 * from a torn write or a merge.  It would become valid again if the entries before it
	 * were filled, so it must be wiped first.
	 */
	bool holds_data(size_t first) const;

private:
	std::span<const std::byte> bytes_;
};

class MutableAreaView : public AreaView {
public:
	explicit MutableAreaView(std::span<std::byte> bytes) : AreaView(bytes), bytes_(bytes) {}

	void write(size_t slot, const Exception &exception);
	/* Zeros slot @first and all slots after it. */
	void wipe(size_t first);

private:
	std::span<std::byte> bytes_;
};

} // namespace dmsnap::format
