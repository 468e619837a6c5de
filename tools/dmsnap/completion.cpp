// SPDX-License-Identifier: GPL-2.0-only
#include "completion.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "failure.hpp"

namespace dmsnap::tool {
namespace {

std::string option_words(const CLI::App &command)
{
	std::string words;
	for (const CLI::Option *option : command.get_options()) {
		for (const std::string &name : option->get_lnames())
			words += (words.empty() ? "--" : " --") + name;
	}
	return words;
}

std::string bash_script(const CLI::App &app)
{
	std::string names, cases;
	for (const CLI::App *command : app.get_subcommands({})) {
		names += command->get_name() + " ";
		cases += fmt::format("\t{}) words='{}' ;;\n", command->get_name(),
				     option_words(*command));
	}
	return fmt::format("_dmsnap()\n"
			   "{{\n"
			   "\tlocal word=${{COMP_WORDS[COMP_CWORD]}} words\n"
			   "\tCOMPREPLY=()\n"
			   "\tcase ${{COMP_WORDS[1]}} in\n"
			   "{}"
			   "\t*) words='{}{}' ;;\n"
			   "\tesac\n"
			   "\tif [ \"$COMP_CWORD\" = 1 ] || [[ $word == -* ]]; then\n"
			   "\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
			   "\telse\n"
			   "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
			   "\tfi\n"
			   "}}\n"
			   "complete -o filenames -F _dmsnap dmsnap\n",
			   cases, names, option_words(app));
}

std::string fish_text(std::string text)
{
	for (size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 2)
		text.insert(at, "\\");
	return text;
}

std::string fish_script(const CLI::App &app)
{
	std::string script;
	for (const CLI::App *command : app.get_subcommands({})) {
		script += fmt::format("complete -c dmsnap -n __fish_use_subcommand -a {} -d '{}'\n",
				      command->get_name(), fish_text(command->get_description()));
		for (const CLI::Option *option : command->get_options()) {
			for (const std::string &name : option->get_lnames())
				script += fmt::format(
					"complete -c dmsnap -n '__fish_seen_subcommand_from "
					"{}' -l {} {}-d '{}'\n",
					command->get_name(), name,
					option->get_expected_min() > 0 ? "-r " : "",
					fish_text(option->get_description()));
		}
	}
	return script;
}

} // namespace

std::string completion_script(const CLI::App &app, const std::string &shell)
{
	if (shell == "bash")
		return bash_script(app);
	/* zsh understands bash's, when asked to. */
	if (shell == "zsh")
		return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(app);
	if (shell == "fish")
		return fish_script(app);
	throw Failure(fmt::format("no completion for {}: bash, zsh or fish", shell));
}

} // namespace dmsnap::tool
