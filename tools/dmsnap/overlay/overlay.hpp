// SPDX-License-Identifier: GPL-2.0-only
/*
 * Overlay: a writable snapshot of a device that is set read-only, for trying things out.
 *
 * It has no state file.  The UUID of its mapped device identifies an active overlay, and records
 * whether the device under it was writable before.  After a reboot the labels of the files in a
 * folder identify overlays.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "live/live_snapshot.hpp"
#include "overlay/label.hpp"
#include "overlay/mapped_device.hpp"

namespace dmsnap::tool {

struct Overlay {
	/* "overlay-sdb" */
	std::string name;
	/* None if there is only the file. */
	std::optional<MappedDevice> device;
	/* None if it was interrupted before it had its table. */
	std::optional<LiveSnapshot> snapshot;
	/* Also set for an unfinished overlay if the device was made read-only. */
	std::optional<DeviceNumber> origin_device;
	/* The file behind the COW device; empty if it is in memory or unknown. */
	std::string file;
	bool is_in_memory = false;
	/* The file was removed and goes with the device; another file may have its name. */
	bool is_file_removed = false;
	/* The label of the file. */
	std::optional<Label> label;

	std::string path() const { return "/dev/mapper/" + name; }
	/* The device under it holds a mixture of old and new contents. */
	bool is_merge() const;
	/* The device under it was writable before. */
	bool was_origin_writable() const;
	/* "/dev/sdb" */
	std::string origin() const;
	/* "active", "full, writes wait", "left by a restart" ... */
	std::string state() const;
	/* It cannot be used as it is. */
	bool is_bad() const;
};

constexpr const char *default_overlay_folder = "/var/lib/dmsnap/overlay";
constexpr uint32_t overlay_chunk_sectors = 8;

/* "overlay-sdb", for a device or image with this path. */
std::string overlay_name_of(const std::string &path);
std::string overlay_uuid(const std::string &name, bool is_origin_writable);

/* All active overlays, and those in the folder; by name. */
std::vector<Overlay> find_overlays(const std::string &folder);
/* Those with these names, or on these devices.  Throws a Failure for an unknown name. */
std::vector<Overlay> select_overlays(const std::string &folder,
				     const std::vector<std::string> &names);
/* Throws a Failure if the device is open. */
void require_unused(const Overlay &overlay);

/* What the device of an overlay does. */
enum class OverlayMode : uint8_t { keeps_changes, merges_them };
/* Loads the table of an overlay's device, over the whole origin.  Throws a Failure. */
void load_overlay(const std::string &name, DeviceNumber origin, DeviceNumber cow, OverlayMode mode);
/*
 * Removes the device of an overlay.  Makes the device under it writable again if it was before,
 * unless it has another overlay.  No @origin: it is not known.
 */
void take_down(const std::string &name, DeviceNumber device, std::optional<DeviceNumber> origin,
	       bool was_writable);

} // namespace dmsnap::tool
