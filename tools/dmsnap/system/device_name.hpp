// SPDX-License-Identifier: GPL-2.0-only
/*
 * The names of devices and images, the same for all commands:
 *
 *	/dev/vg/snap, ./image, ../image   a path
 *	vg/snap                           a logical volume
 *	vg-snap, sda, image               device mapper's name, a device, or if there is none,
 *	                                  a file in the working directory
 *
 * Devices take precedence.  A name with a slash is never looked up in the working directory,
 * because a file or link that someone put there must not replace a device.
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/* The block device with this path; none if there is none, or if it is something else. */
std::optional<DeviceNumber> device_at(const std::string &path);

/* A persistent name, if udev knows one; otherwise @path. */
std::string lasting_path(DeviceNumber device, const std::string &path);
/*
 * All that name it after a restart too, the best one first: device mapper's name; or udev's links,
 * and then what the device itself says, as without udev.
 */
std::vector<std::string> lasting_names(DeviceNumber device);

/* The path of the device or image.  Throws a Failure for a missing volume. */
std::string path_of(const std::string &name);

} // namespace dmsnap::tool
