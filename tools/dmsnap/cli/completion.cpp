// SPDX-License-Identifier: GPL-2.0-only
#include "cli/completion.hpp"

#include <map>
#include <string_view>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backup/config.hpp"
#include "live/device_mapper.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

/* What words an argument can be, according to its name in the help. */
enum class Kind { nothing, snapshot, volume, config, file, folder, words };

struct Argument {
	Kind kind = Kind::nothing;
	/* For Kind::words. */
	const char *words = "";
};

/* Drops the checks that CLI11 appends: "N:NONNEGATIVE". */
std::string type_of(const CLI::Option &option)
{
	std::string name = option.get_type_name();
	return name.substr(0, name.find(':'));
}

Argument argument_of(const CLI::Option &option)
{
	static const std::map<std::string, Argument> known = {
		{"NAME", {Kind::snapshot}},
		{"CONFIG", {Kind::config}},
		{"STORE", {Kind::volume}},
		{"ORIGIN", {Kind::volume}},
		{"TARGET", {Kind::file}},
		{"FILE", {Kind::file}},
		{"COPY", {Kind::file}},
		{"DIR", {Kind::folder}},
		{"SHELL", {Kind::words, "bash zsh fish"}},
		{"STYLE", {Kind::words, "bar json none"}},
	};
	auto found = known.find(type_of(option));
	return found == known.end() ? Argument() : found->second;
}

constexpr const char *list_snapshots = "dmsnap completion snapshots 2>/dev/null";
constexpr const char *list_configs = "dmsnap completion configs 2>/dev/null";

std::string words_of(const CLI::Option &option)
{
	std::string words;
	for (const std::string &name : option.get_lnames())
		words += "--" + name + " ";
	return words;
}

std::string option_words(const CLI::App &command)
{
	std::string words;
	for (const CLI::Option *option : command.get_options())
		words += words_of(*option);
	return words;
}

bool takes_argument(const CLI::Option &option)
{
	return option.get_expected_min() > 0;
}

const CLI::Option *positional_of(const CLI::App &command)
{
	for (const CLI::Option *option : command.get_options()) {
		if (option->get_positional())
			return option;
	}
	return nullptr;
}

struct Command {
	/* "check", "overlay create" */
	std::string words;
	const CLI::App *app;
};

/* Subcommands come after their command. */
std::vector<Command> commands_of(const CLI::App &app)
{
	std::vector<Command> commands;
	for (const CLI::App *command : app.get_subcommands({})) {
		commands.push_back({command->get_name(), command});
		for (const CLI::App *own : command->get_subcommands({}))
			commands.push_back({command->get_name() + " " + own->get_name(), own});
	}
	return commands;
}

std::string names_of(const std::vector<const CLI::App *> &commands)
{
	std::string names;
	for (const CLI::App *command : commands)
		names += command->get_name() + " ";
	return names;
}

std::string bash_action(const Argument &argument)
{
	switch (argument.kind) {
	case Kind::nothing:
		return ":";
	case Kind::snapshot:
		return fmt::format("words=$({})", list_snapshots);
	case Kind::volume:
		return fmt::format("words=$({}) files=-f", list_snapshots);
	case Kind::config:
		return fmt::format("words=$({})", list_configs);
	case Kind::file:
		return "files=-f";
	case Kind::folder:
		return "files=-d";
	case Kind::words:
		return fmt::format("words='{}'", argument.words);
	}
	return ":";
}

