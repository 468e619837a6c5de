// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap overlay keep: merges the changes of an overlay into the device under it. */
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/chunk.hpp"
#include "cli/printable.hpp"
#include "cli/progress.hpp"
#include "cli/units.hpp"
#include "live/device_mapper.hpp"
#include "live/dm_events.hpp"
#include "overlay/block_device.hpp"
#include "overlay/commands.hpp"
#include "overlay/cow_file.hpp"
#include "overlay/lock.hpp"
#include "system/device_name.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {
namespace {

/* The in-tree driver has no event for the end of a merge. */
constexpr double look_again_seconds = 0.5;

void require_alone(const Overlay &overlay, const std::string &folder)
{
	for (const Overlay &other : find_overlays(folder)) {
		if (other.name != overlay.name && other.snapshot &&
		    other.snapshot->origin == overlay.snapshot->origin)
			throw Failure(fmt::format("{} stands on {} too: drop it first", other.name,
						  overlay.origin()));
	}
}

void require_mergeable(const Overlay &overlay, const std::string &folder)
{
	if (overlay.snapshot->is_bad())
		throw Failure(fmt::format("{} is {}: its changes cannot be kept", overlay.name,
					  overlay.state()));
	if (!overlay.was_origin_writable())
		throw Failure(fmt::format("{} was read-only before: make it writable (blockdev "
					  "--setrw), drop the overlay and make it again",
					  overlay.origin()));
	require_unused(overlay);
	require_alone(overlay, folder);
}

void ask(const std::string &text, const OverlayOptions &options)
{
	if (options.yes)
		return;
	if (!isatty(STDIN_FILENO))
		throw Failure(fmt::format("{} Nobody can be asked: say --yes", text));
	fmt::print(stderr, "{} Go on? [y/N] ", printable(text));
	std::string answer;
	std::getline(std::cin, answer);
	if (answer != "y" && answer != "yes")
		throw Failure("nothing was done");
}

void ask_to_merge(const Overlay &overlay, const OverlayOptions &options)
{
	const CowUsage &usage = *overlay.snapshot->usage;
	std::string text = fmt::format(
		"{} of changes will be written to {}, which cannot be taken back.",
		size_text(static_cast<double>(usage.unmerged()) * sector_bytes), overlay.origin());
	if (!overlay.label)
		text += " If the machine fails meanwhile, the rest of them is lost.";
	ask(text, options);
}

/* The checksum of a half merged device cannot tell it from another one of its size. */
void ask_to_go_on(const Overlay &overlay, const OverlayOptions &options)
{
	const std::string &origin = overlay.label->origin;
	std::optional<DeviceNumber> device = device_at(origin);
	std::string name = device ? " (" + kernel_name(*device) + ")" : "";
	ask(fmt::format("{} is half merged: the rest of its changes will be written to {}{}. Only "
			"its size can be compared: be sure that it is the same device.",
			overlay.name, origin, name),
	    options);
}

void write_mode(const Overlay &overlay, OverlayMode mode)
{
	/* Read the label again: an extension may have changed it since the overlay was found. */
	CowFile::change_label(overlay.file, [mode](Label &label) {
		label.is_merge = mode == OverlayMode::merges_them;
	});
}

void begin_merge(const Overlay &overlay)
{
	const LiveSnapshot &snapshot = *overlay.snapshot;
	/* After a reboot the device must not be taken for the original any more. */
	if (overlay.label) {
		write_mode(overlay, OverlayMode::merges_them);
	} else if (overlay.is_file_removed) {
		/* Another file may have its name by now. */
		remove_files(overlay);
	}
	try {
		set_read_only(snapshot.origin, false);
		load_overlay(overlay.name, snapshot.origin, snapshot.cow, OverlayMode::merges_them);
	} catch (const Failure &) {
		/* Nothing was merged yet. */
		set_read_only(snapshot.origin, true);
		if (overlay.label)
			write_mode(overlay, OverlayMode::keeps_changes);
		throw;
	}
	exchange_table(overlay.name);
}

void wait_for_merge(const Overlay &overlay)
{
	DeviceMapper machine;
	DmEvents events;
	std::optional<Progress> progress;
	uint64_t total = 0;

	for (;;) {
		events.arm();
		std::optional<LiveSnapshot> now = machine.snapshot(overlay.device->number);
		if (!now || !now->is_merge)
			throw Failure(fmt::format("{} is not merged any more: its table was "
						  "changed",
						  overlay.name));
		if (now->state == SnapshotState::merged)
			return;
		if (now->is_bad())
			throw Failure(fmt::format(
				"{} is {}; the kernel's log says why. Fix that, then \"overlay keep\" "
				"continues it",
				overlay.name, now->state_text()));
		if (now->is_suspended)
			throw Failure(fmt::format("{} is suspended: resume it with \"dmsetup "
						  "resume\"",
						  overlay.name));
		uint64_t left = now->usage->unmerged();
		total = std::max(total, left);
		if (!progress)
			progress.emplace("merging", total);
		progress->reached(total - left);
		events.wait(look_again_seconds);
	}
}

} // namespace

ExitCode keep_overlay(const OverlayOptions &options)
{
	auto select = [&options] {
		std::vector<Overlay> found = select_overlays(options.folder, options.names);
		if (found.size() != 1)
			throw Failure("name one overlay: there are several over that device");
		return found[0];
	};
	Overlay overlay = select();
	if (!overlay.device) {
		if (!overlay.is_merge())
			throw Failure(
				fmt::format("{} is not active: take it up with \"overlay create "
					    "--resume\" first, and look at it",
					    overlay.name));
		ask_to_go_on(overlay, options);
		FileLock lock = lock_overlays();
		activate_left({overlay}, options.folder);
		overlay = select();
	}
	if (!overlay.snapshot)
		throw Failure(fmt::format("{} is {}", overlay.name, overlay.state()));
	DeviceNumber origin = overlay.snapshot->origin;
	if (!overlay.snapshot->is_merge) {
		require_mergeable(overlay, options.folder);
		ask_to_merge(overlay, options);
		/* Only now: the answer may have taken hours, and others must not wait for it. */
		FileLock lock = lock_overlays();
		overlay = select();
		if (!overlay.snapshot || overlay.snapshot->is_merge ||
		    overlay.snapshot->origin != origin)
			throw Failure(fmt::format("{} was changed meanwhile: it is {}",
						  overlay.name, overlay.state()));
		require_mergeable(overlay, options.folder);
		begin_merge(overlay);
	} else if (overlay.snapshot->is_suspended) {
		/* A command was killed between the two steps. */
		resume_mapped(overlay.name);
	}
	wait_for_merge(overlay);
	/* Somebody may have opened it in the meantime. */
	require_unused(select());
	/* Flush the device's own cache. */
	Volume::share("/dev/" + kernel_name(origin)).sync();
	drop(select());
	print_done({overlay}, options.json, "kept");
	return ExitCode::fine;
}

} // namespace dmsnap::tool
