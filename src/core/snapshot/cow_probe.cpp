// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/cow_probe.hpp"

#include "snapshot/snapshot.hpp"

namespace dmsnap {

void CowProbe::start()
{
	if (page_)
		return;
	page_ = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	if (!page_)
		return;
	snapshot_.hold();
	snapshot_.worker().post(submit_task_);
}

void CowProbe::submit()
{
	dmsnap_device *cow = snapshot_.cow_device();

	dmsnap_port_io_submit(
		cow, DMSNAP_IO_READ, DMSNAP_IO_META, 0, dmsnap_port_device_block_sectors(cow),
		&page_, 0,
		[](void *ctx, int error) {
			auto *probe = static_cast<CowProbe *>(ctx);
			probe->error_ = error;
			probe->snapshot_.worker().post(probe->end_task_);
		},
		this);
}

void CowProbe::end()
{
	SpinGuard guard(snapshot_.origin().lock());

	dmsnap_port_page_free(std::exchange(page_, nullptr));
	if (error_)
		snapshot_.fail_locked(Snapshot::Failure::io);
	/* Last: the snapshot may go now. */
	snapshot_.drop();
}

} // namespace dmsnap
