// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap backup: writes a whole volume, or the changes since the last backup, to a file.
 * backup_state.hpp says what an interruption leaves behind.
 */
#include <algorithm>
#include <csignal>
#include <ctime>

#include <fmt/format.h>

#include "backup/backup_files.hpp"
#include "backup/destination.hpp"
#include "backup/logical_volumes.hpp"
#include "backup/packed_file.hpp"
#include "backup/prune_snapshots.hpp"
#include "cli/json_output.hpp"
#include "cli/units.hpp"
#include "live/device_mapper.hpp"
#include "stream/export_stream.hpp"
#include "system/file_lock.hpp"

namespace dmsnap::tool {
namespace {

class Backup {
public:
	Backup(const Config &config, BackupState &state, const BackupOptions &options,
	       const EventLog &log)
	    : config_(config), state_(state), options_(options), log_(log)
	{
	}

	void run()
	{
		remove_unfinished();
		remove_snapshots();
		const std::optional<OwnSnapshot> base = find_base();
		const int64_t time = std::time(nullptr);
		file_ = {.file = fmt::format("{}.{:06}.{}.{}.dmsnap{}", config_.name,
					     state_.number + 1, stamp_of(time),
					     base ? "increment" : "full",
					     config_.compress ? ".zst" : ""),
			 .number = state_.number + 1,
			 .full = !base,
			 .time = time,
			 .checksum = {}};
		state_.number++;
		state_.unfinished.push_back(file_.file);
		state_.unfinished_at = destination_text(config_);
		state_.save(config_);
		OwnSnapshot snapshot = make(time);
		try {
			write(base, snapshot);
		} catch (const Failure &) {
			try_to_remove(snapshot);
			throw;
		}
		commit(snapshot);
		log_.info({"backed up", file_.file,
			   fmt::format("{}: {} of {}, {} stored", file_.file,
				       file_.full ? "all" : size_text(double(figures_.bytes)),
				       config_.volume(), size_text(double(file_.bytes)))});
		remove_snapshots();
		remove_unfinished();
	}

	void report() const
	{
		JsonOutput json(stdout);
		json.members({{"name", config_.name},
			      {"file", file_.file},
			      {"number", file_.number},
			      {"full", file_.full},
			      {"why_full", why_full_},
			      {"bytes", figures_.bytes},
			      {"records", figures_.records},
			      {"stored_bytes", file_.bytes}});
		json.finish();
	}

private:
	void remove_unfinished()
	{
		if (state_.unfinished.empty())
			return;
		/* After a change of the destination the file may not be reachable any more. */
		if (state_.unfinished_at == destination_text(config_)) {
			for (const std::string &file : state_.unfinished)
				remove_file(config_, file);
		}
		state_.unfinished.clear();
		state_.save(config_);
	}

	/* Removes all but the base: an interrupted run left them, or they have expired. */
	void remove_snapshots()
	{
		for (const OwnSnapshot &one : own_snapshots(config_, Purpose::backup)) {
			if (one.lv == state_.base && one.uuid == state_.base_uuid)
				continue;
			if (one.is_open) {
				log_.warning({"in use", one.volume,
					      one.volume + " is no longer needed, but is in use"});
				continue;
			}
			remove_snapshot(config_, Purpose::backup, one);
			log_.info({"removed", one.volume,
				   fmt::format("removed {}: no longer needed", one.volume)});
		}
	}

	/* The base of the next increment; none: the whole volume must be written. */
	std::optional<OwnSnapshot> find_base()
	{
		if (options_.full)
			why_full_ = "asked for";
		else if (state_.files.empty())
			why_full_ = "it is the first one";
		else if (config_.full_every &&
			 state_.files.size() - state_.last_full() >= *config_.full_every)
			why_full_ = fmt::format("one of {} is", *config_.full_every);
		if (!why_full_.empty())
			return {};
		std::optional<OwnSnapshot> base = usable_base();
		if (!base)
			log_.warning({"full", config_.volume(),
				      fmt::format("all of {} is backed up: {}", config_.volume(),
						  why_full_)});
		return base;
	}

	/* Sets why_full_ if there is none. */
	std::optional<OwnSnapshot> usable_base()
	{
		if (state_.destination != destination_text(config_)) {
			why_full_ = "the destination is another one";
			return {};
		}
		for (OwnSnapshot &one : own_snapshots(config_, Purpose::backup)) {
			if (one.lv != state_.base || one.uuid != state_.base_uuid)
				continue;
			if (one.is_invalid)
				why_full_ = fmt::format(
					"the snapshot {} of the last one is invalid", one.volume);
			else if (!tells_changes(one))
				why_full_ =
					fmt::format("the driver of {} does not commit when it "
						    "is told to: it is not dmsnap's, or too old",
						    one.volume);
			else
				return one;
			return {};
		}
		why_full_ = fmt::format("the snapshot {}/{} of the last one is not there",
					config_.vg, state_.base);
		return {};
	}

