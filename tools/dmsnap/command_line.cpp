// SPDX-License-Identifier: GPL-2.0-only
#include "command_line.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "backup/schedule.hpp"
#include "commands.hpp"
#include "completion.hpp"
#include "group/commands.hpp"
#include "nearest_word.hpp"
#include "overlay/commands.hpp"
#include "progress.hpp"
#include "serve/serve.hpp"
#include "units.hpp"

namespace dmsnap::tool {
namespace {

constexpr const char *exit_codes =
	"Exit codes: 0 fine, 1 something is wrong with what was examined, 2 the command failed.\n"
	"More: man dmsnap";

constexpr const char *store_or_snapshot = "COW device, an image of one, or an active snapshot";

using Run = std::function<ExitCode()>;

class CommandLine {
public:
	CommandLine()
	{
		app_.require_subcommand(1);
		app_.footer(exit_codes);
		app_.set_version_flag("-V,--version", "dmsnap " DMSNAP_VERSION,
				      "Print the version");
		add_check();
		add_dump();
		add_restore();
		add_repair();
		add_diff();
		add_export();
		add_apply();
		add_estimate();
		add_status();
		add_top();
		add_wait();
		add_doctor();
		add_serve();
		schedule_.add([this](const char *name, const char *what, const Run &run) {
			return add(name, what, run);
		});
		group_.add([this](const char *name, const char *what, const Run &run) {
			return add(name, what, run);
		});
		overlay_.add(app_,
			     [this](CLI::App *parent, const char *name, const char *what,
				    const Run &run) { return add_to(parent, name, what, run); });
		add_completion();
	}

	ExitCode run(int argc, char **argv)
	{
		/* As CLI11 wants them, the last one first. */
		std::vector<std::string> words(argv + 1, argv + argc);
		if (!words.empty() && words[0] == "help") {
			words.erase(words.begin());
			/* Of a command, and of one that belongs to it. */
			words.resize(std::min<size_t>(words.size(), 2));
			words.push_back("--help");
		}
		require_commands(words);
		std::ranges::reverse(words);
		try {
			app_.parse(std::move(words));
		} catch (const CLI::ExtrasError &) {
			CLI::App *command = app_.get_subcommands().at(0);
			while (!command->get_subcommands().empty())
				command = command->get_subcommands().at(0);
			refuse_word(command->remaining(true).at(0), option_names(*command),
				    "option or argument of " + command->get_name());
		} catch (const CLI::ParseError &error) {
			if (error.get_exit_code() == 0)
				return app_.exit(error), ExitCode::fine;
			throw Failure(fmt::format("{}. Try: dmsnap help", error.what()));
		}
		return run_();
	}

private:
	[[noreturn]] static void refuse_word(const std::string &word,
					     const std::vector<std::string> &words,
					     const std::string &what)
	{
		std::string meant = nearest_word(word, words);
		throw Failure(fmt::format("\"{}\" is no {}{}. Try: dmsnap help", word, what,
					  meant.empty() ? "" : fmt::format("; \"{}\" is", meant)));
	}

	/* That is, each word up to the first that is none of a command. */
	void require_commands(const std::vector<std::string> &words)
	{
		const CLI::App *above = &app_;
		for (const std::string &word : words) {
			const std::vector<std::string> commands = command_names(*above);
			if (commands.empty() || word.starts_with('-'))
				return;
			if (std::ranges::find(commands, word) == commands.end())
				refuse_word(word, commands,
					    above == &app_ ? "command"
							   : "command of " + above->get_name());
			above = above->get_subcommand(word);
		}
	}

	static std::vector<std::string> command_names(const CLI::App &above)
	{
		std::vector<std::string> names;
		for (const CLI::App *command : above.get_subcommands({}))
			names.push_back(command->get_name());
		return names;
	}

	static std::vector<std::string> option_names(const CLI::App &command)
	{
		std::vector<std::string> names;
		for (const CLI::Option *option : command.get_options()) {
			for (const std::string &name : option->get_lnames())
				names.push_back("--" + name);
		}
		return names;
	}

	CLI::App *add(const char *name, const char *what, const Run &run)
	{
		return add_to(&app_, name, what, run);
	}

	CLI::App *add_to(CLI::App *parent, const char *name, const char *what, const Run &run)
	{
		CLI::App *command = parent->add_subcommand(name, what);
		command->footer(exit_codes);
		/* That of a command comes before the one of the command that it belongs to. */
		command->callback([this, run] {
			if (!run_)
				run_ = run;
		});
		add_progress(command);
		return command;
	}

	static void add_progress(CLI::App *command)
	{
		static const std::map<std::string, Progress::Style> styles = {
			{"bar", Progress::Style::bar},
			{"json", Progress::Style::json},
			{"none", Progress::Style::none}};
		auto *style = command->add_option_function<std::string>(
			"--progress",
			[](const std::string &name) { Progress::set_style(styles.at(name)); },
			"How to report progress: bar, json or none (default: a bar on a terminal, a "
			"line now and then elsewhere)");
		style->check(CLI::IsMember(&styles))->type_name("STYLE");
		command->add_flag_callback(
			       "--quiet", [] { Progress::set_style(Progress::Style::none); },
			       "Show no progress")
			->excludes(style);
	}