/* A word is an argument of the option before it, an option, or an argument of the command. */
std::string bash_script(const CLI::App &app)
{
	std::string names = names_of(app.get_subcommands({})), two_words;
	std::string options, arguments, positionals;
	for (const auto &[name, command] : commands_of(app)) {
		options += fmt::format("\t\t'{}') words='{}' ;;\n", name, option_words(*command));
		if (std::string own = names_of(command->get_subcommands({})); !own.empty()) {
			two_words +=
				fmt::format("\t{}) command+=\" ${{COMP_WORDS[2]}}\" ;;\n", name);
			positionals += fmt::format("\t\t{}) words='{}' ;;\n", name, own);
		}
		for (const CLI::Option *option : command->get_options()) {
			for (const std::string &word : option->get_lnames()) {
				if (takes_argument(*option))
					arguments += fmt::format("\t'{} --{}') {} ;;\n", name, word,
								 bash_action(argument_of(*option)));
			}
		}
		if (const CLI::Option *positional = positional_of(*command))
			positionals += fmt::format("\t\t'{}') {} ;;\n", name,
						   bash_action(argument_of(*positional)));
	}
	return fmt::format("_dmsnap()\n"
			   "{{\n"
			   "\tlocal word=${{COMP_WORDS[COMP_CWORD]}} words= files=\n"
			   "\tlocal command=${{COMP_WORDS[1]}}\n"
			   "\tCOMPREPLY=()\n"
			   "\t[ \"$COMP_CWORD\" = 2 ] || case $command in\n"
			   "{}"
			   "\tesac\n"
			   "\tcase \"$command ${{COMP_WORDS[COMP_CWORD - 1]}}\" in\n"
			   "{}"
			   "\t*)\n"
			   "\t\tif [ \"$COMP_CWORD\" = 1 ]; then\n"
			   "\t\t\twords='{}{}'\n"
			   "\t\telif [[ $word == -* ]]; then\n"
			   "\t\t\tcase $command in\n"
			   "{}"
			   "\t\t\tesac\n"
			   "\t\telse\n"
			   "\t\t\tcase $command in\n"
			   "\t\thelp) words='{}' ;;\n"
			   "{}"
			   "\t\t\tesac\n"
			   "\t\tfi\n"
			   "\t\t;;\n"
			   "\tesac\n"
			   "\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\"\n"
			   "\t\tif [ -n \"$files\" ]; then compgen $files -- \"$word\"; fi)\n"
			   "}}\n"
			   "complete -o filenames -F _dmsnap dmsnap\n",
			   two_words, arguments, names, option_words(app), options, names,
			   positionals);
}

/* Puts a backslash before each character of @special. */
std::string escaped(std::string text, std::string_view special)
{
	for (size_t at = 0; (at = text.find_first_of(special, at)) != std::string::npos; at += 2)
		text.insert(at, "\\");
	return text;
}

/* Text in single quotes, escaped for zsh's _arguments. */
std::string zsh_text(const std::string &text)
{
	std::string quoted;
	for (char letter : escaped(text, "[]:\\"))
		quoted += letter == '\'' ? "'\\''" : std::string(1, letter);
	return quoted;
}

std::string zsh_action(const Argument &argument)
{
	switch (argument.kind) {
	case Kind::nothing:
		return " ";
	case Kind::snapshot:
		return "_dmsnap_snapshots";
	case Kind::volume:
		return "_dmsnap_volumes";
	case Kind::config:
		return "_dmsnap_configs";
	case Kind::file:
		return "_files";
	case Kind::folder:
		return "_files -/";
	case Kind::words:
		return fmt::format("({})", argument.words);
	}
	return " ";
}

std::string zsh_names(const std::vector<const CLI::App *> &commands)
{
	std::string names;
	for (const CLI::App *command : commands)
		names += fmt::format("\t\t'{}:{}'\n", command->get_name(),
				     zsh_text(command->get_description()));
	return names;
}

