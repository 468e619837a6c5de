// SPDX-License-Identifier: GPL-2.0-only
/* "dmsnap restore" with any text.  A store that it makes must have no problems. */
#include "cli/commands.hpp"
#include "fuzz/input.hpp"
#include "fuzz/tool/files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	using namespace dmsnap::fuzz;
	using namespace dmsnap::tool;

	/* Supplied, because most inputs would have it wrong, and restore would read no further. */
	const std::string first_line = "dmsnap-dump 1\n";
	std::vector<uint8_t> text(first_line.begin(), first_line.end());
	Input input(data, size);
	if (input.byte() & 1)
		text.clear();
	std::span<const uint8_t> rest = input.rest();
	text.insert(text.end(), rest.begin(), rest.end());

	remove_files();
	RestoreOptions options;
	options.target = file_path("store");
	options.input = write_file("text", text);
	if (run([&] { return restore(options); }) != ExitCode::fine)
		return 0;
	CheckOptions check_options;
	check_options.store.store = options.target;
	if (run([&] { return check(check_options); }) == ExitCode::failed)
		does_not_hold("a restored store can be read");
	return 0;
}