	/* For what names something: an empty text is a variable that was not set. */
	static std::string not_empty(const std::string &text)
	{
		return text.empty() ? "a name is empty" : "";
	}

	static CLI::Option *add_json(CLI::App *command, bool &json)
	{
		return command->add_flag("--json", json, "Print JSON");
	}

	static CLI::Option *add_size(CLI::App *command, const char *name, const char *what,
				     const std::function<void(uint64_t)> &take)
	{
		return command
			->add_option_function<std::string>(
				name, [take](const std::string &text) { take(parse_size(text)); },
				what)
			->type_name("SIZE");
	}

	static void add_memory(CLI::App *command, size_t &bytes)
	{
		add_size(command, "--memory", "Limit the memory for sets of chunks (default 256M)",
			 [&bytes](uint64_t size) { bytes = size; });
	}

	/* Of a command that does without a store, the caller drops "required". */
	static CLI::Option *add_store(CLI::App *command, StoreOptions &options,
				      const char *what = "COW device, or an image of one")
	{
		add_memory(command, options.memory_bytes);
		return command->add_option("store", options.store, what)
			->required()
			->check(not_empty)
			->type_name("STORE");
	}

	static void add_origin(CLI::App *command, StoreOptions &options)
	{
		auto *origin = command->add_option("--origin", options.origin,
						   "Check against this origin: its size and blocks")
				       ->check(not_empty)
				       ->type_name("ORIGIN");
		add_size(command, "--origin-size", "Check against an origin of this size",
			 [&options](uint64_t size) { options.origin_bytes = size; })
			->excludes(origin);
	}

	static void add_names(CLI::App *command, std::vector<std::string> &names)
	{
		command->add_option("names", names,
				    "Only these: vg-snap, vg/snap or /dev/vg/snap; of a merge, "
				    "the volume")
			->type_name("NAME");
	}

	void add_check()
	{
		CheckOptions &options = check_;
		CLI::App *command = add("check", "Find everything that is wrong with a store",
					[&options] { return check(options); });
		add_store(command, options.store);
		add_origin(command, options.store);
		command->add_option("--max", options.findings_max,
				    "List at most this many findings of a kind, count the others "
				    "(default 1000)")
			->check(CLI::NonNegativeNumber)
			->type_name("N");
		add_json(command, options.json);
	}

	void add_dump()
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

	void add_restore()
	{
		RestoreOptions &options = restore_;
		CLI::App *command = add(
			"restore", "Make a store from the output of \"dmsnap dump --for-restore\"",
			[&options] { return restore(options); });
		command->add_option("target", options.target,
				    "Device, or image file (created if it does not exist)")
			->required()
			->check(not_empty)
			->type_name("TARGET");
		command->add_option("--input", options.input,
				    "Read this file instead of standard input")
			->check(not_empty)
			->type_name("FILE");
		command->add_flag("--overwrite", options.overwrite,
				  "Also if the target is not empty");
		add_json(command, options.json);
	}

	void add_repair()
	{
		RepairOptions &options = repair_;
		CLI::App *command = add("repair",
					"Report what a repair of a store would lose, or do it",
					[&options] { return repair(options); });
		add_store(command, options.store);
		add_origin(command, options.store);
		auto *output =
			command->add_option("--output", options.output,
					    "Write a repaired copy here: a new file, or a device")
				->check(not_empty)
				->type_name("COPY");
		command->add_flag("--in-place", options.in_place, "Repair the store itself")
			->excludes(output);
		command->add_flag("--overwrite", options.overwrite,
				  "Also if the device for the copy is not empty")
			->needs(output);
		command->add_flag("--force", options.force,
				  "Mark the store valid, even if it lost data");
		command->add_option("--chunk-size", options.chunk_sectors,
				    "Write a new header with this chunk size")
			->check(CLI::NonNegativeNumber)
			->type_name("SECTORS");
		add_json(command, options.json);
	}

	void add_diff()
	{
		DiffOptions &options = diff_;
		CLI::App *command = add(
			"diff",
			"List what may have changed since the snapshot: offset and length, in bytes",
			[&options] { return diff(options); });
		add_store(command, options.store, store_or_snapshot);
		add_origin(command, options.store);
		add_json(command, options.json);
	}

	void add_export()
	{
		ExportOptions &options = export_;
		CLI::App *command =
			add("export",
			    "Write what changed since the snapshot, with its data, as a stream",
			    [&options] { return export_changes(options); });
		add_store(command, options.store, store_or_snapshot)->required(false);
		command->add_option("--origin", options.store.origin,
				    "Take the data from this origin; while it is in use, from "
				    "this younger snapshot")
			->required()
			->check(not_empty)
			->type_name("ORIGIN");
		command->add_flag("--full", options.full,
				  "Export all of the origin; there is no store");
		command->add_option("--output", options.output,
				    "Write to this new file instead of standard output")
			->check(not_empty)
			->type_name("FILE");
		add_json(command, options.json);
	}

