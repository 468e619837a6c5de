// SPDX-License-Identifier: GPL-2.0-only
#include "sim/studies/volume.hpp"

#include "user/failure.hpp"

namespace dmsnap::sim::studies {

using user::Op;

int BareVolume::write(uint64_t sector, std::span<const uint8_t> data, bool fua)
{
	Together io(world);
	std::span<uint8_t> piece(const_cast<uint8_t *>(data.data()), data.size());
	io.submit(device, {.op = Op::write,
			   .flags = fua ? unsigned{DMSNAP_IO_FUA} : 0,
			   .sector = sector,
			   .sectors = data.size() / 512,
			   .data = {piece}});
	return io.wait();
}

int BareVolume::read(uint64_t sector, std::span<uint8_t> data)
{
	Together io(world);
	io.submit(device,
		  {.op = Op::read, .sector = sector, .sectors = data.size() / 512, .data = {data}});
	return io.wait();
}

int BareVolume::flush()
{
	Together io(world);
	io.submit(device, {.op = Op::flush});
	return io.wait();
}

TodaysVolume::TodaysVolume(uint64_t sectors)
{
	if (origin.create(user::TargetType::origin, sectors, "disk") ||
	    snapshot.create(user::TargetType::snapshot, sectors, "disk cow P 8"))
		user::die("no snapshot: %s%s", origin.error_text().c_str(),
			  snapshot.error_text().c_str());
}

} // namespace dmsnap::sim::studies
