// SPDX-License-Identifier: GPL-2.0-only
#include "target/registry.hpp"

#include "base/run_on.hpp"

namespace dmsnap {

namespace {

constinit Registry *the_registry = nullptr;

} // namespace

Status Registry::open()
{
	auto registry = DMSNAP_TRY(make_owned<Registry>());
	registry->reaper_ = DMSNAP_TRY(Worker::create("reaper"));
	the_registry = registry.release();
	return {};
}

void Registry::close()
{
	Owned<Registry> registry(the_registry);
	registry->reaper_->flush();
	the_registry = nullptr;
}

Registry &registry()
{
	return *the_registry;
}

Result<Origin *> Registry::get(dmsnap_device *device)
{
	uint64_t id = dmsnap_port_device_id(device);
	MutexGuard guard(mutex_);

	for (Entry *entry = entries_.front(); entry; entry = entries_.next(*entry)) {
		if (entry->origin->id() == id) {
			entry->references++;
			return entry->origin.get();
		}
	}
	char name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(device, name);
	auto entry = DMSNAP_TRY(make_owned<Entry>());
	entry->origin = DMSNAP_TRY(Origin::create(id, name));
	Origin *origin = entry->origin.get();
	entries_.push_back(*entry.release());
	return origin;
}

void Registry::put(Origin *origin)
{
	Owned<Entry> gone;
	MutexGuard guard(mutex_);

	for (Entry *entry = entries_.front(); entry; entry = entries_.next(*entry)) {
		if (entry->origin.get() != origin)
			continue;
		if (--entry->references == 0) {
			entry->link.unlink();
			gone = Owned<Entry>(entry);
		}
		return;
	}
}

void Registry::leaves(SnapshotTarget &target)
{
	target.registry_link.unlink();
	leaving_.push_back(target);
}

void Registry::gone(SnapshotTarget &target)
{
	MutexGuard guard(mutex_);
	if (target.registry_link.linked())
		target.registry_link.unlink();
}

Result<Owned<Worker>> Registry::worker_for_orphan()
{
	Result<Owned<Worker>> worker = fail(Error::no_memory);
	run_on(*reaper_, [&] { worker = Worker::create("reaper"); });
	return worker;
}

bool Registry::in_use(uint64_t cow_id)
{
	for (const SnapshotTarget &target : leaving_) {
		if (target.snapshot().cow_id() == cow_id && target.claims_store())
			return true;
	}
	return false;
}

Status OriginRef::get(dmsnap_device *device)
{
	origin_ = DMSNAP_TRY(registry().get(device));
	return {};
}

void OriginRef::reset()
{
	if (Origin *origin = std::exchange(origin_, nullptr))
		registry().put(origin);
}

} // namespace dmsnap
