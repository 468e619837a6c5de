// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot: from a table line to an object, and from one to another.
 */
#include <dmsnap/port/log.h>

#include "exception/table_loader.hpp"
#include "handover/handover.hpp"
#include "origin/registry.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

namespace {

constexpr const char *no_store = "Couldn't create exception store";
constexpr const char *no_metadata = "Failed to read snapshot metadata";
constexpr const char *unusable_store = "its store cannot be used";

/* Is what lies on the COW device at fault?  Not what is short, nor a store to be made. */
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

int Snapshot::create(dmsnap_target *target, dmsnap_snapshot_kind kind, unsigned int argc,
		     char **argv, Owned<Snapshot> &snapshot, const char *&error)
{
	auto features = parse_features(argc, argv);
	if (!features) {
		error = features.error();
		return to_errno(Error::argument_count);
	}
	auto made = make_owned<Snapshot>(target, kind, *features);
	if (!made) {
		error = "Cannot allocate private snapshot structure";
		return to_errno(made.error());
	}
	Snapshot &self = **made;
	int result = self.open_devices(argv, error);
	if (!result)
		result = self.open_store(argv, error);
	if (!result)
		result = self.join_origin(error);
	if (!result)
		snapshot = std::move(*made);
	return result;
}

Snapshot::Snapshot(dmsnap_target *target, dmsnap_snapshot_kind kind, const Features &features)
    : target_(target), kind_(kind), features_(features)
{
}

int Snapshot::open_devices(char **argv, const char *&error)
{
	const char *origin_path = argv[table_word::origin];
	const char *cow_path = argv[table_word::cow];

	int result = dmsnap_port_device_open(target(), origin_path,
					     merges() ? DMSNAP_DEVICE_WRITE : DMSNAP_DEVICE_READ,
					     &origin_device_);
	if (result) {
		error = "Cannot get origin device";
		return result;
	}
	/* Before it is opened: dm core does not survive one device opened twice and closed. */
	uint64_t cow_id;
	if (!dmsnap_port_device_find(cow_path, &cow_id) &&
	    cow_id == dmsnap_port_device_id(origin_device_)) {
		error = "COW device cannot be the same as origin device";
		return to_errno(Error::argument_count);
	}
	result = dmsnap_port_device_open(target(), cow_path, DMSNAP_DEVICE_TABLE, &cow_device_);
	if (result) {
		error = "Cannot get COW device";
		return result;
	}
	/*
	 * What is lost there could not be marked, and the store would be valid at the
	 * next activation.
	 */
	if (dmsnap_port_device_write_protected(cow_device_)) {
		error = "COW device is write-protected";
		return to_errno(Error::write_protected);
	}
	return 0;
}

/* The words; the store itself is opened when it is known that nobody else has it. */
int Snapshot::open_store(char **argv, const char *&error)
{
	format::BlockSizes blocks{dmsnap_port_device_block_sectors(origin_device_),
				  dmsnap_port_device_block_sectors(cow_device_)};
	const char *type = argv[table_word::store_type];
	auto args = parse_store(type, argv[table_word::chunk_size], blocks);
	if (!args) {
		if (args.error() == Error::store_option_unknown)
			dmsnap_port_log(DMSNAP_LOG_ERROR, "%s: %s", to_text(args.error()),
					type + 1);
		else
			dmsnap_port_log(DMSNAP_LOG_ERROR, "%s: %s %s", to_text(args.error()), type,
					argv[table_word::chunk_size]);
		error = no_store;
		return to_errno(Error::argument_count);
	}
	store_args_ = *args;
	if (store_args_.type == StoreType::persistent &&
	    blocks.cow_sectors > PersistentStore::block_sectors_max) {
		error = "COW device has logical blocks of more than 4 KiB";
		return to_errno(Error::argument_count);
	}
	if (store_args_.chunk_sectors)
		chunk_size_ = ChunkSize(store_args_.chunk_sectors);
	if (features_.stall_on_full && store_args_.type != StoreType::persistent) {
		error = "stall_on_full needs a persistent store";
		return to_errno(Error::argument_count);
	}
	if (merges() && !mergeable()) {
		error = handover::not_mergeable;
		return to_errno(Error::argument_count);
	}
	return 0;
}

int Snapshot::join_origin(const char *&error)
{
	if (auto status = origin_.get(origin_device_); !status) {
		error = "Snapshot origin struct allocation failed";
		return to_errno(status.error());
	}
	char cow[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(cow_device_, cow);
	auto worker = Worker::create(cow);
	if (!worker) {
		error = "Could not allocate mempool for pending exceptions";
		return to_errno(worker.error());
	}
	worker_ = std::move(*worker);
	/* The Merger runs on the origin's worker, and what it waits for ends there. */
	auto regions = make_owned<Regions>(merges() ? origin_->worker() : *worker_);
	auto writes = make_owned<Writes>(*this, origin_->lock(), *worker_);
	auto commits = make_owned<CommitQueue>(*this, origin_->lock(), *worker_);
	auto stall = make_owned<Stall>(*this);
	if (!regions || !writes || !commits || !stall) {
		error = "Could not allocate mempool for pending exceptions";
		return to_errno(Error::no_memory);
	}
	writes_ = std::move(*writes);
	regions_ = std::move(*regions);
	commits_ = std::move(*commits);
	stall_ = std::move(*stall);
	if (merges()) {
		auto merger = Merger::create(*this);
		if (!merger) {
			error = "Could not allocate mempool for pending exceptions";
			return to_errno(Error::no_memory);
		}
		merger_ = std::move(*merger);
	}
	{
		MutexGuard guard(registry().mutex());
		auto role = handover::role_of_new(*this);
		if (!role) {
			error = role.error();
			return to_errno(Error::argument_count);
		}
		if (auto status = origin_->snapshots().add(*this); !status) {
			error = "Snapshot origin struct allocation failed";
			return to_errno(status.error());
		}
		awaits_handover_ = *role == handover::NewRole::destination;
	}
	/* Nobody else can open the store meanwhile: who comes next is refused. */
	if (awaits_handover_)
		return 0;
	warn_of_large_blocks();
	if (auto status = load_store(); !status) {
		error = status.error() == Error::chunk_size_zero ? "Chunk size not set"
								 : no_metadata;
		return to_errno(status.error());
	}
	return 0;
}

/* The snapshot has the larger blocks of its two devices. */
void Snapshot::warn_of_large_blocks() const
{
	uint32_t origin = dmsnap_port_device_block_sectors(origin_device_);
	uint32_t cow = dmsnap_port_device_block_sectors(cow_device_);
	if (cow <= origin)
		return;

	char name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(cow_device_, name);
	dmsnap_port_log(
		DMSNAP_LOG_WARNING,
		"snapshot with COW device %s has logical blocks of %u bytes, as that device, and its origin of %u: a file system with smaller blocks does not mount",
		name, cow * sector_bytes, origin * sector_bytes);
}

/* Takes what a persistent store holds into the table. */
struct Snapshot::Load final : PersistentStore::LoadVisitor {
	explicit Load(Snapshot &of) : snapshot(of) {}

	Status chunk_size_known(ChunkSize chunk_size) override
	{
		/*
		 * LVM2 loads the snapshot's table while the origin has a table loaded
		 * but not resumed, and is 0 sectors long.
		 */
		uint64_t device = dmsnap_port_device_sectors(snapshot.origin_device_);
		uint64_t target = dmsnap_port_target_end(snapshot.target());
		old_chunks = chunk_size.chunks_for(device > target ? device : target);
		DMSNAP_CHECK(snapshot.make_table(chunk_size));
		loader = DMSNAP_TRY(make_owned<TableLoader>(*snapshot.table_, old_chunks));
		return {};
	}

	NewChunk new_limit() const override { return snapshot.table_->new_limit(); }

	Status exceptions(format::AreaView entries, size_t count, size_t &slot) override
	{
		TableLoader &to = *loader;
		const uint64_t limit = old_chunks;
		for (size_t i = 0; i < count; i++) {
			const format::Exception exception = entries.read(i);
			Status status = dmsnap::fail(Error::old_chunk_out_of_range);
			if (exception.old_chunk.value < limit)
				status = to.add(exception.old_chunk, exception.new_chunk);
			if (!status) {
				slot = i;
				return status;
			}
		}
		return {};
	}

	/* All of them were given. */
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
	 * The COW device may grow; twice as far as today numbers stay short.  The store
	 * hands out no others: see CowLimit.
	 */
	uint64_t chunks = chunk_size.chunk_of(dmsnap_port_device_sectors(cow_device_));
	chunk_size_ = chunk_size;
	table_ =
		DMSNAP_TRY(ExceptionTable::create(chunks < (1ull << 31) ? 1ull << 32 : UINT64_MAX));
	return {};
}

/*
 * A persistent store that cannot be loaded costs the snapshot, and not the origin as
 * well: LVM2 activates neither when the table of one is refused.
 */
Status Snapshot::load_store()
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

/* What was loaded so far goes. */
Status Snapshot::make_unusable()
{
	/* Of what has none that can be read, in a table line: that of a new one. */
	if (!table_ && !store_args_.chunk_sectors)
		chunk_size_ = ChunkSize(format::default_chunk_sectors(
			{dmsnap_port_device_block_sectors(origin_device_),
			 dmsnap_port_device_block_sectors(cow_device_)}));
	DMSNAP_CHECK(make_table(chunk_size_));
	unusable_ = DMSNAP_TRY(UnusableStore::create(cow_device_, *worker_));
	store_ = unusable_.get();
	invalid_reason_ = unusable_store;
	invalid_ns_ = dmsnap_port_now_ns();
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

void Snapshot::activate()
{
	if (active())
		return;
	sectors_ = dmsnap_port_target_sectors(target());
	wasted_before_ = origin_->streams().count().wasted;
	active_.store_seq_cst(true);
	origin_->snapshot_watches();
}

void Snapshot::cancel_handover()
{
	awaits_handover_ = false;
	no_store_ = true;
	health_.store_seq_cst(Health::invalid);
}

void Snapshot::begin_handover()
{
	/* Whoever holds the lock, a message too, sees it or is waited for. */
	SpinGuard guard(origin_->lock());
	changes_hands_.store_seq_cst(true);
}

void Snapshot::quiesce_for_handover()
{
	/* Writes that have not seen the mark are through, or under the lock. */
	dmsnap_port_rcu_synchronize();
	drain();
	if (store_)
		store_->quiesce();
}

bool Snapshot::quiesce_for_handover_killable()
{
	dmsnap_port_rcu_synchronize();
	return drain_killable("a snapshot whose store is handed over");
}

void Snapshot::end_handover()
{
	/*
	 * A write that passed the destination while it was not active must still find the
	 * mark here: such walks end first.
	 */
	dmsnap_port_rcu_synchronize();
	{
		SpinGuard guard(origin_->lock());
		changes_hands_.store_seq_cst(false);
		release_waiters();
	}
	if (Event *event = std::exchange(handed_over_, nullptr))
		event->set();
}

bool Snapshot::tell_of_handover(Event &event)
{
	if (!changes_hands())
		return false;
	handed_over_ = &event;
	return true;
}

void Snapshot::take_over(Snapshot &source)
{
	chunk_size_ = source.chunk_size_;
	table_ = std::move(source.table_);
	persistent_ = std::move(source.persistent_);
	transient_ = std::move(source.transient_);
	unusable_ = std::move(source.unusable_);
	store_ = std::exchange(source.store_, nullptr);
	if (store_)
		store_->set_device(cow_device_, *worker_);

	source.stall_->release();
	knobs_ = source.knobs_;
	above_low_water_ = source.above_low_water_;
	statistics_ = source.statistics_;
	invalid_reason_ = source.invalid_reason_;
	invalid_ns_ = source.invalid_ns_;
	commits_->set_delay(source.commits_->delay_ms());

	health_.store_seq_cst(source.health_.load_relaxed());
	overflowed_.store_relaxed(source.overflowed_.load_relaxed());
	/* Each now says what the other's table line asked for, but for who takes "Overflow". */
	std::swap(store_args_.type, source.store_args_.type);
	source.store_args_.overflow = store_args_.overflow;
	source.no_store_ = true;
	awaits_handover_ = false;
	activate();
	wasted_before_ = source.wasted_before_;
	source.health_.store_seq_cst(Health::invalid);
}

} // namespace dmsnap
