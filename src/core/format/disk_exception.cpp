// SPDX-License-Identifier: GPL-2.0-only
/* The entries of a metadata area: see disk_exception.hpp. */
#include "format/disk_exception.hpp"

namespace dmsnap::format {

size_t AreaView::end_of_list(size_t first) const
{
	size_t slot = first;
	while (slot < slots() && !read(slot).ends_list())
		slot++;
	return slot;
}

bool AreaView::holds_data(size_t first) const
{
	for (size_t slot = first; slot < slots(); slot++) {
		if (read(slot) != Exception{})
			return true;
	}
	return false;
}

void MutableAreaView::write(size_t slot, const Exception &exception)
{
	if (slot >= slots()) {
		DMSNAP_ASSERT(slot < slots());
		return;
	}
	const DiskException disk{
		.old_chunk = le64{exception.old_chunk.value},
		.new_chunk = le64{exception.new_chunk.value},
	};
	__builtin_memcpy(bytes_.data() + slot * exception_bytes, &disk, exception_bytes);
}

void MutableAreaView::wipe(size_t first)
{
	if (first > slots()) {
		DMSNAP_ASSERT(first <= slots());
		return;
	}
	__builtin_memset(bytes_.data() + first * exception_bytes, 0,
			 (slots() - first) * exception_bytes);
}

} // namespace dmsnap::format
