// SPDX-License-Identifier: GPL-2.0-only
#include "stream/apply_stream.hpp"

#include <optional>
#include <vector>

#include <fmt/format.h>

#include "cli/progress.hpp"
#include "stream/contents.hpp"
#include "stream/half_applied.hpp"
#include "stream/undo_file.hpp"
#include "system/device_name.hpp"

namespace dmsnap::tool {
namespace {

void require_free(Volume &target)
{
	std::string held = contents_of(target);
	if (!held.empty())
		throw Failure(fmt::format("{}: holds {}, and not all of what the stream holds: "
					  "what is there is lost only with --any-base",
					  target.path(), held));
}

/* Writes the records.  Saves the old contents first if requested. */
class Applier {
public:
	/* @target: the existing copy.  It is written unless there is a @copy for that. */
	Applier(const ApplyOptions &options, const StreamInfo &info, Volume &target, Volume *copy)
	    : options_(options), info_(info), target_(copy ? *copy : target),
	      has_name_(!target.is_new()), blank_(info.full && !has_name_),
	      in_place_(!copy && has_name_ && !options.dry_run), mark_(target)
	{
		if (!options.undo.empty())
			undo_.emplace(options.undo, info);
	}

	void take(const Record &record)
	{
		if (blank_) {
			take_blank(record);
			return;
		}
		auto present = first_of(present_, record.length);
		target_.read_all(record.offset, present);
		mark_.saw(record);
		Checksum found = checksum_of(present);
		if (found == record.content) {
			applied_.there_bytes += record.length;
			return;
		}
		require_same_stream();
		require_base(record, found);
		applied_.written_bytes += record.length;
		if (options_.dry_run)
			return;
		if (!undo_) {
			write(record, found);
			return;
		}
		undo_->keep(record, present);
		waiting_.push_back({record, found, {record.data.begin(), record.data.end()}});
		waiting_bytes_ += record.length;
		if (waiting_bytes_ >= waiting_bytes_max)
			write_waiting();
	}

	void end()
	{
		write_waiting();
		/* Without a mark, a stream must have an end to lead back. */
		if (undo_)
			undo_->end();
		if (!options_.dry_run && has_name_) {
			target_.appear();
			mark_.end();
		}
	}

	const Applied &applied() const { return applied_; }
	/* If the stream ends here, the copy has only a part of it. */
	bool is_half() const { return is_half_; }
	/* Everything that had to be undone is undone, or will be after end(). */
	bool is_undone() const { return mark_.is_undone(); }

private:
	/* The undo file is flushed after so many bytes. */
	static constexpr uint64_t waiting_bytes_max = 32 << 20;

	struct Waiting {
		Record record;
		Checksum found;
		std::vector<std::byte> data;
	};

	/* A full stream writes each place once, so a blank target need not be read. */
	void take_blank(const Record &record)
	{
		if (record.data.empty()) {
			applied_.there_bytes += record.length;
			return;
		}
		applied_.written_bytes += record.length;
		put(record);
	}

	void require_same_stream() const
	{
		if (!has_name_ || options_.any_base || !mark_.is_other())
			return;
		if (mark_.is_too_early())
			throw Failure(fmt::format("{}: a later part was applied after what this "
						  "undoes (see {}): apply what --undo kept of that "
						  "one first, or use --any-base",
						  options_.target, mark_.path()),
				      ExitCode::findings);
		throw Failure(
			fmt::format("{}: half of another stream is on it (see {}): apply that "
				    "once more, or what --undo kept, or use --any-base",
				    options_.target, mark_.path()),
			ExitCode::findings);
	}

	void require_base(const Record &record, const Checksum &found)
	{
		if (options_.any_base)
			return;
		if (info_.full && applied_.written_bytes == 0 && !mark_.is_again())
			require_free(target_);
		if (info_.full || found == record.base)
			return;
		throw Failure(
			fmt::format("{}: bytes {} to {} are neither what the snapshot held nor "
				    "what the origin holds: this is another copy, an increment "
				    "is missing, or an apply was cut off while it wrote (then "
				    "use --any-base)",
				    options_.target, record.offset,
				    record.offset + record.length - 1),
			ExitCode::findings);
	}

	void write(const Record &record, const Checksum &found)
	{
		if (in_place_) {
			mark_.mark(record, found, undo_ ? undo_->records() : 0);
			is_half_ = true;
		}
		put(record);
	}

	void put(const Record &record)
	{
		if (record.data.empty())
			target_.zero(record.offset, record.length);
		else
			target_.write(record.offset, record.data);
	}

	void write_waiting()
	{
		if (waiting_.empty())
			return;
		undo_->settle();
		for (Waiting &one : waiting_) {
			one.record.data = one.data;
			write(one.record, one.found);
		}
		waiting_.clear();
		waiting_bytes_ = 0;
	}

	const ApplyOptions &options_;
	const StreamInfo &info_;
	Volume &target_;
	/* Or it is new, and the caller names it. */
	const bool has_name_;
	/* It is zero, made for this stream. */
	const bool blank_;
	const bool in_place_;
	HalfApplied mark_;
	bool is_half_ = false;
	std::vector<std::byte> present_;
	std::optional<UndoFile> undo_;
	std::vector<Waiting> waiting_;
	uint64_t waiting_bytes_ = 0;
	Applied applied_;
};

} // namespace

Volume open_target(const ApplyOptions &options, const StreamInfo &info)
{
	const std::string path = path_of(options.target);
	if (info.full && !options.dry_run && options.undo.empty() && !is_there(path))
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

Applied apply_stream(StreamReader &stream, const ApplyOptions &options, Volume &target,
		     Volume *copy)
{
	Progress progress("applying, at most", stream.info().volume_bytes);
	Applier applier(options, stream.info(), target, copy);
	const Applied &applied = applier.applied();
	Record record;
	bool lacks_end = false;
	auto next = [&] {
		try {
			return stream.next(record);
		} catch (const Failure &) {
			lacks_end = applier.is_undone();
			if (!lacks_end)
				throw;
			return false;
		}
	};

	try {
		while (next()) {
			applier.take(record);
			progress.reached(applied.written_bytes + applied.there_bytes);
		}
	} catch (const Failure &failure) {
		if (!applier.is_half())
			throw;
		throw Failure(fmt::format("{}; {} has a part of the stream now, and is marked",
					  failure.what(), options.target),
			      failure.code);
	}
	progress.end();
	applier.end();
	return {applied.written_bytes, applied.there_bytes, lacks_end};
}

} // namespace dmsnap::tool
