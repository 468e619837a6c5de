// SPDX-License-Identifier: GPL-2.0-only
/* "dmsnap estimate" with any fio log. */
#include "cli/commands.hpp"
#include "fuzz/input.hpp"
#include "fuzz/tool/files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	using namespace dmsnap::fuzz;
	using namespace dmsnap::tool;

	Input input(data, size);
	uint8_t how = input.byte();
	const std::string first_line = how & 1	 ? "fio version 2 iolog\n"
				       : how & 2 ? "fio version 3 iolog\n"
						 : "";
	std::vector<uint8_t> text(first_line.begin(), first_line.end());
	std::span<const uint8_t> rest = input.rest();
	text.insert(text.end(), rest.begin(), rest.end());

	remove_files();
	EstimateOptions options;
	options.fio_log = write_file("log", text);
	options.chunk_bytes = {4096};
	options.memory_bytes = 1 << 20;
	options.json = how & 4;
	run([&] { return estimate(options); });
	return 0;
}
