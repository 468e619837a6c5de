// SPDX-License-Identifier: GPL-2.0-only
#include "cli/command_line.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "backup/schedule.hpp"
#include "cli/change_commands.hpp"
#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "cli/live_commands.hpp"
#include "cli/nearest_word.hpp"
#include "cli/option_words.hpp"
#include "cli/progress.hpp"
#include "cli/store_commands.hpp"
#include "group/commands.hpp"
#include "overlay/commands.hpp"
#include "serve/serve.hpp"

namespace dmsnap::tool {
namespace {

constexpr const char *exit_codes =
	"Exit codes: 0 fine, 1 something is wrong with what was examined, 2 the command failed.\n"
	"More: man dmsnap";

using Run = std::function<ExitCode()>;

class CommandLine {
public:
	CommandLine()
	{
		app_.require_subcommand(1);
		app_.footer(exit_codes);
		app_.set_version_flag("-V,--version", "dmsnap " DMSNAP_VERSION,
				      "Print the version");
		const AddCommand adder = [this](const char *name, const char *what,
						const Run &run) { return add(name, what, run); };
		store_.add(adder);
		change_.add(adder);
		live_.add(adder);
		add_serve();
		schedule_.add(adder);
		group_.add(adder);
		overlay_.add(app_,
			     [this](CLI::App *parent, const char *name, const char *what,
				    const Run &run) { return add_to(parent, name, what, run); });
		add_completion();
	}

	ExitCode run(int argc, char **argv)
	{
		/* CLI11 takes them in reverse order. */
		std::vector<std::string> words(argv + 1, argv + argc);
		if (!words.empty() && words[0] == "help") {
			words.erase(words.begin());
			/* The name of a command, and of a subcommand. */
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
		throw Failure(
			fmt::format("unknown {} \"{}\"{}. Try: dmsnap help", what, word,
				    meant.empty() ? "" : fmt::format("; \"{}\" is one", meant)));
	}

	/* All words up to the first one that is no command. */
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
		/* A subcommand's callback comes before that of its command. */
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
			"line every half minute elsewhere)");
		style->check(CLI::IsMember(&styles))->type_name("STYLE");
		command->add_flag_callback(
			       "--quiet", [] { Progress::set_style(Progress::Style::none); },
			       "Show no progress")
			->excludes(style);
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
		command->add_option("--nbd", options.socket, "Create this socket for NBD clients")
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
	StoreCommands store_;
	ChangeCommands change_;
	LiveCommands live_;
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
