// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap overlay extend, reset and drop. */
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "base/chunk.hpp"
#include "cli/units.hpp"
#include "overlay/block_device.hpp"
#include "overlay/commands.hpp"
#include "overlay/cow_file.hpp"
#include "overlay/lock.hpp"
#include "overlay/loop_device.hpp"
#include "system/device_name.hpp"
#include "system/loop_file.hpp"
#include "system/new_file.hpp"

namespace dmsnap::tool {
namespace {

std::string folder_of(const std::string &file)
{
	return std::filesystem::path(file).parent_path();
}

bool is_in(const Overlay &overlay, const std::string &folder)
{
	std::error_code error;
	return !overlay.file.empty() &&
	       std::filesystem::equivalent(folder_of(overlay.file), folder, error);
}

void require_active(const Overlay &overlay)
{
	if (!overlay.snapshot)
		throw Failure(fmt::format("{} is not active: {}", overlay.name, overlay.state()));
	if (overlay.snapshot->is_merge)
		throw Failure(fmt::format("{} is being merged: end that with \"overlay keep\"",
					  overlay.name));
}

void remove_file(const std::string &path)
{
	if (unlink(path.c_str()) != 0 && errno != ENOENT)
		throw Failure(fmt::format("{}: cannot be removed: {}", path, std::strerror(errno)));
}

std::string path_beside(const Overlay &overlay, const char *ending)
{
	return folder_of(overlay.file) + "/" + overlay.name + ending;
}

CowFile new_file_of(const Overlay &overlay, const Label &label)
{
	if (overlay.is_in_memory)
		return CowFile::in_memory(label);
	/* A reset that was killed may have left this. */
	remove_file(path_beside(overlay, new_cow_file_ending));
	return CowFile::create(path_beside(overlay, new_cow_file_ending), label);
}

Label label_of_reset(const Overlay &overlay)
{
	DeviceNumber origin = overlay.snapshot->origin;
	Label label;
	if (overlay.label) {
		label = *overlay.label;
		label.is_merge = false;
	} else {
		std::string image = backing_file_of(origin);
		label = {.name = overlay.name,
			 .origin = image.empty() ? lasting_path(origin, overlay.origin()) : image,
			 .origin_bytes = look_at_device(origin).bytes,
			 .origin_checksum = checksum_of_ends(origin),
			 .is_origin_writable = overlay.was_origin_writable()};
	}
	label.cow_bytes = look_at_device(overlay.snapshot->cow).bytes;
	return label;
}

/*
 * Replaces the store by an empty one; the device stays.  The file gets its name before it is in
 * use: a reboot in between must neither bring the old changes back nor lose later ones.
 */
void reset(const Overlay &overlay)
{
	DeviceNumber origin = overlay.snapshot->origin;
	CowFile file = new_file_of(overlay, label_of_reset(overlay));
	LoopDevice loop(file.descriptor(), overlay.name, Label::bytes, LoopDevice::Access::write);

	/* A killed keep may have left it writable. */
	if (overlay.was_origin_writable())
		set_read_only(origin, true);
	load_overlay(overlay.name, origin, loop.number(), OverlayMode::keeps_changes);
	if (!overlay.is_in_memory) {
		std::string path = path_beside(overlay, cow_file_ending);
		if (std::rename(file.path().c_str(), path.c_str()) != 0)
			throw Failure(fmt::format("{}: cannot be replaced: {}", path,
						  std::strerror(errno)));
		file.keep();
		sync_folder_of(path);
	}
	exchange_table(overlay.name);
}

void extend(const Overlay &overlay, uint64_t bytes)
{
	/* Read the label again: a keep may have changed it since the overlay was found. */
	CowFile::change_label(overlay.file, [&](Label &label) {
		label.cow_bytes = bytes / sector_bytes * sector_bytes;
	});
	take_new_size(overlay.snapshot->cow);
}

/* Does it for each in turn, and reports which are done, even if one fails. */
void do_each(const std::vector<Overlay> &overlays, bool json, const char *done,
	     const std::function<void(const Overlay &)> &action)
{
	std::vector<std::string> names;
	for (const Overlay &overlay : overlays) {
		try {
			action(overlay);
		} catch (const Failure &failure) {
			if (names.empty())
				throw;
			throw Failure(fmt::format("{} (before that, {}: {})", failure.what(), done,
						  fmt::join(names, ", ")));
		}
		names.push_back(overlay.name);
	}
	print_done(overlays, json, done);
}

} // namespace

ExitCode extend_overlays(const OverlayOptions &options)
{
	FileLock lock = lock_overlays();
	std::vector<Overlay> overlays = select_overlays(options.folder, options.names);
	std::map<std::string, uint64_t> more;
	for (const Overlay &overlay : overlays) {
		require_active(overlay);
		if (overlay.is_file_removed)
			throw Failure(fmt::format(
				"{} cannot become larger: its file {} was removed; keep it, or reset it",
				overlay.name, overlay.file));
		if (!overlay.label)
			throw Failure(fmt::format(
				"{} has its changes in {}, and cannot become larger", overlay.name,
				overlay.is_in_memory ? "memory" : "no file"));
		/* Not the label's size: a command may have been killed after it changed that. */
		uint64_t bytes = look_at_device(overlay.snapshot->cow).bytes;
		if (options.bytes <= bytes)
			throw Failure(
				fmt::format("{} has {} already: --size is the new size, and larger",
					    overlay.name, size_text(static_cast<double>(bytes))));
		more[folder_of(overlay.file)] += options.bytes - bytes;
	}
	for (const auto &[folder, bytes] : more) {
		if (uint64_t free = free_bytes_in(folder); bytes > free)
			throw Failure(fmt::format("{} more than the {} that are free in {}",
						  size_text(static_cast<double>(bytes)),
						  size_text(static_cast<double>(free)), folder));
	}
	do_each(overlays, options.json, "extended",
		[&](const Overlay &overlay) { extend(overlay, options.bytes); });
	return ExitCode::fine;
}

ExitCode reset_overlays(const OverlayOptions &options)
{
	FileLock lock = lock_overlays();
	std::vector<Overlay> overlays = select_overlays(options.folder, options.names);
	for (const Overlay &overlay : overlays) {
		require_active(overlay);
		require_unused(overlay);
		if (!overlay.is_in_memory && overlay.file.empty())
			throw Failure(fmt::format("{} has its changes in no file that is known: "
						  "drop it, and make it again",
						  overlay.name));
	}
	do_each(overlays, options.json, "reset", reset);
	return ExitCode::fine;
}

void remove_files(const Overlay &overlay)
{
	if (overlay.file.empty())
		return;
	remove_file(path_beside(overlay, cow_file_ending));
	remove_file(path_beside(overlay, new_cow_file_ending));
	sync_folder_of(overlay.file);
}

void drop(const Overlay &overlay)
{
	if (overlay.device)
		take_down(overlay.name, overlay.device->number, overlay.origin_device,
			  overlay.was_origin_writable());
	remove_files(overlay);
}

ExitCode drop_overlays(const OverlayOptions &options)
{
	if (options.all == !options.names.empty())
		throw Failure("name the overlays to drop, or use --all");
	FileLock lock = lock_overlays();
	std::vector<Overlay> overlays = options.all
						? find_overlays(options.folder)
						: select_overlays(options.folder, options.names);
	if (options.all && options.is_folder_given)
		std::erase_if(overlays, [&](const Overlay &overlay) {
			return !is_in(overlay, options.folder);
		});
	for (const Overlay &overlay : overlays) {
		require_unused(overlay);
		if (overlay.is_merge() && !options.force)
			throw Failure(fmt::format(
				"{} is half merged, and {} is neither what it was nor what it is to be: "
				"end that with \"overlay keep\", or lose it with --force",
				overlay.name, overlay.origin()));
	}
	do_each(overlays, options.json, "dropped", drop);
	return ExitCode::fine;
}

} // namespace dmsnap::tool
