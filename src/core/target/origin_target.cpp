// SPDX-License-Identifier: GPL-2.0-only
#include "target/origin_target.hpp"

#include <new>

#include <dmsnap/port/log.h>

#include "origin/origin_discard.hpp"

namespace dmsnap {

std::expected<Owned<OriginTarget>, Refusal> OriginTarget::create(dmsnap_target *target,
								 unsigned int argc, char **argv)
{
	constexpr const char *no_memory = "Cannot allocate private origin structure";
	if (argc != 1)
		return refuse(Error::table_line, "origin: incorrect number of arguments");
	auto made = make_owned<OriginTarget>(CreateKey<OriginTarget>(), target);
	if (!made)
		return refuse(made.error(), no_memory);
	if (int opened = dmsnap_port_device_open(target, argv[0], DMSNAP_DEVICE_TABLE,
						 &(*made)->device_))
		return refuse(opened, "Cannot get target device");
	if (auto status = (*made)->origin_.get((*made)->device_); !status)
		return refuse(status.error(), no_memory);
	return std::move(*made);
}

OriginTarget::~OriginTarget()
{
	origin_.reset();
	if (device_)
		dmsnap_port_device_close(target_, device_);
}

dmsnap_map OriginTarget::map(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space)
{
	if (desc.op == DMSNAP_BIO_DISCARD) {
		(new (space) OriginDiscard(*origin_, device_, bio, desc))->start();
		return DMSNAP_MAP_HELD;
	}
	dmsnap_port_bio_remap(bio, device_, desc.sector);
	if (desc.op == DMSNAP_BIO_READ || desc.op == DMSNAP_BIO_FLUSH)
		return DMSNAP_MAP_REMAPPED;
	if (desc.op != DMSNAP_BIO_WRITE)
		return DMSNAP_MAP_KILL;
	return origin_->write(*new (space) Io(bio, desc, origin_->writes()));
}

void OriginTarget::begin_suspend()
{
	if (!std::exchange(suspending_, true))
		origin_->begin_suspend();
}

void OriginTarget::end_suspend()
{
	if (std::exchange(suspending_, false))
		origin_->end_suspend();
}

size_t OriginTarget::status(dmsnap_status type, std::span<char> buffer) const
{
	if (type != DMSNAP_STATUS_TABLE) {
		if (!buffer.empty())
			buffer[0] = '\0';
		return 0;
	}
	char name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(device_, name);
	return dmsnap_port_format(buffer.data(), buffer.size(), "%s", name);
}

} // namespace dmsnap