std::string zsh_script(const CLI::App &app)
{
	std::string names = zsh_names(app.get_subcommands({})), two_words, cases;
	for (const auto &[name, command] : commands_of(app)) {
		if (std::vector own = command->get_subcommands({}); !own.empty())
			two_words += fmt::format("\tif [[ $command == {} ]]; then\n"
						 "\t\tcommands=(\n{}\t\t)\n"
						 "\t\tif ((CURRENT == 2)); then\n"
						 "\t\t\t_describe -t commands command commands\n"
						 "\t\t\treturn\n"
						 "\t\tfi\n"
						 "\t\tcommand+=\" $words[2]\"\n"
						 "\t\tshift words\n"
						 "\t\t((CURRENT--))\n"
						 "\tfi\n",
						 name, zsh_names(own));
		cases += fmt::format("\t'{}')\n\t\t_arguments", name);
		for (const CLI::Option *option : command->get_options()) {
			Argument argument = argument_of(*option);
			for (const std::string &word : option->get_lnames()) {
				cases += fmt::format(" \\\n\t\t\t'--{}[{}]", word,
						     zsh_text(option->get_description()));
				if (takes_argument(*option))
					cases += fmt::format(":{}:{}", type_of(*option),
							     zsh_action(argument));
				cases += "'";
			}
		}
		if (const CLI::Option *positional = positional_of(*command))
			cases += fmt::format(" \\\n\t\t\t'*:{}:{}'", type_of(*positional),
					     zsh_action(argument_of(*positional)));
		cases += "\n\t\t;;\n";
	}
	return fmt::format(
		"#compdef dmsnap\n"
		"_dmsnap_snapshots()\n"
		"{{\n"
		"\tlocal -a names=(${{(f)\"$({})\"}})\n"
		"\tcompadd -M 'r:|/=*' -- $names\n"
		"}}\n"
		"_dmsnap_configs()\n"
		"{{\n"
		"\tlocal -a names=(${{(f)\"$({})\"}})\n"
		"\tcompadd -- $names\n"
		"}}\n"
		"_dmsnap_volumes()\n"
		"{{\n"
		"\t_dmsnap_snapshots\n"
		"\t_files\n"
		"}}\n"
		"_dmsnap()\n"
		"{{\n"
		"\tlocal -a commands=(\n"
		"{}"
		"\t)\n"
		"\tif ((CURRENT == 2)); then\n"
		"\t\t_describe -t commands command commands\n"
		"\t\treturn\n"
		"\tfi\n"
		"\tlocal command=$words[2]\n"
		"\tshift words\n"
		"\t((CURRENT--))\n"
		"{}"
		"\tcase $command in\n"
		"\thelp) _describe -t commands command commands ;;\n"
		"{}"
		"\tesac\n"
		"}}\n"
		"if [ \"$funcstack[1]\" = _dmsnap ]; then _dmsnap \"$@\"; else compdef _dmsnap dmsnap; "
		"fi\n",
		list_snapshots, list_configs, names, two_words, cases);
}

std::string fish_action(const Argument &argument)
{
	switch (argument.kind) {
	case Kind::nothing:
		return "-f";
	case Kind::snapshot:
		return fmt::format("-f -a '({})'", list_snapshots);
	case Kind::volume:
		return fmt::format("-F -a '({})'", list_snapshots);
	case Kind::config:
		return fmt::format("-f -a '({})'", list_configs);
	case Kind::file:
		return "-F";
	case Kind::folder:
		return "-f -a '(__fish_complete_directories)'";
	case Kind::words:
		return fmt::format("-f -a '{}'", argument.words);
	}
	return "-f";
}

std::string fish_script(const CLI::App &app)
{
	std::string script = "complete -c dmsnap -f\n"
			     "function __dmsnap_is\n"
			     "\tset -l words (commandline -opc)\n"
			     "\tset -l last (math (count $argv) + 1)\n"
			     "\ttest (count $words) -ge $last\n"
			     "\tand test \"$words[2..$last]\" = \"$argv\"\n"
			     "end\n";
	for (const auto &[name, command] : commands_of(app)) {
		const std::string seen = fmt::format("__dmsnap_is {}", name);
		const std::string above = name.substr(0, name.find(' '));
		script += fmt::format("complete -c dmsnap -n '{}' -a {} -d '{}'\n",
				      above == name ? "__fish_use_subcommand"
						    : fmt::format("__dmsnap_is {}; and test (count "
								  "(commandline -opc)) = 2",
								  above),
				      command->get_name(),
				      escaped(command->get_description(), "'\\"));
		for (const CLI::Option *option : command->get_options()) {
			for (const std::string &word : option->get_lnames())
				script += fmt::format(
					"complete -c dmsnap -n '{}' -l {} {}-d '{}'\n", seen, word,
					takes_argument(*option)
						? "-r " + fish_action(argument_of(*option)) + " "
						: "",
					escaped(option->get_description(), "'\\"));
		}
		if (const CLI::Option *positional = positional_of(*command))
			script += fmt::format("complete -c dmsnap -n '{}' {}\n", seen,
					      fish_action(argument_of(*positional)));
	}
	return script;
}

std::string snapshot_names()
{
	std::string names;
	DeviceMapper machine;
	for (const LiveSnapshot &snapshot : machine.snapshots())
		names += snapshot.shown_name() + "\n";
	return names;
}

} // namespace

std::string completion_script(const CLI::App &app, const std::string &shell)
{
	if (shell == "snapshots")
		return snapshot_names();
	if (shell == "configs")
		return fmt::format("{}\n", fmt::join(config_names(), "\n"));
	if (shell == "bash")
		return bash_script(app);
	if (shell == "zsh")
		return zsh_script(app);
	if (shell == "fish")
		return fish_script(app);
	throw Failure(fmt::format("no completion for {}: bash, zsh or fish", shell));
}

} // namespace dmsnap::tool
