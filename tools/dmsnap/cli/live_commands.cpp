// SPDX-License-Identifier: GPL-2.0-only
#include "cli/live_commands.hpp"

#include "cli/units.hpp"

namespace dmsnap::tool {

void LiveCommands::add(const AddCommand &add)
{
	add_estimate(add);
	add_status(add);
	add_top(add);
	add_wait(add);
	add_doctor(add);
}

void LiveCommands::add_estimate(const AddCommand &add)
{
	EstimateOptions &options = estimate_;
	CLI::App *command = add("estimate",
				"Compute how large a COW device must be, or when it will be full",
				[&options] { return estimate(options); });
	command->add_option("--rate", options.rate,
			    "Writes to the volume: bytes or a share of it, like 10M/s or 2%/d");
	add_size(command, "--volume", "Size of the volume",
		 [&options](uint64_t size) { options.volume_bytes = size; });
	command->add_option_function<std::string>(
		       "--for",
		       [&options](const std::string &text) {
			       options.seconds = parse_seconds(text);
		       },
		       "Life of the snapshot, or the time between the two --status")
		->type_name("TIME");
	add_size(command, "--write-size", "Size of a write (default 4K)",
		 [&options](uint64_t size) { options.write_bytes = size; });
	command->add_option("--fio-log", options.fio_log,
			    "Log of fio: its iolog, or one with --log_offset=1; - for "
			    "standard input")
		->check(not_empty)
		->type_name("FILE");
	command->add_option("--status", options.statuses,
			    "Line of \"dmsetup status\"; twice, the older one first")
		->expected(1)
		->take_all()
		->type_name("LINE");
	command->add_option_function<std::vector<std::string>>(
		       "--chunk-size",
		       [&options](const std::vector<std::string> &texts) {
			       for (const std::string &text : texts)
				       options.chunk_bytes.push_back(parse_size(text));
		       },
		       "Compute for chunks of this size; may be repeated")
		->expected(1)
		->take_all()
		->type_name("SIZE");
	add_memory(command, options.memory_bytes);
	add_json(command, options.json);
}

void LiveCommands::add_status(const AddCommand &add)
{
	StatusOptions &options = status_;
	CLI::App *command = add("status", "Show the snapshots of this machine and their state",
				[&options] { return status(options); });
	add_names(command, options.names);
	command->add_option("--warn", options.warn_percent,
			    "Exit code 1 also if a COW device is fuller than this")
		->check(CLI::Range(0.0, 100.0))
		->type_name("PERCENT");
	auto *critical =
		command->add_option("--critical", options.critical_percent,
				    "Answer as a plugin of Nagios and Icinga: critical "
				    "if a COW device is fuller than this, or a snapshot bad")
			->check(CLI::Range(0.0, 100.0))
			->type_name("PERCENT");
	auto *prometheus = command->add_flag("--prometheus", options.prometheus,
					     "Print metrics in Prometheus' text format")
				   ->excludes(critical);
	command->add_option("--output", options.output,
			    "Write the metrics to this file, atomically")
		->check(not_empty)
		->type_name("FILE")
		->needs(prometheus);
	add_json(command, options.json)->excludes(critical)->excludes(prometheus);
}

void LiveCommands::add_top(const AddCommand &add)
{
	TopOptions &options = top_;
	CLI::App *command = add("top", "Watch the snapshots of this machine live",
				[&options] { return top(options); });
	add_names(command, options.names);
	command->add_option_function<std::string>(
		       "--interval",
		       [&options](const std::string &text) {
			       options.interval_seconds = parse_seconds(text);
		       },
		       "Sampling interval (default 2s)")
		->type_name("TIME");
	command->add_option("--count", options.count,
			    "End after this many views; 0: never (default: never, but 1 where "
			    "lines are printed)")
		->check(not_negative)
		->type_name("N");
	command->add_flag("--lines", options.lines, "Print lines, even on a terminal");
	command->add_flag("--json", options.json, "Print JSON: a line for each view");
}

void LiveCommands::add_wait(const AddCommand &add)
{
	WaitOptions &options = wait_;
	CLI::App *command = add("wait",
				"Wait until a snapshot is merged, filled to a level, or bad",
				[&options] { return wait(options); });
	command->footer("Exit codes: 0 the condition holds, 1 it can no longer hold, 2 the "
			"command failed,\n3 the timeout expired, 4 there is no merge, "
			"5 LVM2 has postponed it.  More: man dmsnap-wait");
	command->add_option("name", options.name, "Snapshot, or volume that one is merged into")
		->required()
		->check(not_empty)
		->type_name("NAME");
	auto *merged = command->add_flag("--merged", options.merged, "Until the merge is complete");
	command->add_flag("--or-none", options.or_none,
			  "Succeed even if there is no merge, and none is postponed")
		->needs(merged);
	command->add_option("--fill", options.fill_percent,
			    "Until the COW device is this full; not with the kernel's own "
			    "driver")
		->type_name("PERCENT");
	command->add_flag("--invalid", options.invalid, "Until it is invalid, or has overflowed");
	command->add_option_function<std::string>(
		       "--timeout",
		       [&options](const std::string &text) {
			       options.timeout_seconds = parse_seconds(text);
		       },
		       "Wait at most this long")
		->type_name("TIME");
	add_json(command, options.json);
}

void LiveCommands::add_doctor(const AddCommand &add)
{
	DoctorOptions &options = doctor_;
	CLI::App *command = add("doctor",
				"Tell whether the driver is installed and loaded, and what to do",
				[&options] { return doctor(options); });
	command->add_option("--kernel", options.release,
			    "Check this kernel instead of the running one")
		->type_name("RELEASE");
	command->add_option("--root", options.root, "Check the system that is mounted here")
		->type_name("DIR");
	add_json(command, options.json);
}

} // namespace dmsnap::tool
