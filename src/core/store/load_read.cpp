// SPDX-License-Identifier: GPL-2.0-only
#include "store/load_read.hpp"

#include <new>

#include <dmsnap/port/log.h>
#include <dmsnap/port/memory.h>

#include "base/guard.hpp"

namespace dmsnap {

/* It has a page of its own, which can be freed in the context of a completion. */
struct LoadRead::Shared {
	Event ended;
	/* References of the reader and of the read in flight. */
	Atomic<uint32_t> parties;
	int error = 0;
	dmsnap_device *cow = nullptr;
	unsigned int count = 0;
	void *pages[pages_max] = {};
};

Status LoadRead::allocate(unsigned int pages)
{
	static_assert(sizeof(Shared) <= DMSNAP_PAGE_SIZE);
	void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
	if (!page)
		return fail(Error::no_memory);
	Shared *shared = new (page) Shared;
	for (; shared->count < pages; shared->count++) {
		void *&data = shared->pages[shared->count];
		data = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
		if (!data) {
			free(shared);
			return fail(Error::no_memory);
		}
	}
	shared_ = shared;
	return {};
}

LoadRead::~LoadRead()
{
	if (in_flight_)
		(void)wait();
	if (shared_)
		free(shared_);
}

void LoadRead::free(Shared *shared)
{
	for (unsigned int i = 0; i < shared->count; i++)
		dmsnap_port_page_free(shared->pages[i]);
	dmsnap_port_page_free(shared);
}

std::span<void *const> LoadRead::pages() const
{
	return {shared_->pages, shared_->count};
}

void LoadRead::start(dmsnap_device *cow, uint64_t sector, uint64_t sectors)
{
	Shared &shared = *shared_;

	new (&shared.ended) Event;
	shared.parties.store_relaxed(2);
	shared.cow = cow;
	in_flight_ = true;
	dmsnap_port_io_submit(cow, DMSNAP_IO_READ, DMSNAP_IO_META | DMSNAP_IO_MAY_OUTLIVE, sector,
			      sectors, shared.pages, 0, &LoadRead::ended, &shared);
}

void LoadRead::ended(void *ctx, int error)
{
	auto *shared = static_cast<Shared *>(ctx);

	shared->error = error;
	/* The reader waits for the event, unless it has left already. */
	if (shared->parties.sub(1) == 0)
		free(shared);
	else
		shared->ended.set();
}

Result<int> LoadRead::wait()
{
	char name[DMSNAP_DEVICE_NAME_BYTES];
	char what[DMSNAP_DEVICE_NAME_BYTES + 64];
	dmsnap_port_device_name(shared_->cow, name);
	dmsnap_port_format(what, sizeof(what), "reading the snapshot store on COW device %s", name);

	in_flight_ = false;
	if (!shared_->ended.wait_killable(what))
		return shared_->error;
	if (shared_->parties.sub(1) == 0) {
		/* The read has just ended, and is about to set the event. */
		shared_->ended.wait();
		return shared_->error;
	}
	shared_ = nullptr;
	return fail(Error::interrupted);
}

} // namespace dmsnap
