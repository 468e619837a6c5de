// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: creation, and loading of the store. */
#include <dmsnap/port/log.h>

#include "base/min_max.hpp"
#include "exception/table_loader.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

namespace {

constexpr const char *unusable_store = "its store cannot be used";

/*
 * Is the content of the COW device at fault, rather than a shortage or the creation of a new
 * store?
 */
bool is_bad_store(Error error)
{
	switch (error) {
	case Error::no_memory:
	case Error::interrupted:
	case Error::chunk_size_zero:
	case Error::device_too_small:
	case Error::write_failed:
		return false;
	default:
		return true;
	}
}

} // namespace

Result<Owned<Snapshot>> Snapshot::create(OriginBase &origin, const Args &args)
{
	char cow[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(args.cow_device, cow);
	auto worker = DMSNAP_TRY(Worker::create(cow));
	auto made = DMSNAP_TRY(
		make_owned<Snapshot>(CreateKey<Snapshot>(), origin, args, std::move(worker)));
	Snapshot &self = *made;

	/* A merge waits for regions on the origin's worker: see Merger. */
	self.regions_ =
		DMSNAP_TRY(make_owned<Regions>(args.seen ? *self.worker_ : origin.worker()));
	self.writes_ = DMSNAP_TRY(make_owned<Writes>(self, origin.lock(), *self.worker_));
	self.commits_ = DMSNAP_TRY(make_owned<CommitQueue>(self, origin.lock(), *self.worker_));
	self.stall_ = DMSNAP_TRY(make_owned<Stall>(self));
	return made;
}

Snapshot::Snapshot(CreateKey<Snapshot>, OriginBase &origin, const Args &args, Owned<Worker> worker)
    : seen_(args.seen), features_(args.features), store_args_(args.store),
      origin_device_(args.origin_device), cow_device_(args.cow_device), origin_(origin),
      worker_(std::move(worker)), events_(*this, args.target)
{
	if (store_args_.chunk_sectors)
		chunk_size_ = ChunkSize(store_args_.chunk_sectors);
}

/* Loads the exceptions of a persistent store into the table. */
struct Snapshot::Load final : PersistentStore::LoadVisitor {
	explicit Load(Snapshot &of) : snapshot(of) {}

	Status chunk_size_known(ChunkSize chunk_size) override
	{
		/*
		 * LVM2 loads the snapshot's table while the origin's table is loaded but not
		 * resumed, so the origin is still 0 sectors long.
		 */
		uint64_t device = dmsnap_port_device_sectors(snapshot.origin_device_);
		uint64_t target = dmsnap_port_target_end(snapshot.events_.target());
		old_chunks = chunk_size.chunks_for(larger(device, target));
		DMSNAP_CHECK(snapshot.make_table(chunk_size));
		loader = DMSNAP_TRY(make_owned<TableLoader>(*snapshot.table_, old_chunks));
		return {};
	}

	NewChunk new_limit() const override { return snapshot.table_->new_limit(); }

	Status exceptions(format::AreaView entries, size_t count, size_t &slot) override
	{
		TableLoader &to = *loader;
		const OldChunk limit{old_chunks};
		for (size_t i = 0; i < count; i++) {
			const format::Exception exception = entries.read(i);
			Status status = dmsnap::fail(Error::old_chunk_out_of_range);
			if (exception.old_chunk < limit)
				status = to.add(exception.old_chunk, exception.new_chunk);
			if (!status) {
				slot = i;
				return status;
			}
		}
		return {};
	}

	/* All exceptions were added. */
	Status finish()
	{
		auto status = loader->finish();
		if (!status && status.error() == Error::old_chunk_duplicate)
			dmsnap_port_log(
				DMSNAP_LOG_ERROR,
				"snapshot store refused: %s (origin chunk %llu in COW chunk %llu)",
				to_text(status.error()),
				static_cast<unsigned long long>(
					loader->duplicate().old_begin.value),
				static_cast<unsigned long long>(
					loader->duplicate().new_begin.value));
		return status;
	}

	Snapshot &snapshot;
	Owned<TableLoader> loader;
	uint64_t old_chunks = 0;
};

Status Snapshot::make_table(ChunkSize chunk_size)
{
	/*
	 * The COW device may grow: chunk numbers are short if that suffices for twice its size.
	 * The store allocates no chunk above the limit: see CowLimit.
	 */
	uint64_t chunks = chunk_size.chunks_in(dmsnap_port_device_sectors(cow_device_));
	chunk_size_ = chunk_size;
	table_ =
		DMSNAP_TRY(ExceptionTable::create(chunks < (1ull << 31) ? 1ull << 32 : UINT64_MAX));
	return {};
}

/*
 * A persistent store that cannot be loaded makes only the snapshot unusable.  Were its table
 * refused, LVM2 would not activate the origin either.
 */
Status Snapshot::load()
{
	if (store_args_.type == StoreType::transient) {
		if (!store_args_.chunk_sectors)
			return dmsnap::fail(Error::chunk_size_zero);
		DMSNAP_CHECK(make_table(ChunkSize(store_args_.chunk_sectors)));
		transient_ = DMSNAP_TRY(
			make_owned<TransientStore>(cow_device_, chunk_size_, table_->new_limit()));
		store_ = transient_.get();
		return {};
	}
	Status status = load_persistent();
	if (status)
		return status;

	char name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(cow_device_, name);
	if (status.error() == Error::interrupted)
		dmsnap_port_log(DMSNAP_LOG_ERROR, "snapshot with COW device %s is not loaded: %s",
				name, to_text(status.error()));
	if (!is_bad_store(status.error()))
		return status;
	const bool refused = dmsnap_port_refuse_bad_store();
	dmsnap_port_log(
		DMSNAP_LOG_ERROR,
		"snapshot with COW device %s is %s: %s; 'dmsnap check' says all that is wrong with it, 'dmsnap repair' saves what can be",
		name, refused ? "refused" : "invalid", unusable_store);
	return refused ? status : make_unusable();
}

/* Discards what was loaded so far. */
Status Snapshot::make_unusable()
{
	/*
	 * If neither the store nor the table line gives a chunk size, show the default of a new
	 * store.
	 */
	if (!table_ && !store_args_.chunk_sectors)
		chunk_size_ = ChunkSize(format::default_chunk_sectors(
			{dmsnap_port_device_block_sectors(origin_device_),
			 dmsnap_port_device_block_sectors(cow_device_)}));
	DMSNAP_CHECK(make_table(chunk_size_));
	unusable_ = DMSNAP_TRY(UnusableStore::create(cow_device_, *worker_));
	store_ = unusable_.get();
	{
		OriginGuard guard(origin_.lock());
		invalid_reason_ = unusable_store;
		invalid_ns_ = dmsnap_port_now_ns();
	}
	health_.store_release(Health::unusable);
	return {};
}

Status Snapshot::load_persistent()
{
	format::BlockSizes blocks{dmsnap_port_device_block_sectors(origin_device_),
				  dmsnap_port_device_block_sectors(cow_device_)};
	Load visitor(*this);
	auto content = DMSNAP_TRY(PersistentStore::open(
		cow_device_, blocks, store_args_.chunk_sectors, *worker_, visitor));
	if (content.valid) {
		DMSNAP_CHECK(visitor.finish());
		persistent_ = std::move(content.store);
		store_ = persistent_.get();
	} else {
		dmsnap_port_log(DMSNAP_LOG_WARNING, "Snapshot is marked invalid.");
		health_.store_release(Health::invalid);
	}
	return {};
}

} // namespace dmsnap
