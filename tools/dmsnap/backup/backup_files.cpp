// SPDX-License-Identifier: GPL-2.0-only
#include "backup/backup_files.hpp"

#include <algorithm>
#include <iterator>
#include <span>

#include <fmt/format.h>

#include "backup/destination.hpp"
#include "backup/packed_file.hpp"
#include "cli/json_output.hpp"
#include "cli/units.hpp"
#include "stream/apply_stream.hpp"
#include "system/whole_number.hpp"

namespace dmsnap::tool {
namespace {

/* Reads one of the files and reports what is wrong with it. */
class Stored {
public:
	Stored(const Config &config, const BackupFile &file)
	    : file_(file), download_(config, file.file, file.kind()),
	      packed_(download_.descriptor(), file.file.ends_with(".zst"))
	{
	}

	/* @take: a function that gets the StreamReader and reads all of it. */
	template <typename Take> void read(const Take &take)
	try {
		StreamReader stream(packed_.get());
		if (stream.info().full != file_.full ||
		    stream.info().volume_bytes != file_.volume_bytes)
			throw Failure("another backup is in it", ExitCode::findings);
		take(stream);
		Packed stored = packed_.end();
		download_.end();
		if (stored.bytes != file_.bytes || hexadecimal(stored.checksum) != file_.checksum)
			throw Failure("is not what was written", ExitCode::findings);
	} catch (const Failure &failure) {
		if (packed_.is_damaged())
			throw Failure(file_.file + ": is damaged: zstd cannot read it",
				      ExitCode::findings);
		throw Failure(fmt::format("{}: {}", file_.file, failure.what()), failure.code);
	}

private:
	const BackupFile &file_;
	Download download_;
	PackedReader packed_;
};

void require_any(const BackupState &state, const Config &config)
{
	if (state.files.empty())
		throw Failure(fmt::format("no backup of {} is known here", config.name));
}

/* The index in state.files of the chosen file. */
size_t find_at(const BackupState &state, const std::string &at)
{
	std::optional<uint64_t> number = whole_number(at);
	std::optional<int64_t> time = time_of(at);

	if (at.empty())
		return state.files.size() - 1;
	if (!number && !time)
		throw Failure(
			fmt::format("--at: \"{}\" is neither the number of a backup nor a time "
				    "like 20261129T221000Z",
				    at));
	for (size_t i = state.files.size(); i-- > 0;) {
		if (number ? state.files[i].number == *number : state.files[i].time <= *time)
			return i;
	}
	throw Failure(number ? fmt::format("there is no backup {}", *number)
			     : fmt::format("there is no backup of {} or earlier", at));
}

/* The files up to this one from the full backup that they depend on. */
std::span<const BackupFile> chain_of(const BackupState &state, size_t last)
{
	size_t first = last;
	while (first > 0 && !state.files[first].full)
		first--;
	return std::span(state.files).subspan(first, last - first + 1);
}

} // namespace

ExitCode list_backups(const Config &, const BackupState &state, bool json)
{
	if (!json) {
		for (const BackupFile &one : state.files)
			fmt::print("{:6} {} {:9} {:>12} {}\n", one.number, stamp_of(one.time),
				   one.kind(), size_text(double(one.bytes)), one.file);
		return ExitCode::fine;
	}
	JsonOutput output(stdout);
	output.member("destination", state.destination);
	output.begin_list("backups");
	for (const BackupFile &one : state.files)
		output.item({{"number", one.number},
			     {"time", stamp_of(one.time)},
			     {"full", one.full},
			     {"stored_bytes", one.bytes},
			     {"volume_bytes", one.volume_bytes},
			     {"file", one.file}});
	output.end();
	output.finish();
	return ExitCode::fine;
}

ExitCode verify_backups(const Config &config, const BackupState &state, bool json)
{
	std::vector<std::pair<std::string, std::string>> wrong;

	require_any(state, config);
	for (const BackupFile &one : state.files) {
		try {
			Stored(config, one).read([](StreamReader &stream) {
				for (Record record; stream.next(record);)
					;
			});
		} catch (const Failure &failure) {
			wrong.emplace_back(one.file, failure.what());
			if (!json)
				fmt::print("{}\n", failure.what());
		}
	}
	if (json) {
		JsonOutput output(stdout);
		output.member("backups", state.files.size());
		output.begin_list("wrong");
		for (const auto &[file, why] : wrong)
			output.item({{"file", file}, {"why", why}});
		output.end();
		output.finish();
	} else {
		fmt::print("{} backups, {} with something wrong\n", state.files.size(),
			   wrong.size());
	}
	return wrong.empty() ? ExitCode::fine : ExitCode::findings;
}

ExitCode restore_backup(const Config &config, const BackupState &state,
			const BackupOptions &options, const EventLog &log)
{
	require_any(state, config);
	std::optional<Volume> target;
	ApplyOptions apply;
	Applied applied;
	std::span<const BackupFile> chain = chain_of(state, find_at(state, options.at));

	apply.target = options.restore;
	for (const BackupFile &one : chain) {
		Stored(config, one).read([&](StreamReader &stream) {
			/* Only the first file finds foreign contents in the target. */
			apply.any_base = one.full && options.overwrite;
			if (!target)
				target.emplace(open_target(apply, stream.info()));
			Applied some = apply_stream(stream, apply, *target);
			applied.written_bytes += some.written_bytes;
			applied.there_bytes += some.there_bytes;
		});
	}
	if (target->is_new())
		target->appear();
	const BackupFile &last = chain.back();
	log.info({"restored", options.restore,
		  fmt::format("{} is what {} was at {} (backup {})", options.restore,
			      config.volume(), stamp_of(last.time), last.number)});
	if (options.schedule.json) {
		JsonOutput output(stdout);
		output.members({{"target", options.restore},
				{"number", last.number},
				{"time", stamp_of(last.time)},
				{"files", chain.size()},
				{"written_bytes", applied.written_bytes},
				{"there_bytes", applied.there_bytes}});
		output.finish();
	}
	return ExitCode::fine;
}

} // namespace dmsnap::tool
