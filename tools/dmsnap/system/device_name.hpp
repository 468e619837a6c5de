// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a device or an image is named, by all commands in the same way:
 *
 *	/dev/vg/snap, ./image, ../image   a path
 *	vg/snap                           a logical volume
 *	vg-snap, sda, image               device mapper's name, a device, or if there is none,
 *	                                  a file in the working directory
 *
 * Devices take precedence, and a name with a slash is never looked up in the working directory:
 * a file or link that someone put there must not replace a device.
 */
#pragma once

#include <optional>
#include <string>

#include "live/live_snapshot.hpp"

namespace dmsnap::tool {

/* The block device of that path; none: there is none, or it is something else. */
std::optional<DeviceNumber> device_at(const std::string &path);

/* A name that it has after a restart too, if udev knows one; else @path. */
std::string lasting_path(DeviceNumber device, const std::string &path);

/* The path of the device or image; throws a Failure for a missing volume. */
std::string path_of(const std::string &name);

} // namespace dmsnap::tool
