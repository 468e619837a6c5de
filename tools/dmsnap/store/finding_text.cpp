// SPDX-License-Identifier: GPL-2.0-only
#include "store/finding_text.hpp"

#include <fmt/format.h>

namespace dmsnap::tool {

std::string to_text(const Finding &finding)
{
	std::string where;
	if (finding.area && !finding.chunk)
		where = fmt::format("area {} would begin at byte {}", *finding.area,
				    finding.offset);
	else if (finding.entry)
		where = fmt::format("chunk {}, area {}, entry {}, byte {}", *finding.chunk,
				    *finding.area, finding.entry->slot, finding.offset);
	else if (finding.area)
		where = fmt::format("chunk {}, area {}, byte {}", *finding.chunk, *finding.area,
				    finding.offset);
	else
		where = fmt::format("header, byte {}", finding.offset);

	std::string line = fmt::format("{}{}: {}", finding.kind.is_note ? "note: " : "", where,
				       finding.kind.text);
	if (finding.entry)
		line += fmt::format(": origin chunk {} in COW chunk {}",
				    finding.entry->exception.old_chunk.value,
				    finding.entry->exception.new_chunk.value);
	return line;
}

} // namespace dmsnap::tool
