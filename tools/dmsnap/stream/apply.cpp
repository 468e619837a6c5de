// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap apply: applies a stream of export to a copy.
 *
 * With --undo the old contents are durable elsewhere before they are overwritten (undo_file.hpp).
 * With
 * --atomic a new copy with the whole stream replaces the old one.
 */
#include <optional>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "stream/apply_stream.hpp"
#include "system/input_file.hpp"

namespace dmsnap::tool {

ExitCode apply(const ApplyOptions &options)
{
	InputFile input(options.input);
	StreamReader stream(input.get());
	Volume target = open_target(options, stream.info());
	std::optional<Volume> copy;
	if (options.atomic && !options.dry_run && !target.is_new())
		copy.emplace(Volume::clone(target));
	Applied applied = apply_stream(stream, options, target, copy ? &*copy : nullptr);
	if (target.is_new())
		target.appear();

	if (!options.json) {
		fmt::print("{}{} bytes written, {} were there, {} records, {}\n",
			   options.dry_run ? "would apply: " : "", applied.written_bytes,
			   applied.there_bytes, stream.records(),
			   applied.lacks_end
				   ? "without an end: but all that was overwritten is back"
				   : "all checksums right");
		return ExitCode::fine;
	}
	JsonOutput json(stdout);
	json.members({{"target", options.target},
		      {"dry_run", options.dry_run},
		      {"full", stream.info().full},
		      {"records", stream.records()},
		      {"lacks_end", applied.lacks_end},
		      {"written_bytes", applied.written_bytes},
		      {"there_bytes", applied.there_bytes}});
	json.finish();
	return ExitCode::fine;
}

} // namespace dmsnap::tool