	void add_apply()
	{
		ApplyOptions &options = apply_;
		CLI::App *command = add("apply", "Apply a stream of export to a copy",
					[&options] { return apply(options); });
		command->add_option("target", options.target,
				    "Copy: a device or an image file; a full stream makes one")
			->required()
			->check(not_empty)
			->type_name("TARGET");
		command->add_option("--input", options.input,
				    "Read this file instead of standard input")
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

	void add_estimate()
	{
		EstimateOptions &options = estimate_;
		CLI::App *command =
			add("estimate",
			    "Compute how large a COW device must be, or when it will be full",
			    [&options] { return estimate(options); });
		command->add_option(
			"--rate", options.rate,
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

	void add_status()
	{
		StatusOptions &options = status_;
		CLI::App *command = add("status",
					"Show the snapshots of this machine and their state",
					[&options] { return status(options); });
		add_names(command, options.names);
		command->add_option("--warn", options.warn_percent,
				    "Exit code 1 also if a COW device is fuller than this")
			->check(CLI::Range(0.0, 100.0))
			->type_name("PERCENT");
		auto *critical =
			command->add_option(
				       "--critical", options.critical_percent,
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

	void add_top()
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
		command->add_option(
			       "--count", options.count,
			       "End after this many views; 0: never (default: never, but 1 where "
			       "lines are printed)")
			->check(CLI::NonNegativeNumber)
			->type_name("N");
		command->add_flag("--lines", options.lines, "Print lines, also on a terminal");
		command->add_flag("--json", options.json, "Print JSON: a line for each view");
	}

	void add_wait()
	{
		WaitOptions &options = wait_;
		CLI::App *command =
			add("wait", "Wait until a snapshot is merged, filled to a level, or bad",
			    [&options] { return wait(options); });
		command->footer("Exit codes: 0 the condition holds, 1 it can no longer hold, 2 the "
				"command failed,\n3 the timeout expired, 4 there is no merge, "
				"5 LVM2 has postponed it.  More: man dmsnap-wait");
		command->add_option("name", options.name,
				    "Snapshot, or volume that one is merged into")
			->required()
			->check(not_empty)
			->type_name("NAME");
		auto *merged = command->add_flag("--merged", options.merged,
						 "Until the merge is complete");
		command->add_flag("--or-none", options.or_none,
				  "Succeed also if there is no merge, and none is postponed")
			->needs(merged);
		command->add_option("--fill", options.fill_percent,
				    "Until the COW device is this full; not with the kernel's own "
				    "driver")
			->type_name("PERCENT");
		command->add_flag("--invalid", options.invalid,
				  "Until it is invalid, or has overflowed");
		command->add_option_function<std::string>(
			       "--timeout",
			       [&options](const std::string &text) {
				       options.timeout_seconds = parse_seconds(text);
			       },
			       "Wait at most this long")
			->type_name("TIME");
		add_json(command, options.json);
	}

	void add_doctor()
	{
		DoctorOptions &options = doctor_;
		CLI::App *command = add(
			"doctor", "Tell whether the driver is installed and loaded, and what to do",
			[&options] { return doctor(options); });
		command->add_option("--kernel", options.release,
				    "Check this kernel instead of the running one")
			->type_name("RELEASE");
		command->add_option("--root", options.root, "Check the system that is mounted here")
			->type_name("DIR");
		add_json(command, options.json);
	}

	void add_serve()
	{
		ServeOptions &options = serve_;
		CLI::App *command =
			add("serve", "Show a snapshot without a driver: as a read-only NBD export",
			    [&options] { return serve(options); });
		add_store(command, options.store);
		command->add_option("--origin", options.store.origin,
				    "Its origin, or an image of it")
			->required()
			->check(not_empty)
			->type_name("ORIGIN");
		command->add_option("--nbd", options.socket, "Make this socket for NBD clients")
			->required()
			->check(not_empty)
			->type_name("FILE");
	}

	void add_completion()
	{
		CLI::App *command = add("completion",
					"Print a completion script for bash, zsh or fish", [this] {
						fmt::print("{}", completion_script(app_, shell_));
						return ExitCode::fine;
					});
		command->add_option("shell", shell_, "bash, zsh or fish")
			->required()
			->type_name("SHELL");
	}

	CLI::App app_{"dmsnap watches device-mapper snapshots, checks and repairs their stores, "
		      "and copies volumes by what changed in them.",
		      "dmsnap"};
	Run run_;
	CheckOptions check_;
	DumpOptions dump_;
	RestoreOptions restore_;
	RepairOptions repair_;
	DiffOptions diff_;
	ExportOptions export_;
	ApplyOptions apply_;
	EstimateOptions estimate_;
	StatusOptions status_;
	TopOptions top_;
	WaitOptions wait_;
	DoctorOptions doctor_;
	ServeOptions serve_;
	ScheduleCommands schedule_;
	GroupCommand group_;
	OverlayCommands overlay_;
	std::string shell_;
};

} // namespace

ExitCode run_command_line(int argc, char **argv)
{
	return CommandLine().run(argc, argv);
}

} // namespace dmsnap::tool
