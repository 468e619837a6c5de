// SPDX-License-Identifier: GPL-2.0-only
/*
 * UndoFile: the contents that apply overwrites, as a stream that apply can put back.
 *
 * settle() comes before the overwrite: so however the program ends, everything that was
 * overwritten is in the file, perhaps with more.  The file has its name from the beginning,
 * and gets the end of a stream also when apply fails.  After a signal or a crash it has none:
 * then the mark of the copy says how many records are needed (half_applied.hpp).
 */
#pragma once

#include <string>

#include "store/chunk_set.hpp"
#include "stream/change_stream.hpp"

namespace dmsnap::tool {

class UndoFile {
public:
	/* @path: of a new file.  @info: of the stream that is applied.  These throw a Failure. */
	UndoFile(const std::string &path, const StreamInfo &info);
	~UndoFile();
	UndoFile(const UndoFile &) = delete;
	UndoFile &operator=(const UndoFile &) = delete;

	/*
	 * @present: the copy's contents at the place of @record.  Throws a Failure and keeps nothing,
	 * if a record was there before: the contents in between cannot be restored in order.
	 */
	void keep(const Record &record, std::span<const std::byte> present);
	/* Makes everything kept durable. */
	void settle();
	/* Removes the file if nothing was overwritten: the way back would be empty. */
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
	/* Sectors that were kept. */
	ChunkBudget budget_{size_t{256} << 20};
	ChunkSet kept_{budget_};
};

} // namespace dmsnap::tool
