// SPDX-License-Identifier: GPL-2.0-only
/*
 * UndoFile: the contents that apply overwrites, as a stream that apply can put back.
 *
 * settle() comes before the overwrite.  So however the program ends, the file has everything that
 * was overwritten, and maybe more.  It has its name from the beginning, and gets its end even if
 * apply fails.  After a signal or a crash the end is missing; then the copy's mark says how many
 * records are needed (half_applied.hpp).
 */
#pragma once

#include <string>

#include "store/chunk_set.hpp"
#include "stream/change_stream.hpp"

namespace dmsnap::tool {

class UndoFile {
public:
	/* @path: a new file.  @info: the stream that is applied.  These throw a Failure. */
	UndoFile(const std::string &path, const StreamInfo &info);
	~UndoFile();
	UndoFile(const UndoFile &) = delete;
	UndoFile &operator=(const UndoFile &) = delete;

	/*
	 * @present: the copy's contents at the place of @record.  Throws a Failure, and keeps
	 * nothing, if there was a record for this place before: the contents in between could not
	 * be restored in order.
	 */
	void keep(const Record &record, std::span<const std::byte> present);
	/* Makes everything kept durable. */
	void settle();
	/* Removes the file if nothing was overwritten, because the undo stream would be empty. */
	void end();
	uint64_t records() const { return stream_.records(); }

private:
	static FILE *make(const std::string &path);

	std::string path_;
	FILE *file_;
	StreamWriter stream_;
	bool is_ended_ = false;
	/* Something may have been overwritten. */
	bool is_needed_ = false;
	/* The sectors that were kept. */
	ChunkBudget budget_{size_t{256} << 20};
	ChunkSet kept_{budget_};
};

} // namespace dmsnap::tool
