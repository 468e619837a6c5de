// SPDX-License-Identifier: GPL-2.0-only
#include "overlay/overlay.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>

#include <fmt/format.h>
#include <libdevmapper.h>
#include <unistd.h>

#include "base/chunk.hpp"
#include "live/device_mapper.hpp"
#include "overlay/block_device.hpp"
#include "overlay/cow_file.hpp"
#include "system/device_name.hpp"
#include "system/failure.hpp"
#include "system/loop_file.hpp"

namespace dmsnap::tool {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view uuid_prefix = "DMSNAP-OVERLAY-";
constexpr std::string_view name_prefix = "overlay-";
/* The kernel's names for a file in memory and for a removed file. */
constexpr std::string_view memory_prefix = "/memfd:", deleted_suffix = " (deleted)";
/* Only dmsnap's module has a version. */
constexpr const char *driver_mark = "/sys/module/dm_snapshot/version";

/* None if it cannot be read. */
std::optional<CowFile> open_to_look(const std::string &file)
try {
	return CowFile::open(file, CowFile::Access::read);
} catch (const Failure &) {
	return {};
}

Overlay active_overlay(MappedDevice device)
{
	Overlay overlay;
	LiveSnapshot table;
	overlay.name = device.name;
	if (take_table(table, device.words)) {
		overlay.origin_device = table.origin;
		std::string file = backing_file_of(table.cow);
		overlay.is_in_memory = file.starts_with(memory_prefix);
		overlay.is_file_removed = !overlay.is_in_memory && file.ends_with(deleted_suffix);
		if (overlay.is_file_removed)
			file.resize(file.size() - deleted_suffix.size());
		if (!overlay.is_in_memory)
			overlay.file = file;
	}
	if (!device.is_inactive && take_target(table, device.target))
		overlay.snapshot = DeviceMapper().snapshot(device.number);
	if (!overlay.file.empty() && !overlay.is_file_removed) {
		if (std::optional<CowFile> opened = open_to_look(overlay.file))
			overlay.label = opened->label();
	}
	overlay.device = std::move(device);
	return overlay;
}

/* Adds the files in the folder whose overlays are not active. */
void add_files(std::vector<Overlay> &overlays, const std::string &folder)
{
	std::error_code error;
	for (const fs::directory_entry &entry : fs::directory_iterator(folder, error)) {
		std::string file = entry.path();
		std::error_code trouble;
		if (!file.ends_with(cow_file_ending) ||
		    !fs::is_regular_file(entry.symlink_status(trouble)))
			continue;
		std::optional<CowFile> opened = open_to_look(file);
		if (!opened)
			continue;
		std::string name = entry.path().stem();
		std::optional<Label> label = opened->label();
		auto active = std::ranges::find(overlays, name, &Overlay::name);
		bool is_ours = label ? label->name == name
				     : name.starts_with(name_prefix) && opened->is_unfinished();
		/* It has no table yet that names the file. */
		if (is_ours && active != overlays.end() && !active->origin_device) {
			active->file = file;
			active->label = label;
		}
		if (active != overlays.end() || !is_ours)
			continue;
		Overlay left;
		left.name = name;
		left.file = file;
		left.label = std::move(label);
		overlays.push_back(std::move(left));
	}
	if (error && error != std::errc::no_such_file_or_directory)
		throw Failure(fmt::format("{}: {}", folder, error.message()));
}

bool is_called(const Overlay &overlay, const std::string &name)
{
	if (name == overlay.name || name_prefix.data() + name == overlay.name ||
	    name == overlay.path())
		return true;
	std::optional<DeviceNumber> device = device_at(name);
	if (device && overlay.origin_device)
		return overlay.origin_device == device;
	return overlay.label && (overlay.label->origin == name ||
				 (device && device_at(overlay.label->origin) == device));
}

} // namespace

bool Overlay::is_merge() const
{
	/* The label has it before the table does. */
	return snapshot ? snapshot->is_merge : label && label->is_merge;
}

bool Overlay::was_origin_writable() const
{
	if (!device)
		return label && label->is_origin_writable;
	return std::string_view(device->uuid).substr(uuid_prefix.size()).starts_with("rw-");
}

std::string Overlay::origin() const
{
	if (origin_device && is_connected(*origin_device))
		return "/dev/" + kernel_name(*origin_device);
	if (label)
		return label->origin;
	return origin_device ? to_text(*origin_device) : "";
}

