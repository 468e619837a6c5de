// SPDX-License-Identifier: GPL-2.0-only
/*
 * WriteBack: a prototype of write-back copy-out, for Documentation/decisions/0016.  The core
 * does not know it.  There is one origin with one snapshot.  Writes are held in pages of
 * 4 KiB, which is the chunk size too.  The store is the core's, so the driver can load it
 * after a crash.
 *
 *   step                                            if the power fails after it
 *   1. the write is put into held pages, and ends   it is lost, as from any volatile cache
 *   2. the chunks that the snapshot lacks are       chunks that nothing refers to
 *      copied, as soon as possible
 *   then one round writes all held pages; it starts on a flush, on a FUA write, when half of
 *   the memory is in use, or after a second:
 *   3. it waits for the copies; one commit          the snapshot has the chunks, the origin has
 *      (PREFLUSH, entries with FUA)                 the same data still
 *   4. the pages are written to the origin, and     each sector of the origin is old or new,
 *      are free; then the origin is flushed         the snapshot has the old one
 *
 * Data in flight must not change, so a page that is written again in step 4 gets a second
 * page.  Rounds run one at a time, so the older data is written first.
 *
 * Writes to chunks that the snapshot has pass through, unless an older page is held.
 * Sequential writes are copied ahead, in the simplest form of decision 0012.
 *
 * Errors: a failed copy or commit invalidates the snapshot, as in the driver, and does not
 * affect the origin.  A write that fails in step 4 was acknowledged before; the next flush
 * returns its error, once.
 */
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "base/own.hpp"
#include "base/worker.hpp"
#include "sim/studies/volume.hpp"
#include "store/persistent_store.hpp"
#include "user/target.hpp"

namespace dmsnap::sim::studies {

class WriteBack final : public Volume {
public:
	static constexpr uint64_t page_sectors = 8;
	static constexpr size_t page_bytes = page_sectors * sector_bytes;

	/* Seeded defects, to check that they are noticed. */
	enum class Defect : uint8_t { none, origin_before_commit, flush_waits_for_nothing };

	struct Options {
		/* Memory for held data: 8 MiB. */
		uint64_t pages_max = 2048;
		/* The longest time for which data is held. */
		unsigned int hold_ms = 1000;
		/* How far a stream is copied ahead: 1 MiB. */
		uint64_t ahead_pages = 256;
		Defect defect = Defect::none;
	};

	/* Makes a new store on @cow.  Context: outside of processes. */
	WriteBack(user::World &world, user::Device &disk, user::Device &cow, Options options);
	/* Writes the held data. */
	~WriteBack() override;

	/* Whole pages only. */
	int write(uint64_t sector, std::span<const uint8_t> data, bool fua) override;
	int read(uint64_t sector, std::span<uint8_t> data) override;
	int flush() override;
	uint64_t pages_peak() const override { return pages_peak_; }

	uint64_t pages() const { return pages_; }
	bool snapshot_lost() const { return lost_; }

private:
	/* The state of a chunk in the snapshot. */
	enum class State : uint8_t { missing, copying, copied, recorded };
	struct Page {
		std::vector<uint8_t> data;
		bool fua = false;
		/* In flight to the origin. */
		bool writing = false;
		/* The result of that write. */
		int error = 0;
	};
	using PageHandle = std::shared_ptr<Page>;
	using Held = std::map<uint64_t, PageHandle>;
	struct Commit;
	struct Mark;

	/* Sequential writes. */
	struct Stream {
		uint64_t end = 0;
		uint64_t pages = 0;
		/* Chunks before this one are copied, or will be. */
		uint64_t ahead_end = 0;
	};

	bool passes(uint64_t first, uint64_t end) const;
	void want_copy(uint64_t chunk);
	void copy_ahead(uint64_t first, uint64_t end);
	PageHandle hold(uint64_t number, std::span<const uint8_t> data);
	void start_copies();
	void copy(std::vector<uint64_t> chunks);
	int copy_out(const std::vector<uint64_t> &chunks, std::vector<Run> &runs);
	void lose_snapshot();

	void want_round();
	void wait_for_round();
	void rounds();
	void round();
	bool copies_ended(const Held &held) const;
	void record();
	void write_to_origin(const Held &held);

	user::World &world_;
	user::Device &disk_;
	user::Device &cow_;
	Options options_;
	BareVolume origin_{world_, disk_};
	user::Target target_;
	dmsnap_device *opened_ = nullptr;
	Owned<Worker> worker_;
	Owned<PersistentStore> store_;

	std::vector<State> chunks_;
	Held held_;
	/* Pages in use; includes those in flight that are not in held_ any more. */
	uint64_t pages_ = 0;
	uint64_t pages_peak_ = 0;
	int write_error_ = 0;

	/* Most recently written first. */
	std::deque<Stream> streams_;
	std::vector<uint64_t> to_copy_;
	unsigned int batches_ = 0;
	/* Copied, but not recorded yet. */
	std::vector<Run> copied_;
	bool losing_ = false;
	bool lost_ = false;

	/* Numbers of rounds. */
	uint64_t wanted_ = 0;
	uint64_t begun_ = 0;
	uint64_t ended_ = 0;
	bool stopping_ = false;
	bool stopped_ = false;
	MethodTask<WriteBack, &WriteBack::want_round> hold_task_{*this};
	Timer hold_timer_;
};

} // namespace dmsnap::sim::studies
