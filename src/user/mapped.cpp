// SPDX-License-Identifier: GPL-2.0-only
#include "user/mapped.hpp"

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <utility>

#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/table_reader.hpp"

namespace dmsnap::user {

Core::Core()
{
	if (int error = dmsnap_core_init())
		report_failure("dmsnap_core_init: error %d", error);
}

Core::~Core()
{
	dmsnap_core_exit();
}

void Mapped::wait_for_readers(const Table *table)
{
	if (table)
		World::current().wait(&table->readers, "a wait for a table's readers",
				      [table] { return table->readers == 0; });
}

Mapped::~Mapped()
{
	remove();
}

int Mapped::load(TargetType type, uint64_t sectors, const std::string &words, bool read_only)
{
	auto table = std::make_unique<Table>();
	table->type = type;
	table->target.sectors = sectors;
	table->target.read_only = read_only;
	table->target.suspended = &suspended_;

	std::istringstream stream(words);
	std::vector<std::string> list;
	for (std::string word; stream >> word;)
		list.push_back(word);
	std::vector<char *> argv;
	argv.reserve(list.size());
	for (std::string &word : list)
		argv.push_back(word.data());

	const char *error = "";
	auto argc = static_cast<unsigned int>(argv.size());
	int result;
	if (type == TargetType::origin) {
		result = dmsnap_core_origin_create(&table->target, argc, argv.data(),
						   &table->origin, &table->traits, &error);
	} else {
		auto kind = type == TargetType::merge ? DMSNAP_SNAPSHOT_MERGE : DMSNAP_SNAPSHOT;
		result = dmsnap_core_snapshot_create(&table->target, kind, argc, argv.data(),
						     &table->snapshot, &table->traits, &error);
	}
	error_text_ = result ? error : "";
	if (result)
		return result;
	destroy(std::exchange(inactive_, std::move(table)));
	return 0;
}

void Mapped::destroy(std::unique_ptr<Table> table)
{
	if (!table)
		return;
	wait_for_readers(table.get());
	if (table->snapshot)
		dmsnap_core_snapshot_destroy(table->snapshot);
	if (table->origin)
		dmsnap_core_origin_destroy(table->origin);
	old_events_ += table->target.events;
}

void Mapped::presuspend()
{
	if (suspended_ || std::exchange(presuspended_, true))
		return;
	if (active_ && active_->snapshot)
		dmsnap_core_snapshot_presuspend(active_->snapshot);
	else if (active_)
		dmsnap_core_origin_begin_suspend(active_->origin);
}

void Mapped::presuspend_undo()
{
	presuspended_ = false;
	blocked_ = false;
	if (active_ && active_->snapshot)
		dmsnap_core_snapshot_presuspend_undo(active_->snapshot);
	else if (active_)
		dmsnap_core_origin_end_suspend(active_->origin);
	send_deferred();
}

int Mapped::suspend()
{
	return suspend(Wait::killable);
}

int Mapped::suspend(Wait wait)
{
	if (suspended_)
		return 0;
	presuspend();
	blocked_ = true;
	const bool &killed = this_context().killed;
	World::current().wait(this, "suspend", [&] {
		return in_flight_ == 0 || (wait == Wait::killable && killed);
	});
	if (in_flight_) {
		presuspend_undo();
		return -EINTR;
	}
	presuspended_ = false;
	suspended_ = true;
	if (active_ && active_->snapshot)
		dmsnap_core_snapshot_postsuspend(active_->snapshot);
	else if (active_)
		dmsnap_core_origin_end_suspend(active_->origin);
	return 0;
}

void Mapped::send_deferred()
{
	for (const Handle &request : std::exchange(deferred_, {}))
		go(request);
}

void Mapped::clear()
{
	destroy(std::move(inactive_));
}

int Mapped::resume()
{
	std::unique_ptr<Table> old;
	if (inactive_) {
		if (suspend()) {
			clear();
			return -EINVAL;
		}
		if (inactive_->snapshot)
			inactive_->discard_sectors =
				dmsnap_core_snapshot_discard_sectors(inactive_->snapshot);
		old = std::exchange(active_, std::move(inactive_));
		wait_for_readers(old.get());
	}
	int error = 0;
	if (suspended_ && active_) {
		if (active_->snapshot)
			error = dmsnap_core_snapshot_preresume(active_->snapshot);
		if (!error) {
			if (active_->snapshot)
				dmsnap_core_snapshot_resume(active_->snapshot);
			suspended_ = false;
			blocked_ = false;
			send_deferred();
		}
	}
	destroy(std::move(old));
	return error;
}

void Mapped::remove()
{
	if (!active_ && !inactive_)
		return;
	suspend(Wait::unkillable);
	/* The waiting ones will never be resumed. */
	for (const Handle &request : std::exchange(deferred_, {}))
		part_ended(request, -EIO);
	destroy(std::move(active_));
	destroy(std::move(inactive_));
	suspended_ = false;
	blocked_ = false;
}

int Mapped::create(TargetType type, uint64_t sectors, const std::string &words)
{
	int error = load(type, sectors, words);
	return error ? error : resume();
}

uint64_t Mapped::sectors() const
{
	return active_ ? active_->target.sectors : 0;
}

unsigned int Mapped::events() const
{
	return old_events_ + (active_ ? active_->target.events : 0) +
	       (inactive_ ? inactive_->target.events : 0);
}

dmsnap_snapshot *Mapped::snapshot() const
{
	return active_ ? active_->snapshot : nullptr;
}

dmsnap_origin *Mapped::origin() const
{
	return active_ ? active_->origin : nullptr;
}

std::string Mapped::text_of(dmsnap_status type)
{
	Reader reader(active_.get());
	char buffer[512] = "";
	if (snapshot())
		dmsnap_core_snapshot_status(snapshot(), type, "snapshot", "1.16.0", buffer,
					    sizeof(buffer));
	else if (origin())
		dmsnap_core_origin_status(origin(), type, buffer, sizeof(buffer));
	return buffer;
}

int Mapped::message(const std::vector<std::string> &words, std::string *answer)
{
	std::vector<std::string> copy = words;
	std::vector<char *> argv;
	argv.reserve(copy.size());
	for (std::string &word : copy)
		argv.push_back(word.data());
	Reader reader(active_.get());
	/* As dm does if there is no table, or another target. */
	if (!snapshot())
		return -EINVAL;
	/* As much as libdevmapper offers first. */
	std::vector<char> buffer(16384);
	int error = dmsnap_core_snapshot_message(snapshot(), static_cast<unsigned int>(argv.size()),
						 argv.data(), buffer.data(), buffer.size());
	if (answer)
		*answer = buffer.data();
	return error;
}

} // namespace dmsnap::user
