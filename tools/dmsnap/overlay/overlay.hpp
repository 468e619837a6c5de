// SPDX-License-Identifier: GPL-2.0-only
/*
 * Overlay: a writable snapshot over a device that is set read-only, for trying things out.
 *
 * There is no file of its state.  What is active is found by the UUID of its mapped device,
 * which also says whether the device under it was writable before; what a restart has left,
 * by the labels of files in a folder.
 */
#pragma once

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
	/* None: only the file is there. */
	std::optional<MappedDevice> device;
	/* None: the making was interrupted before it had its table. */
	std::optional<LiveSnapshot> snapshot;
	/* Known also of one that is not finished, if it was made read-only. */
	std::optional<DeviceNumber> origin_device;
	/* What is behind the COW device; empty: it is in memory, or unknown. */
	std::string file;
	bool is_in_memory = false;
	/* That file was removed, and is gone when the device is; another one may have its name. */
	bool is_file_removed = false;
	/* Of the file. */
	std::optional<Label> label;

	std::string path() const { return "/dev/mapper/" + name; }
	/* The device under it is neither what it was nor what it is to be. */
	bool is_merge() const;
	/* The device under it was writable before. */
	bool was_origin_writable() const;
	/* "/dev/sdb" */
	std::string origin() const;
	/* "active", "full, writes wait", "left by a restart" ... */
	std::string state() const;
	/* It is of no use as it is. */
	bool is_bad() const;
};

constexpr const char *default_overlay_folder = "/var/lib/dmsnap/overlay";
constexpr uint32_t overlay_chunk_sectors = 8;

/* "overlay-sdb", of a device or an image of this path. */
std::string overlay_name_of(const std::string &path);
std::string overlay_uuid(const std::string &name, bool is_origin_writable);

/* All that are active, and those that are left in the folder; by name. */
std::vector<Overlay> find_overlays(const std::string &folder);
/* Those of these names, of overlays or of their devices; throws a Failure for one of none. */
std::vector<Overlay> select_overlays(const std::string &folder,
				     const std::vector<std::string> &names);
/* Throws a Failure when something has the device open. */
void require_unused(const Overlay &overlay);

/* Gives the device of an overlay its table, over all of the origin; throws a Failure. */
void load_overlay(const std::string &name, DeviceNumber origin, DeviceNumber cow, bool is_merge);
/*
 * The device of an overlay goes, and what is under it is as writable as before, unless another
 * overlay stands there.  No @origin: that is not known.
 */
void take_down(const std::string &name, DeviceNumber device, std::optional<DeviceNumber> origin,
	       bool was_writable);

} // namespace dmsnap::tool
