// SPDX-License-Identifier: GPL-2.0-only
/* Copier: how the windows that were read become writes, and what follows when these end. */
#include "copier/copier.hpp"

namespace dmsnap {

void GatheredWrite::submit()
{
	dmsnap_port_io_submit(device, DMSNAP_IO_WRITE, flags, sector, sectors, page_list,
			      skipped * 512, written_task.ended,
			      written_task.on(worker ? *worker : copier.worker_));
}

/* Destinations first: their next step need not wait for the copier. */
void GatheredWrite::written(int error)
{
	for (Transfer &transfer : transfers)
		Copier::part_ended(transfer.destination, transfer.sectors, error);
	if (worker)
		copier.worker_.post(ended_task);
	else
		ended();
}

void GatheredWrite::ended()
{
	copier.write_done(*this);
}

bool Copier::write_on(Window &window)
{
	while (CopyDestination *destination = window.next_destination) {
		if (!part_of(window, *destination).empty() && !write_to(window, *destination)) {
			stalled_.push_back(window);
			wait_for_memory();
			return false;
		}
		window.next_destination = window.after(*destination);
	}
	if (--window.writes_in_flight == 0)
		end_window(window);
	return true;
}

/* Returns false if there is no memory. */
bool Copier::write_to(Window &window, CopyDestination &destination)
{
	Part part = part_of(window, destination);
	Transfer *transfer = transfers_.get(window, destination, part.sectors());
	if (!transfer)
		return false;

	uint64_t into_window = part.begin - window.offset;
	uint64_t first_page = into_window / sectors_per_page;
	auto skipped = static_cast<uint32_t>(into_window % sectors_per_page);
	size_t pages = pages_for(skipped + part.sectors());

	GatheredWrite *write = write_for(
		window.job, destination,
		destination.sector + (part.begin - destination.source_offset), skipped, pages);
	if (!write) {
		transfers_.put(transfer);
		return false;
	}
	for (size_t i = 0; i < pages; i++)
		write->page_list[write->page_count++] = window.page_list[first_page + i];
	write->sectors += part.sectors();
	write->transfers.push_back(*transfer);
	window.writes_in_flight++;
	statistics_.written_sectors += part.sectors();

	/* Only a write that ends at a page boundary can grow. */
	bool full = write->page_count == window_pages_max ||
		    (write->skipped + write->sectors) % sectors_per_page != 0;
	if (full)
		submit(*write);
	else if (open_writes_.front() == open_writes_.back())
		worker_.post_late(submit_task_);
	return true;
}

/* The open write of the device if this continues it, else a new one. */
GatheredWrite *Copier::write_for(const CopyJob &job, const CopyDestination &destination,
				 uint64_t sector, uint32_t skipped, size_t pages)
{
	GatheredWrite *open = open_writes_.front();
	while (open && open->device != destination.device)
		open = open_writes_.next(*open);
	if (open && open->end() == sector && open->flags == job.write_flags &&
	    open->optional == job.optional && skipped == 0 &&
	    open->page_count + pages <= window_pages_max) {
		/*
		 * Windows have their destinations in the same order, so the next one wanted is at the
		 * front.
		 */
		open->open_link.unlink();
		open_writes_.push_back(*open);
		return open;
	}
	if (open)
		submit(*open);
	GatheredWrite *write = writes_.get(*this, job, destination, sector);
	if (!write)
		return nullptr;
	write->skipped = skipped;
	open_writes_.push_back(*write);
	return write;
}

void Copier::submit(GatheredWrite &write)
{
	write.open_link.unlink();
	if (write.worker)
		write.worker->post(write.submit_task);
	else
		write.submit();
}

void Copier::submit_gathered()
{
	while (GatheredWrite *write = open_writes_.front())
		submit(*write);
}

void Copier::write_done(GatheredWrite &write)
{
	while (Transfer *transfer = write.transfers.pop_front()) {
		Window &window = transfer->window;

		leave_share(window, transfer->destination);
		transfers_.put(transfer);
		if (--window.writes_in_flight == 0)
			end_window(window);
	}
	writes_.put(&write);
	go_on_writing();
}

void Copier::go_on_writing()
{
	while (Window *stalled = stalled_.pop_front()) {
		if (!write_on(*stalled))
			break;
	}
}

void Copier::part_ended(CopyDestination &destination, uint64_t sectors, int error)
{
	if (error && !destination.error())
		destination.error_.store_relaxed(error);
	/* Release and acquire: whatever sees that the last part has ended also sees the error. */
	if (destination.sectors_left_.sub(sectors) == 0)
		destination.done(destination);
}

} // namespace dmsnap
