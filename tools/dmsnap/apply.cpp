// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap apply: puts what export wrote onto a copy.
 *
 * Before a piece is overwritten the copy must hold there what the snapshot held,
 * or already what is to be written: so a stream for another copy, or one out of
 * turn, is refused, and a stream may be applied twice.
 */
#include <vector>

#include <fmt/format.h>

#include "change_stream.hpp"
#include "commands.hpp"
#include "contents.hpp"
#include "device_name.hpp"
#include "input_file.hpp"
#include "json_output.hpp"
#include "progress.hpp"
#include "volume.hpp"

namespace dmsnap::tool {
namespace {

struct Applied {
	uint64_t written_bytes = 0;
	uint64_t there_bytes = 0;

	bool nothing_yet() const { return written_bytes + there_bytes == 0; }
};

/* A full stream that was cut off and is applied again finds its own beginning there. */
void require_free(Volume &target)
{
	std::string held = contents_of(target);
	if (!held.empty())
		throw Failure(fmt::format("{}: holds {}, and does not begin as the stream does: "
					  "what is there is lost only with --any-base",
					  target.path(), held));
}

Volume open_target(const ApplyOptions &options, const StreamInfo &info)
{
	const std::string path = path_of(options.target);
	if (info.full && !options.dry_run && !is_there(path))
		return Volume::create(path, info.volume_bytes);

	Volume target(path, options.dry_run ? Volume::Access::read : Volume::Access::write);
	bool fits = target.is_block_device() ? target.bytes() >= info.volume_bytes
					     : target.bytes() == info.volume_bytes;
	if (!fits)
		throw Failure(fmt::format("{}: {} bytes, but the stream is of a volume of {} bytes",
					  options.target, target.bytes(), info.volume_bytes),
			      ExitCode::findings);
	return target;
}

void apply_record(const ApplyOptions &options, const StreamInfo &info, Volume &target,
		  const Record &record, std::span<std::byte> present, Applied &applied)
{
	target.read_all(record.offset, present);
	Checksum found = checksum_of(present);
	if (found == record.content) {
		applied.there_bytes += record.length;
		return;
	}
	if (!info.full && !options.any_base && found != record.base)
		throw Failure(
			fmt::format("{}: bytes {} to {} are neither what the snapshot held nor "
				    "what the origin holds: this is another copy, an increment "
				    "is missing, or an apply was cut off while it wrote (then "
				    "--any-base goes on)",
				    options.target, record.offset,
				    record.offset + record.length - 1),
			ExitCode::findings);
	if (info.full && !options.any_base && applied.nothing_yet())
		require_free(target);
	applied.written_bytes += record.length;
	if (options.dry_run)
		return;
	if (record.data.empty())
		target.zero(record.offset, record.length);
	else
		target.write(record.offset, record.data);
}

} // namespace

ExitCode apply(const ApplyOptions &options)
{
	InputFile input(options.input);
	StreamReader stream(input.get());
	Volume target = open_target(options, stream.info());
	Progress progress("applying, at most", stream.info().volume_bytes);
	std::vector<std::byte> present(record_bytes_max);
	Applied applied;
	Record record;

	while (stream.next(record)) {
		apply_record(options, stream.info(), target, record,
			     std::span(present).first(record.length), applied);
		progress.reached(applied.written_bytes + applied.there_bytes);
	}
	progress.end();
	if (!options.dry_run)
		target.appear();

	if (!options.json) {
		fmt::print("{}{} bytes written, {} were there, {} records, all checksums right\n",
			   options.dry_run ? "would apply: " : "", applied.written_bytes,
			   applied.there_bytes, stream.records());
		return ExitCode::fine;
	}
	JsonOutput json(stdout);
	json.members({{"target", options.target},
		      {"dry_run", options.dry_run},
		      {"full", stream.info().full},
		      {"records", stream.records()},
		      {"written_bytes", applied.written_bytes},
		      {"there_bytes", applied.there_bytes}});
	json.finish();
	return ExitCode::fine;
}

} // namespace dmsnap::tool
