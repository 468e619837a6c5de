// SPDX-License-Identifier: GPL-2.0-only
#include "cli/change_commands.hpp"

namespace dmsnap::tool {

namespace {

constexpr const char *store_or_snapshot = "COW device, an image of one, or an active snapshot";

} // namespace

void ChangeCommands::add(const AddCommand &add)
{
	add_diff(add);
	add_export(add);
	add_apply(add);
}

void ChangeCommands::add_diff(const AddCommand &add)
{
	DiffOptions &options = diff_;
	CLI::App *command =
		add("diff",
		    "List what may have changed since the snapshot: offset and length, in bytes",
		    [&options] { return diff(options); });
	add_store(command, options.store, store_or_snapshot);
	add_origin(command, options.store);
	add_json(command, options.json);
}

void ChangeCommands::add_export(const AddCommand &add)
{
	ExportOptions &options = export_;
	CLI::App *command = add("export",
				"Write what changed since the snapshot, with its data, as a stream",
				[&options] { return export_changes(options); });
	add_store(command, options.store, store_or_snapshot)->required(false);
	command->add_option("--origin", options.store.origin,
			    "Take the data from this origin; while it is in use, from "
			    "this younger snapshot")
		->required()
		->check(not_empty)
		->type_name("ORIGIN");
	command->add_flag("--full", options.full, "Export all of the origin; there is no store");
	auto *output = command->add_option("--output", options.output,
					   "Write to this new file instead of standard output")
			       ->check(not_empty)
			       ->type_name("FILE");
	command->add_option("--resume", options.resume,
			    "Complete this file, which has the beginning of the stream")
		->check(not_empty)
		->type_name("FILE")
		->excludes(output);
	add_json(command, options.json);
}

void ChangeCommands::add_apply(const AddCommand &add)
{
	ApplyOptions &options = apply_;
	CLI::App *command = add("apply", "Apply a stream of export to a copy",
				[&options] { return apply(options); });
	command->add_option("target", options.target,
			    "The copy: a device or an image file, which a full stream creates")
		->required()
		->check(not_empty)
		->type_name("TARGET");
	command->add_option("--input", options.input, "Read this file instead of standard input")
		->check(not_empty)
		->type_name("FILE");
	auto *dry_run = command->add_flag("--dry-run", options.dry_run,
					  "Check the stream and the copy, write nothing");
	auto *undo = command->add_option("--undo", options.undo,
					 "Save what is overwritten in this new file, as a "
					 "stream that undoes the change")
			     ->check(not_empty)
			     ->type_name("FILE")
			     ->excludes(dry_run);
	command->add_flag("--atomic", options.atomic,
			  "Change a copy of the image file, which replaces it at the "
			  "end")
		->excludes(undo);
	command->add_flag("--any-base", options.any_base,
			  "Do not check whether the copy holds what the snapshot held");
	add_json(command, options.json);
}

} // namespace dmsnap::tool
