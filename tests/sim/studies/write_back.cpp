// SPDX-License-Identifier: GPL-2.0-only
#include "sim/studies/write_back.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "user/failure.hpp"

namespace dmsnap::sim::studies {
namespace {

using user::Device;
using user::Op;
using user::World;

/* The largest write to the origin: 1 MiB. */
constexpr uint64_t write_pages_max = 256;

struct EmptyStore final : PersistentStore::LoadVisitor {
	Status chunk_size_known(ChunkSize) override { return {}; }
	Status exceptions(format::AreaView, size_t, size_t &) override
	{
		return fail(Error::old_chunk_duplicate);
	}
};

} // namespace

struct WriteBack::Commit : CommitBatch {
	Commit(WriteBack &in, const std::vector<Run> &runs) : CommitBatch(&on_end), of(in)
	{
		for (const Run &run : runs) {
			storage.emplace_back();
			storage.back().run = run;
			entries.push_back(storage.back());
		}
	}
	~Commit()
	{
		while (!entries.empty())
			entries.pop_front();
	}
	void begin() { of.store_->commit(*this); }
	static void on_end(CommitBatch &batch)
	{
		auto &commit = static_cast<Commit &>(batch);
		commit.ended = true;
		commit.of.world_.wake(&commit);
	}

	WriteBack &of;
	std::deque<CommitEntry> storage;
	bool ended = false;
	MethodTask<Commit, &Commit::begin> task{*this};
};

WriteBack::WriteBack(World &world, Device &disk, Device &cow, Options options)
    : world_(world), disk_(disk), cow_(cow), options_(options),
      worker_(std::move(*Worker::create("write-back"))),
      chunks_(disk.sectors() / page_sectors, State::missing), hold_timer_(*worker_, hold_task_)
{
	if (dmsnap_port_device_open(&target_, cow.number().c_str(), DMSNAP_DEVICE_TABLE, &opened_))
		user::die("no COW device");
	EmptyStore empty;
	auto content = PersistentStore::open(opened_, {}, page_sectors, *worker_, empty);
	if (!content)
		user::die("no store: %s", to_text(content.error()));
	store_ = std::move(content->store);
	world_.spawn("rounds", [this] { rounds(); });
}

WriteBack::~WriteBack()
{
	wait_for_round();
	stopping_ = true;
	world_.wake(&wanted_);
	world_.wait(&stopped_, "the last round", [this] { return stopped_ && !batches_; });
	hold_timer_.cancel();
	worker_->stop(hold_task_);
	store_->quiesce();
	store_.reset();
	worker_.reset();
	dmsnap_port_device_close(&target_, opened_);
}

/* --- What the user asks for. --- */

bool WriteBack::passes(uint64_t first, uint64_t end) const
{
	if (auto held = held_.lower_bound(first); held != held_.end() && held->first < end)
		return false;
	return lost_ || std::all_of(&chunks_[first], &chunks_[first] + (end - first),
				    [](State state) { return state == State::recorded; });
}

int WriteBack::write(uint64_t sector, std::span<const uint8_t> data, bool fua)
{
	uint64_t first = sector / page_sectors, end = first + data.size() / page_bytes;
	copy_ahead(first, end);
	if (passes(first, end))
		return origin_.write(sector, data, fua);
	if (pages_ + (end - first) > options_.pages_max)
		want_round();
	world_.wait(&pages_, "a wait for room",
		    [this, wanted = end - first] { return pages_ + wanted <= options_.pages_max; });
	std::vector<PageHandle> pages;
	for (uint64_t n = first; n < end; n++) {
		pages.push_back(hold(n, data.subspan((n - first) * page_bytes, page_bytes)));
		pages.back()->fua |= fua;
		want_copy(n);
	}
	start_copies();
	if (pages_ >= options_.pages_max / 2)
		want_round();
	if (!fua)
		return 0;
	wait_for_round();
	for (const PageHandle &page : pages)
		if (page->error)
			return page->error;
	return 0;
}

WriteBack::PageHandle WriteBack::hold(uint64_t number, std::span<const uint8_t> data)
{
	PageHandle &page = held_[number];
	if (!page || page->writing) {
		page = std::make_shared<Page>();
		if (pages_++ == 0)
			hold_timer_.start(options_.hold_ms);
		pages_peak_ = std::max(pages_peak_, pages_);
	}
	page->data.assign(data.begin(), data.end());
	return page;
}

int WriteBack::read(uint64_t sector, std::span<uint8_t> data)
{
	/* Copy the held data first: pages may be written back and freed during the read. */
	uint64_t first = sector / page_sectors, end = first + data.size() / page_bytes;
	std::vector<std::pair<uint64_t, PageHandle>> held(held_.lower_bound(first),
							  held_.lower_bound(end));
	std::vector<std::vector<uint8_t>> contents;
	for (const auto &[number, page] : held)
		contents.push_back(page->data);
	int error = held.size() < end - first ? origin_.read(sector, data) : 0;
	for (size_t i = 0; i < held.size(); i++)
		std::copy(contents[i].begin(), contents[i].end(),
			  data.begin() +
				  static_cast<ptrdiff_t>((held[i].first - first) * page_bytes));
	return error;
}

int WriteBack::flush()
{
	if (pages_ && options_.defect != Defect::flush_waits_for_nothing)
		wait_for_round();
	int error = origin_.flush();
	int late = std::exchange(write_error_, 0);
	return late ? late : error;
}

/* --- Rounds. --- */

void WriteBack::want_round()
{
	if (wanted_ == begun_)
		wanted_++;
	world_.wake(&wanted_);
}

void WriteBack::wait_for_round()
{
	want_round();
	world_.wait(&ended_, "a round", [this, mine = wanted_] { return ended_ >= mine; });
}

void WriteBack::rounds()
{
	for (;;) {
		world_.wait(&wanted_, "a wait for work",
			    [this] { return stopping_ || wanted_ > ended_; });
		if (wanted_ == ended_)
			break;
		begun_ = wanted_;
		round();
		ended_ = begun_;
		world_.wake(&ended_);
	}
	stopped_ = true;
	world_.wake(&stopped_);
}

void WriteBack::round()
{
	Held held = held_;
	bool early = options_.defect == Defect::origin_before_commit;
	world_.wait(&copied_, "copies", [this, &held] { return copies_ended(held); });
	if (early)
		write_to_origin(held);
	record();
	if (!early)
		write_to_origin(held);
	for (const auto &[number, page] : held) {
		pages_--;
		if (auto now = held_.find(number); now->second == page)
			held_.erase(now);
	}
	if (pages_)
		hold_timer_.start(options_.hold_ms);
	world_.wake(&pages_);
}

bool WriteBack::copies_ended(const Held &held) const
{
	return losing_ ? lost_ : std::all_of(held.begin(), held.end(), [this](const auto &entry) {
		return chunks_[entry.first] >= State::copied;
	});
}

void WriteBack::record()
{
	if (lost_ || copied_.empty())
		return;
	std::vector<Run> runs = std::exchange(copied_, {});
	Commit commit(*this, runs);
	worker_->post(commit.task);
	world_.wait(&commit, "a commit", [&commit] { return commit.ended; });
	worker_->stop(commit.task);
	if (!commit.status)
		lose_snapshot();
	/* Another process may be writing the mark. */
	if (losing_)
		world_.wait(&copied_, "the mark", [this] { return lost_; });
	for (const Run &run : runs)
		std::fill_n(&chunks_[run.old_begin.value], run.count, State::recorded);
}

void WriteBack::write_to_origin(const Held &held)
{
	struct Stretch {
		std::vector<PageHandle> pages;
		int error = 0;
	};
	std::deque<Stretch> stretches;
	std::deque<Together> writes;
	for (auto next = held.begin(); next != held.end();) {
		Stretch &stretch = stretches.emplace_back();
		user::DeviceIo io{
			.op = Op::write, .sector = next->first * page_sectors, .stable = true};
		do {
			Page &page = *next->second;
			page.writing = true;
			io.flags |= page.fua ? unsigned{DMSNAP_IO_FUA} : 0;
			io.sectors += page_sectors;
			io.data.push_back(page.data);
			stretch.pages.push_back(next->second);
			++next;
		} while (next != held.end() && stretch.pages.size() < write_pages_max &&
			 next->first * page_sectors == io.sector + io.sectors);
		writes.emplace_back(world_).submit(disk_, std::move(io));
	}
	for (size_t i = 0; i < writes.size(); i++) {
		int error = writes[i].wait();
		for (const PageHandle &page : stretches[i].pages) {
			page->error = error;
			if (error && !page->fua)
				write_error_ = error;
		}
	}
}

} // namespace dmsnap::sim::studies