	/* Only dmsnap's driver can be asked for the changes of an active snapshot. */
	static bool tells_changes(const OwnSnapshot &one)
	{
		DeviceMapper machine;
		std::optional<LiveSnapshot> live = machine.snapshot_on(one.path);
		return !live || machine.send_message(live->device, "commit").has_value();
	}

	OwnSnapshot make(int64_t time)
	{
		FileLock lock(schedule_lock_path(config_), FileLock::Busy::wait, "");
		const std::string lv = make_snapshot(config_, Purpose::backup, time);
		for (const OwnSnapshot &one : own_snapshots(config_, Purpose::backup)) {
			if (one.lv == lv)
				return one;
		}
		throw Failure(fmt::format("the snapshot {} was made, and is not there", lv));
	}

	void write(const std::optional<OwnSnapshot> &base, const OwnSnapshot &snapshot)
	{
		StoreOptions source;
		source.origin = snapshot.path;
		if (base)
			source.store = base->path;
		StreamExport stream(source);
		Upload upload(config_, file_.file, file_.kind());
		file_.volume_bytes = stream.volume_bytes();
		try {
			PackedWriter packed(upload.descriptor(), config_.compress);
			figures_ = stream.write(packed.get());
			Packed stored = packed.end();
			file_.bytes = stored.bytes;
			file_.checksum = hexadecimal(stored.checksum);
		} catch (const Failure &) {
			if (was_broken())
				upload.explain();
			throw;
		}
		require_valid(snapshot);
		upload.end();
	}

	/* Writing failed because the command stopped reading. */
	static bool was_broken()
	{
		sigset_t pending;
		return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
	}

	/* A snapshot that became invalid while it was read may have shown later contents. */
	void require_valid(const OwnSnapshot &snapshot)
	{
		for (const OwnSnapshot &one : own_snapshots(config_, Purpose::backup)) {
			if (one.uuid == snapshot.uuid && !one.is_invalid)
				return;
		}
		throw Failure(fmt::format("{} was lost while it was read: its size is too small",
					  snapshot.volume),
			      ExitCode::findings);
	}

	void commit(const OwnSnapshot &snapshot)
	{
		state_.unfinished.clear();
		/* Files in another destination stay, because nobody asked to remove them. */
		if (state_.destination != destination_text(config_))
			state_.files.clear();
		state_.destination = destination_text(config_);
		state_.files.push_back(file_);
		state_.base = snapshot.lv;
		state_.base_uuid = snapshot.uuid;
		forget_old_chains();
		state_.save(config_);
	}

	/* Moves the files of expired chains to the files to remove. */
	void forget_old_chains()
	{
		std::vector<size_t> fulls;
		for (size_t i = 0; i < state_.files.size(); i++) {
			if (state_.files[i].full)
				fulls.push_back(i);
		}
		if (!config_.keep_fulls || fulls.size() <= *config_.keep_fulls)
			return;
		auto end = state_.files.begin() +
			   static_cast<std::ptrdiff_t>(fulls[fulls.size() - *config_.keep_fulls]);
		for (auto one = state_.files.begin(); one != end; ++one)
			state_.unfinished.push_back(one->file);
		state_.files.erase(state_.files.begin(), end);
	}

	/* Reports the first error.  If this fails as well, the next run removes it. */
	void try_to_remove(const OwnSnapshot &snapshot)
	{
		try {
			remove_snapshot(config_, Purpose::backup, snapshot);
		} catch (const Failure &failure) {
			log_.warning({"failed", snapshot.volume, failure.what()});
		}
	}

	const Config &config_;
	BackupState &state_;
	const BackupOptions &options_;
	const EventLog &log_;
	BackupFile file_;
	StreamExport::Figures figures_;
	std::string why_full_;
};

} // namespace

ExitCode backup(const BackupOptions &options)
{
	const bool json = options.schedule.json;
	Config config = read_config(options.schedule.name, options.schedule.config);
	EventLog log(config, json);

	/* A command that ends too early is a plain error. */
	sigset_t broken_pipe;
	sigemptyset(&broken_pipe);
	sigaddset(&broken_pipe, SIGPIPE);
	sigprocmask(SIG_BLOCK, &broken_pipe, nullptr);
	return log.watch([&] {
		destination_text(config);
		FileLock lock(backup_lock_path(config), FileLock::Busy::refuse,
			      "another backup of " + config.name);
		BackupState state = BackupState::load(config);
		if (options.list)
			return list_backups(config, state, json);
		if (options.verify)
			return verify_backups(config, state, json);
		if (!options.restore.empty())
			return restore_backup(config, state, options, log);
		Backup run(config, state, options, log);
		run.run();
		if (json)
			run.report();
		return ExitCode::fine;
	});
}

} // namespace dmsnap::tool
