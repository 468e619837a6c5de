// SPDX-License-Identifier: GPL-2.0-only
/* The commands of dmsnap overlay; cli/commands.hpp has the other commands. */
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "overlay/overlay.hpp"
#include "system/failure.hpp"

namespace CLI {
class App;
} // namespace CLI

namespace dmsnap::tool {

struct OverlayOptions {
	/* Devices and images, or names of overlays. */
	std::vector<std::string> names;
	std::string folder = default_overlay_folder;
	bool is_folder_given = false;
	bool json = false;

	/* create, extend: the size of each COW device. */
	uint64_t bytes = 0;
	/* create: */
	bool is_in_memory = false;
	unsigned int copies = 0;
	bool resume = false;
	/* status: */
	double warn_percent = 80;
	/* drop: */
	bool all = false;
	bool force = false;
	/* keep: */
	bool yes = false;
};

ExitCode create_overlays(const OverlayOptions &options);
ExitCode resume_overlays(const OverlayOptions &options);
ExitCode overlay_status(const OverlayOptions &options);
ExitCode extend_overlays(const OverlayOptions &options);
ExitCode reset_overlays(const OverlayOptions &options);
ExitCode drop_overlays(const OverlayOptions &options);
ExitCode keep_overlay(const OverlayOptions &options);

/*
 * Activates overlays that a reboot has left, all or none.  Their labels name their devices.
 * Throws a Failure.
 */
void activate_left(const std::vector<Overlay> &overlays, const std::string &folder);
/* Removes the device, the loop device and the file.  Throws a Failure. */
void drop(const Overlay &overlay);
void remove_files(const Overlay &overlay);
/* Prints what was done with overlays ("dropped"), one a line or as JSON. */
void print_done(const std::vector<Overlay> &overlays, bool json, const char *what);
/* Prints all that is known of each. */
void print_json(const std::vector<Overlay> &overlays);

/* The options of "dmsnap overlay". */
class OverlayCommands {
public:
	/* @add_to: adds a subcommand. */
	using Run = std::function<ExitCode()>;
	using Add = std::function<CLI::App *(CLI::App *parent, const char *name, const char *what,
					     const Run &run)>;
	void add(CLI::App &app, const Add &add_to);

private:
	OverlayOptions options_;
};

} // namespace dmsnap::tool
