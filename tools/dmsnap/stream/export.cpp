// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap export: writes the changes of the origin since the snapshot was made, with their data,
 * as a stream.
 */
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "stream/export_stream.hpp"
#include "system/continued_file.hpp"
#include "system/output_file.hpp"

namespace dmsnap::tool {
namespace {

void report_export(const ExportOptions &options, const StreamExport::Figures &figures)
{
	/* The stream may go to standard output. */
	FILE *out = options.output.empty() && options.resume.empty() ? stderr : stdout;
	if (!options.json) {
		fmt::print(out, "exported {} bytes in {} records\n", figures.bytes,
			   figures.records);
		return;
	}
	JsonOutput json(out);
	json.members(
		{{"full", options.full}, {"bytes", figures.bytes}, {"records", figures.records}});
	json.finish();
}

StreamExport::Figures write_new(StreamExport &stream, const std::string &path)
{
	OutputFile output(path);
	StreamExport::Figures figures = stream.write(output.get());
	output.end();
	return figures;
}

StreamExport::Figures complete(StreamExport &stream, const std::string &path)
{
	ContinuedFile file(path);
	StreamExport::Figures figures;
	try {
		figures = stream.write(file.get());
	} catch (const Failure &) {
		file.why();
		throw;
	}
	file.end();
	return figures;
}

} // namespace

ExitCode export_changes(const ExportOptions &options)
{
	if (options.store.origin.empty())
		throw Failure("--origin is missing");
	if (options.full != options.store.store.empty())
		throw Failure("give either a store or --full");
	StreamExport stream(options.store);
	report_export(options, options.resume.empty() ? write_new(stream, options.output)
						      : complete(stream, options.resume));
	return ExitCode::fine;
}

} // namespace dmsnap::tool
