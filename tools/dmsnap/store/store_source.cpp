// SPDX-License-Identifier: GPL-2.0-only
#include "store/store_source.hpp"

#include <fmt/format.h>

#include "system/device_name.hpp"

namespace dmsnap::tool {

StoreSource::StoreSource(const StoreOptions &options, Volume::Access access)
    : cow(path_of(options.store), access)
{
	read_options.memory_bytes = options.memory_bytes;
	read_options.blocks.cow_sectors = cow.block_sectors();
	read_options.origin_bytes = options.origin_bytes;
	if (options.origin.empty())
		return;
	origin.emplace(path_of(options.origin), Volume::Access::read);
	read_options.blocks.origin_sectors = origin->block_sectors();
	read_options.origin_bytes = origin->bytes();
}

void require_list(const StoreReport &report, const Volume &cow)
{
	if (report.has_list)
		return;
	if (!report.not_looked_at.empty())
		throw Failure(fmt::format("{}: {}", cow.path(), report.not_looked_at));
	if (report.kind == format::DecodedHeader::Kind::blank && report.device_bytes)
		throw Failure(cow.path() + ": there is no store: the first 4 bytes are zero",
			      ExitCode::findings);
	throw Failure(cow.path() + ": not a store that can be read; \"dmsnap check\" says why",
		      ExitCode::findings);
}

void require_good(const StoreReport &report, const Volume &cow)
{
	require_list(report, cow);
	if (report.valid == 0)
		throw Failure(cow.path() + ": the snapshot is marked invalid: it does not know all "
					   "that changed",
			      ExitCode::findings);
	if (report.findings)
		throw Failure(fmt::format("{}: {} found wrong with the store; see \"dmsnap check\"",
					  cow.path(), report.findings),
			      ExitCode::findings);
	if (!report.not_looked_at.empty())
		throw Failure(fmt::format("{}: {}", cow.path(), report.not_looked_at));
}

} // namespace dmsnap::tool
