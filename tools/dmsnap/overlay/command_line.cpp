// SPDX-License-Identifier: GPL-2.0-only
/* The options of "dmsnap overlay". */
#include <CLI/CLI.hpp>

#include "cli/units.hpp"
#include "overlay/commands.hpp"

namespace dmsnap::tool {
namespace {

std::string not_empty(const std::string &text)
{
	return text.empty() ? "a name is empty" : "";
}

} // namespace

void OverlayCommands::add(CLI::App &app, const Add &add_to)
{
	OverlayOptions &options = options_;
	CLI::App *overlay =
		add_to(&app, "overlay", "Put writable snapshots over devices, to try things out",
		       []() -> ExitCode { throw Failure("no command of overlay is given"); });
	overlay->require_subcommand(1);

	auto add = [&](const char *name, const char *what, const Run &run) {
		CLI::App *command = add_to(overlay, name, what, run);
		command->add_option("--dir", options.folder,
				    std::string("Folder of the files with the changes (default ") +
					    default_overlay_folder + ")")
			->check(not_empty)
			->each([&options](const std::string &) { options.is_folder_given = true; })
			->type_name("DIR");
		command->add_flag("--json", options.json, "Print JSON");
		return command;
	};
	auto take_names = [&](CLI::App *command, const char *type, const char *what) {
		return command->add_option("names", options.names, what)
			->check(not_empty)
			->type_name(type);
	};
	auto take_size = [&](CLI::App *command, const char *what) {
		return command
			->add_option_function<std::string>(
				"--size",
				[&options](const std::string &text) {
					options.bytes = parse_size(text);
				},
				what)
			->type_name("SIZE");
	};

	CLI::App *create = add(
		"create", "Put an overlay over each device, which becomes read-only", [&options] {
			return options.resume ? resume_overlays(options) : create_overlays(options);
		});
	take_names(create, "TARGET", "Devices, or images; with --resume, overlays")->required();
	auto *size = take_size(create, "Room for the changes of each");
	auto *ram = create->add_flag("--ram", options.is_in_memory,
				     "Keep the changes in memory, until the next restart")
			    ->excludes(create->get_option("--dir"));
	auto *copies =
		create->add_option("--copies", options.copies,
				   "Put this many overlays over each, with a number in the name")
			->check(CLI::Range(1, 9999))
			->type_name("N");
	create->add_flag("--resume", options.resume, "Activate overlays that a restart has left")
		->excludes(size)
		->excludes(ram)
		->excludes(copies);

	CLI::App *status = add("status", "Show the overlays and their state",
			       [&options] { return overlay_status(options); });
	take_names(status, "NAME", "Overlays, or devices under them (default: all)");
	status->add_option("--warn", options.warn_percent,
			   "Exit code 1 if one is fuller than this (default 80)")
		->check(CLI::Range(0.0, 100.0))
		->type_name("PERCENT");

	CLI::App *extend = add("extend", "Extend overlays, even in use",
			       [&options] { return extend_overlays(options); });
	take_names(extend, "NAME", "Overlays, or devices under them")->required();
	take_size(extend, "The new size of each")->required();

	CLI::App *reset = add("reset", "Discard the changes, and keep the overlays",
			      [&options] { return reset_overlays(options); });
	take_names(reset, "NAME", "Overlays, or devices under them")->required();

	CLI::App *drop = add("drop",
			     "Remove overlays and their changes, even those left by a restart",
			     [&options] { return drop_overlays(options); });
	auto *names = take_names(drop, "NAME", "Overlays, or devices under them");
	drop->add_flag("--all", options.all, "All overlays; with --dir, those with files there")
		->excludes(names);
	drop->add_flag("--force", options.force, "Even one that is half merged");

	CLI::App *keep = add("keep", "Write the changes of an overlay to the device under it",
			     [&options] { return keep_overlay(options); });
	take_names(keep, "NAME", "Overlay, or the device under it")->required()->expected(1);
	keep->add_flag("--yes", options.yes, "Do not ask");
}

} // namespace dmsnap::tool
