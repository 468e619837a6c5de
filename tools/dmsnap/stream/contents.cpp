// SPDX-License-Identifier: GPL-2.0-only
#include "stream/contents.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <vector>

#include <blkid/blkid.h>
#include <fmt/format.h>

#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

constexpr uint64_t looked_at_bytes = 1 << 20;

struct FreeProbe {
	void operator()(blkid_struct_probe *probe) const { blkid_free_probe(probe); }
};

std::string value(blkid_probe probe, const char *name)
{
	const char *data = nullptr;
	return blkid_probe_lookup_value(probe, name, &data, nullptr) == 0 && data ? data : "";
}

std::string to_text(blkid_probe probe)
{
	std::string table = value(probe, "PTTYPE");
	std::string label = value(probe, "LABEL");

	if (!table.empty())
		return fmt::format("a {} partition table", table);
	return value(probe, "TYPE") + (label.empty() ? "" : fmt::format(" (label \"{}\")", label));
}

std::string first_not_zero(Volume &volume, uint64_t begin, uint64_t end)
{
	std::vector<std::byte> bytes(end - begin);

	volume.read_all(begin, bytes);
	auto found =
		std::ranges::find_if(bytes, [](std::byte byte) { return byte != std::byte{0}; });
	if (found == bytes.end())
		return {};
	return fmt::format("something that is not zero at byte {}",
			   begin + static_cast<uint64_t>(found - bytes.begin()));
}

} // namespace

/* All that libblkid knows: there may be a partition table around a file system. */
std::string known_contents(Volume &volume)
{
	std::unique_ptr<blkid_struct_probe, FreeProbe> probe(blkid_new_probe());
	std::string known;
	int found;

	if (!probe)
		throw std::bad_alloc();
	if (blkid_probe_set_device(probe.get(), volume.descriptor(), 0, 0) != 0)
		throw Failure(volume.path() + ": its contents cannot be examined");
	blkid_probe_enable_superblocks(probe.get(), 1);
	blkid_probe_set_superblocks_flags(probe.get(), BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL |
							       BLKID_SUBLKS_BADCSUM);
	blkid_probe_enable_partitions(probe.get(), 1);
	blkid_probe_set_partitions_flags(probe.get(), BLKID_PARTS_FORCE_GPT);
	while ((found = blkid_do_probe(probe.get())) == 0)
		known += (known.empty() ? "" : ", ") + to_text(probe.get());
	if (found < 0)
		throw Failure(volume.path() + ": its contents cannot be read");
	return known;
}

std::string contents_of(Volume &volume)
{
	uint64_t end = volume.bytes();
	std::string known = end ? known_contents(volume) : "";

	if (known.empty())
		known = first_not_zero(volume, 0, std::min(looked_at_bytes, end));
	if (known.empty())
		known = first_not_zero(volume, end - std::min(looked_at_bytes, end), end);
	return known;
}

void require_nothing_on(Volume &volume)
{
	std::string held = contents_of(volume);
	if (!held.empty())
		throw Failure(fmt::format("{}: holds {}, which is lost only with --overwrite",
					  volume.path(), held));
}

} // namespace dmsnap::tool
