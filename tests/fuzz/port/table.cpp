// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/port/table.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "fuzz/port/context.hpp"
#include "fuzz/port/crank.hpp"

namespace dmsnap::fuzz {

int Table::load(TargetType type, uint64_t sectors, unsigned int argc, char **argv)
{
	target_ = {.sectors = sectors, .suspended = &suspended_};
	error_ = nullptr;
	int result;
	if (type == TargetType::origin) {
		result = dmsnap_core_origin_create(&target_, argc, argv, &origin_, &traits_,
						   &error_);
	} else {
		auto kind = type == TargetType::merge ? DMSNAP_SNAPSHOT_MERGE : DMSNAP_SNAPSHOT;
		result = dmsnap_core_snapshot_create(&target_, kind, argc, argv, &snapshot_,
						     &traits_, &error_);
	}
	if (dmsnap_core_io_bytes() > sizeof(Bio::space))
		die("the core needs %zu bytes beside a bio", dmsnap_core_io_bytes());
	if ((result != 0) == loaded() || result > 0)
		die("a constructor returned %d, and %s target", result, loaded() ? "a" : "no");
	return result;
}

int Table::resume()
{
	if (snapshot_) {
		if (int error = dmsnap_core_snapshot_preresume(snapshot_))
			return error;
		dmsnap_core_snapshot_resume(snapshot_);
	}
	suspended_ = false;
	return 0;
}

void Table::suspend()
{
	if (std::exchange(suspended_, true) || !snapshot_)
		return;
	dmsnap_core_snapshot_presuspend(snapshot_);
	dmsnap_core_snapshot_postsuspend(snapshot_);
}

void Table::remove()
{
	suspend();
	if (dmsnap_snapshot *gone = std::exchange(snapshot_, nullptr))
		dmsnap_core_snapshot_destroy(gone);
	if (dmsnap_origin *gone = std::exchange(origin_, nullptr))
		dmsnap_core_origin_destroy(gone);
}

int Table::read(uint64_t sector, uint64_t sectors, uint8_t *data)
{
	return io(DMSNAP_BIO_READ, sector, sectors, data, false);
}

int Table::write(uint64_t sector, uint64_t sectors, uint8_t *data, bool fua)
{
	return io(DMSNAP_BIO_WRITE, sector, sectors, data, fua);
}

int Table::io(dmsnap_bio_op op, uint64_t sector, uint64_t sectors, uint8_t *data, bool fua)
{
	for (uint64_t done = 0; done < sectors;)
		done += send({.sector = sector + done,
			      .sectors = static_cast<uint32_t>(sectors - done),
			      .op = op,
			      .fua = fua,
			      .nr = 0},
			     data + done * sector_size);
	return wait();
}

int Table::flush()
{
	for (uint8_t n = 0; n < traits_.flush_bios; n++)
		send({.sector = 0, .sectors = 0, .op = DMSNAP_BIO_FLUSH, .fua = false, .nr = n},
		     nullptr);
	return wait();
}

int Table::discard(uint64_t sector, uint64_t sectors)
{
	uint64_t limit = snapshot_ ? dmsnap_core_snapshot_discard_sectors(snapshot_) : 0;
	if (!limit || !traits_.discard_bios)
		return -EOPNOTSUPP;
	for (uint64_t done = 0; done < sectors;) {
		uint64_t at = sector + done;
		uint64_t length = std::min(limit - at % limit, sectors - done);
		for (uint8_t n = 0; n < traits_.discard_bios; n++)
			send({.sector = at,
			      .sectors = static_cast<uint32_t>(length),
			      .op = DMSNAP_BIO_DISCARD,
			      .fua = false,
			      .nr = n},
			     nullptr);
		done += length;
	}
	return wait();
}

uint32_t Table::send(const dmsnap_bio_desc &desc, uint8_t *data)
{
	auto *bio = new Bio(
		desc, data,
		[](Bio &ended, int error) {
			auto *table = static_cast<Table *>(ended.owner);
			table->bios_--;
			if (error && !table->io_error_)
				table->io_error_ = error;
			if (table->mapping_ == &ended)
				return;
			table->forget(ended);
		},
		this);
	bios_++;
	mapping_ = bio;
	dmsnap_map result;
	{
		NoSleepScope scope(snapshot_ ? map_may_watch : "an origin's map upcall");
		result = snapshot_ ? dmsnap_core_snapshot_map(snapshot_, bio, &desc, bio->space)
				   : dmsnap_core_origin_map(origin_, bio, &desc, bio->space);
	}
	uint32_t taken = bio->desc().sectors;
	bio->end_map(result);
	mapping_ = nullptr;
	/* dm does not report the end of a bio to a target that killed it. */
	if (result == DMSNAP_MAP_KILL)
		delete bio;
	else if (bio->ended())
		forget(*bio);
	return taken;
}

void Table::forget(Bio &bio)
{
	int error = snapshot_ ? dmsnap_core_snapshot_end_io(snapshot_, bio.space) : 0;
	if (error && !io_error_)
		io_error_ = error;
	delete &bio;
}

int Table::wait()
{
	while (bios_)
		if (!crank.step())
			die("a bio never ended");
	return std::exchange(io_error_, 0);
}

int Table::message(unsigned int argc, char **argv, std::span<char> answer)
{
	return dmsnap_core_snapshot_message(snapshot_, argc, argv, answer.data(), answer.size());
}

std::string_view Table::status(dmsnap_status type)
{
	size_t length;
	if (snapshot_)
		length = dmsnap_core_snapshot_status(snapshot_, type, "snapshot", "1.16.0", text_,
						     sizeof(text_));
	else
		length = dmsnap_core_origin_status(origin_, type, text_, sizeof(text_));
	if (length >= sizeof(text_) - 1 || text_[length] != '\0')
		die("a status line of %zu characters", length);
	return {text_, length};
}

} // namespace dmsnap::fuzz
