// SPDX-License-Identifier: GPL-2.0-only
#include "cli/store_commands.hpp"

namespace dmsnap::tool {

void StoreCommands::add(const AddCommand &add)
{
	add_check(add);
	add_dump(add);
	add_restore(add);
	add_repair(add);
}

void StoreCommands::add_check(const AddCommand &add)
{
	CheckOptions &options = check_;
	CLI::App *command = add("check", "Find everything that is wrong with a store",
				[&options] { return check(options); });
	add_store(command, options.store);
	add_origin(command, options.store);
	command->add_option("--max", options.findings_max,
			    "List at most this many findings of a kind, count the others "
			    "(default 1000)")
		->check(not_negative)
		->type_name("N");
	add_json(command, options.json);
}

void StoreCommands::add_dump(const AddCommand &add)
{
	DumpOptions &options = dump_;
	CLI::App *command = add("dump", "Print header, areas and runs of a store",
				[&options] { return dump(options); });
	add_store(command, options.store);
	auto *json = command->add_flag("--json", options.json, "Print JSON");
	auto *form = command->add_flag("--for-restore", options.for_restore,
				       "Print the format that \"dmsnap restore\" reads")
			     ->excludes(json);
	command->add_flag("--with-data", options.with_data,
			  "For restore: also the data of the chunks")
		->needs(form);
}

void StoreCommands::add_restore(const AddCommand &add)
{
	RestoreOptions &options = restore_;
	CLI::App *command = add("restore",
				"Make a store from the output of \"dmsnap dump --for-restore\"",
				[&options] { return restore(options); });
	command->add_option("target", options.target,
			    "Device, or image file (created if it does not exist)")
		->required()
		->check(not_empty)
		->type_name("TARGET");
	command->add_option("--input", options.input, "Read this file instead of standard input")
		->check(not_empty)
		->type_name("FILE");
	command->add_flag("--overwrite", options.overwrite, "Also if the target is not empty");
	add_json(command, options.json);
}

void StoreCommands::add_repair(const AddCommand &add)
{
	RepairOptions &options = repair_;
	CLI::App *command = add("repair", "Report what a repair of a store would lose, or do it",
				[&options] { return repair(options); });
	add_store(command, options.store);
	add_origin(command, options.store);
	auto *output = command->add_option("--output", options.output,
					   "Write a repaired copy here: a new file, or a device")
			       ->check(not_empty)
			       ->type_name("COPY");
	command->add_flag("--in-place", options.in_place, "Repair the store itself")
		->excludes(output);
	command->add_flag("--overwrite", options.overwrite,
			  "Also if the device for the copy is not empty")
		->needs(output);
	command->add_flag("--force", options.force, "Mark the store valid, even if it lost data");
	command->add_option("--chunk-size", options.chunk_sectors,
			    "Write a new header with this chunk size")
		->check(not_negative)
		->type_name("SECTORS");
	add_json(command, options.json);
}

} // namespace dmsnap::tool