std::string Overlay::state() const
{
	if (!device && !label)
		return "unfinished: its making was interrupted";
	if (!device)
		return is_merge() ? "half merged, left by a restart" : "left by a restart";
	if (!snapshot)
		return "without a table: its making was interrupted";
	return snapshot->state_text() + (is_file_removed ? ", but its file was removed" : "");
}

bool Overlay::is_bad() const
{
	return !device || !snapshot || snapshot->is_bad() || snapshot->is_suspended ||
	       is_file_removed;
}

std::string overlay_name_of(const std::string &path)
{
	std::string base = fs::path(path).filename();
	char name[256];
	std::optional<DeviceNumber> device = device_at(path);
	if (device && dm_device_get_name(device->major, device->minor, 0, name, sizeof(name)))
		base = name;
	else if (device)
		base = kernel_name(*device);
	/* Characters that device mapper and udev do not escape. */
	for (char &letter : base) {
		if (!std::isalnum(static_cast<unsigned char>(letter)) &&
		    std::string_view("#+-.:=@_").find(letter) == std::string_view::npos)
			letter = '_';
	}
	return std::string(name_prefix) + base;
}

std::string overlay_uuid(const std::string &name, bool is_origin_writable)
{
	return fmt::format("{}{}-{}", uuid_prefix, is_origin_writable ? "rw" : "ro", name);
}

std::vector<Overlay> find_overlays(const std::string &folder)
{
	std::vector<Overlay> overlays;
	for (MappedDevice &device : mapped_devices(std::string(uuid_prefix)))
		overlays.push_back(active_overlay(std::move(device)));
	add_files(overlays, folder);
	std::ranges::sort(overlays, std::less<>(), &Overlay::name);
	return overlays;
}

std::vector<Overlay> select_overlays(const std::string &folder,
				     const std::vector<std::string> &names)
{
	std::vector<Overlay> all = find_overlays(folder), selected;
	for (const std::string &name : names) {
		bool found = false;
		for (const Overlay &overlay : all) {
			bool is_there = std::ranges::any_of(selected, [&](const Overlay &other) {
				return other.name == overlay.name;
			});
			if (!is_called(overlay, name))
				continue;
			found = true;
			if (!is_there)
				selected.push_back(overlay);
		}
		if (!found)
			throw Failure(fmt::format("there is no overlay {}; those of another folder "
						  "than {} are found with --dir",
						  name, folder));
	}
	return selected;
}

void require_unused(const Overlay &overlay)
{
	constexpr useconds_t pause_us = 200000;

	if (!overlay.device)
		return;
	/* Like a removal by device mapper: udev looks at a device that was just closed. */
	for (int tries = 25; tries > 0; tries--) {
		if (users_of(overlay.device->number) == 0)
			return;
		usleep(pause_us);
	}
	std::string names;
	for (DeviceNumber holder : holders_of(overlay.device->number))
		names += (names.empty() ? "" : ", ") + kernel_name(holder);
	throw Failure(fmt::format("{} is in use{}: unmount it, or stop what stands on it",
				  overlay.name, names.empty() ? "" : " by " + names));
}

void load_overlay(const std::string &name, DeviceNumber origin, DeviceNumber cow, OverlayMode mode)
{
	const bool is_merge = mode == OverlayMode::merges_them;
	bool can_stall = !is_merge && access(driver_mark, F_OK) == 0;
	load_mapped(name, {.sectors = look_at_device(origin).bytes / sector_bytes,
			   .target = is_merge ? "snapshot-merge" : "snapshot",
			   .words = fmt::format("{} {} P {}{}", to_text(origin), to_text(cow),
						overlay_chunk_sectors,
						can_stall ? " 1 stall_on_full" : "")});
}

void take_down(const std::string &name, DeviceNumber device, std::optional<DeviceNumber> origin,
	       bool was_writable)
{
	auto is_free = [&] {
		return origin && was_writable && is_connected(*origin) &&
		       std::ranges::all_of(holders_of(*origin),
					   [&](DeviceNumber holder) { return holder == device; });
	};
	/*
	 * Before the device is removed, because only the device records what to do.  If this
	 * command is killed in between, the next one does it.
	 */
	bool is_given_back = is_free();
	if (is_given_back)
		set_read_only(*origin, false);
	try {
		remove_mapped(name);
	} catch (const Failure &) {
		if (is_given_back)
			set_read_only(*origin, true);
		throw;
	}
	/* Another overlay on the same origin may have been removed at the same time. */
	if (is_free())
		set_read_only(*origin, false);
}

} // namespace dmsnap::tool
