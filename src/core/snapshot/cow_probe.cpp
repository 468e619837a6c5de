// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/cow_probe.hpp"

#include "snapshot/snapshot.hpp"
#include "store/first_block.hpp"

namespace dmsnap {

void CowProbe::start()
{
	snapshot_.origin().lock().assert_held();
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

	dmsnap_port_io_submit(cow, DMSNAP_IO_READ, DMSNAP_IO_META, 0, first_block_sectors(cow),
			      &page_, 0, end_task_.ended, end_task_.on(snapshot_.worker()));
}

void CowProbe::end(int error)
{
	OriginGuard guard(snapshot_.origin().lock());

	dmsnap_port_page_free(std::exchange(page_, nullptr));
	if (error)
		snapshot_.fail_locked(Snapshot::Failure::io);
	/* Last: the snapshot may go now. */
	snapshot_.drop();
}

} // namespace dmsnap
