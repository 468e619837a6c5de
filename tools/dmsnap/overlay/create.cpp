// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap overlay create: makes all of the overlays, or none. */
#include <algorithm>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "base/chunk.hpp"
#include "cli/units.hpp"
#include "live/device_mapper.hpp"
#include "overlay/block_device.hpp"
#include "overlay/commands.hpp"
#include "overlay/cow_file.hpp"
#include "overlay/lock.hpp"
#include "overlay/loop_device.hpp"
#include "system/device_name.hpp"
#include "system/loop_file.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {
namespace {

constexpr uint64_t cow_bytes_min = 1 << 20;
/* Device mapper allows 127 bytes for a name and 128 for a UUID. */
constexpr size_t name_bytes_max = 100;

/* A device for overlays; an image gets a read-only loop device. */
struct Base {
	std::string path;
	DeviceNumber number;
	std::optional<LoopDevice> loop;
	BlockDevice about;
	bool was_writable = true;
};

/* Is the snapshot's origin this device, or a loop device of this image? */
bool stands_on(const LiveSnapshot &snapshot, const std::string &path,
	       const std::optional<DeviceNumber> &device)
{
	std::error_code error;
	if (device)
		return snapshot.origin == *device;
	/* A missing path must not match an origin that is no loop device. */
	auto image = std::filesystem::canonical(path, error);
	return !error && backing_file_of(snapshot.origin) == image;
}

Base open_base(const std::string &name, const std::vector<Overlay> &others)
{
	Base base{.path = path_of(name), .number = {}, .loop = {}, .about = {}};
	std::optional<DeviceNumber> device = device_at(base.path);
	auto other = std::ranges::find_if(others, [&](const Overlay &overlay) {
		return overlay.snapshot && stands_on(*overlay.snapshot, base.path, device);
	});
	if (other != others.end() && other->snapshot->is_merge)
		throw Failure(fmt::format("{} is being written to, by {} that is merged", name,
					  other->name));
	if (other == others.end()) {
		/* Throws a Failure that names other users of the device. */
		Volume volume(base.path, Volume::Access::read);
		if (!volume.is_block_device()) {
			base.loop.emplace(volume.descriptor(),
					  std::filesystem::path(base.path).filename().string(), 0,
					  LoopDevice::Access::read);
			device = base.loop->number();
		}
	}
	base.number =
		device.value_or(other == others.end() ? DeviceNumber{} : other->snapshot->origin);
	base.about = look_at_device(base.number);
	base.was_writable = other == others.end() ? !base.about.is_read_only
						  : other->was_origin_writable();
	if (base.about.bytes < cow_bytes_min)
		throw Failure(fmt::format("{} is smaller than 1 MiB", name));
	if (base.about.block_bytes > overlay_chunk_sectors * sector_bytes)
		throw Failure(fmt::format("{} has logical blocks of more than 4 KiB", name));
	return base;
}

/* Undoes itself unless it is finished. */
class Making {
public:
	Making(std::string name, const Base &base) : name_(std::move(name)), base_(base) {}
	Making(const Making &) = delete;
	Making &operator=(const Making &) = delete;

	~Making()
	{
		if (is_done_ || !is_begun_)
			return;
		try {
			take_down(name_, number_, base_.number, base_.was_writable);
		} catch (const Failure &failure) {
			fmt::print(stderr, "dmsnap: {}\n", failure.what());
		}
	}

	/*
	 * The UUID and the table are set before the device under it is made read-only.  They
	 * record which device that is, and whether it was writable before.
	 */
	void make(CowFile file, OverlayMode mode)
	{
		LoopDevice loop(file.descriptor(), name_, Label::bytes, LoopDevice::Access::write);
		create_mapped(name_, overlay_uuid(name_, base_.was_writable));
		is_begun_ = true;
		number_ = DeviceMapper().find(name_);
		file_.emplace(std::move(file));
		load_overlay(name_, base_.number, loop.number(), mode);
		/* An image's loop device is read-only already, and this would outlive the image. */
		const bool is_read_only = mode == OverlayMode::keeps_changes;
		if (base_.was_writable && base_.about.is_read_only != is_read_only)
			set_read_only(base_.number, is_read_only);
		resume_mapped(name_);
		std::optional<LiveSnapshot> snapshot = DeviceMapper().snapshot(number_);
		if (!snapshot || snapshot->is_bad())
			throw Failure(fmt::format("{} is of no use as it is made: {}", name_,
						  snapshot ? snapshot->state_text() : "gone"));
	}

	void finish()
	{
		is_done_ = true;
		file_->keep();
	}

	const std::string &name() const { return name_; }

private:
	std::string name_;
	const Base &base_;
	DeviceNumber number_ = {};
	/* Destroyed after the device. */
	std::optional<CowFile> file_;
	bool is_begun_ = false;
	bool is_done_ = false;
};

std::vector<std::string> names_over(const std::string &path, unsigned int copies)
{
	std::vector<std::string> names;
	std::string name = overlay_name_of(path);
	if (name.size() > name_bytes_max)
		throw Failure(fmt::format("{}: the name is too long for an overlay", path));
	for (unsigned int i = 1; i <= copies; i++)
		names.push_back(fmt::format("{}-{}", name, i));
	return copies ? names : std::vector{name};
}

void require_room(const OverlayOptions &options, size_t count)
{
	uint64_t free = options.is_in_memory ? free_bytes_in_memory()
					     : free_bytes_in(options.folder);
	if (options.bytes > free / count)
		throw Failure(fmt::format(
			"{} overlays of {} may need more than the {} that are free in {}: choose a "
			"smaller --size{}",
			count, size_text(static_cast<double>(options.bytes)),
			size_text(static_cast<double>(free)),
			options.is_in_memory ? "memory" : options.folder,
			options.is_in_memory ? "" : "; \"overlay extend\" makes one larger later"));
}

void make_folder(const std::string &folder)
{
	std::error_code error;
	std::filesystem::create_directories(folder, error);
	if (error)
		throw Failure(fmt::format("{}: {}", folder, error.message()));
}

ExitCode tell(const OverlayOptions &options, const std::vector<std::string> &names)
{
	std::vector<Overlay> made;
	for (Overlay &overlay : find_overlays(options.folder)) {
		if (std::ranges::find(names, overlay.name) != names.end())
			made.push_back(std::move(overlay));
	}
	if (options.json)
		print_json(made);
	else
		for (const Overlay &overlay : made)
			fmt::print("{}\n", overlay.path());
	return ExitCode::fine;
}

} // namespace

ExitCode create_overlays(const OverlayOptions &options)
{
	if (options.bytes < cow_bytes_min)
		throw Failure("give the room for the changes with --size, at least 1M");
	FileLock lock = lock_overlays();
	std::vector<Overlay> others = find_overlays(options.folder);
	std::vector<std::unique_ptr<Base>> bases;
	std::vector<std::unique_ptr<Making>> makings;
	std::vector<std::string> all_names;

	for (const std::string &name : options.names)
		bases.push_back(std::make_unique<Base>(open_base(name, others)));
	if (!options.is_in_memory)
		make_folder(options.folder);
	require_room(options, bases.size() * std::max(options.copies, 1u));
	for (const std::unique_ptr<Base> &base : bases) {
		Label label{.name = {},
			    .origin = base->loop ? std::filesystem::absolute(base->path).string()
						 : lasting_path(base->number, base->path),
			    .origin_bytes = base->about.bytes,
			    .origin_checksum = checksum_of_ends(base->number),
			    .cow_bytes = options.bytes / sector_bytes * sector_bytes,
			    .is_origin_writable = base->was_writable};
		for (const std::string &name : names_over(base->path, options.copies)) {
			if (std::ranges::find(others, name, &Overlay::name) != others.end())
				throw Failure(fmt::format("{} is there already: \"overlay create "
							  "--resume\" or \"overlay drop\" it first",
							  name));
			label.name = name;
			makings.push_back(std::make_unique<Making>(name, *base));
			makings.back()->make(options.is_in_memory
						     ? CowFile::in_memory(label)
						     : CowFile::create(options.folder + "/" + name +
									       cow_file_ending,
								       label),
					     OverlayMode::keeps_changes);
			all_names.push_back(name);
		}
	}
	for (const std::unique_ptr<Making> &making : makings)
		making->finish();
	return tell(options, all_names);
}

void activate_left(const std::vector<Overlay> &overlays, const std::string &folder)
{
	std::vector<std::unique_ptr<Base>> bases;
	std::vector<std::unique_ptr<Making>> makings;

	for (const Overlay &overlay : overlays) {
		const Label &label = *overlay.label;
		bases.push_back(
			std::make_unique<Base>(open_base(label.origin, find_overlays(folder))));
		Base &base = *bases.back();
		/* A half merged device can only be recognised by its size. */
		bool is_same =
			base.about.bytes == label.origin_bytes &&
			(label.is_merge || checksum_of_ends(base.number) == label.origin_checksum);
		if (!is_same)
			throw Failure(fmt::format(
				"{}: {} is not what it was when {} was made: another device has "
				"its name, or somebody wrote to it",
				overlay.file, label.origin, overlay.name));
		base.was_writable = label.is_origin_writable;
		makings.push_back(std::make_unique<Making>(overlay.name, base));
		CowFile file = CowFile::open(overlay.file);
		file.require_all_of(label);
		if (std::string loop = loop_device_of(file.about()); !loop.empty())
			throw Failure(fmt::format("{}: {} has it already: detach that first",
						  overlay.file, loop));
		makings.back()->make(std::move(file), label.is_merge ? OverlayMode::merges_them
								     : OverlayMode::keeps_changes);
	}
	for (const std::unique_ptr<Making> &making : makings)
		making->finish();
}

ExitCode resume_overlays(const OverlayOptions &options)
{
	FileLock lock = lock_overlays();
	std::vector<Overlay> overlays = select_overlays(options.folder, options.names);
	std::vector<std::string> names;

	for (const Overlay &overlay : overlays) {
		if (overlay.device)
			throw Failure(overlay.name + " is active");
		if (!overlay.label)
			throw Failure(fmt::format("{} is {}", overlay.name, overlay.state()));
		if (overlay.is_merge())
			throw Failure(fmt::format(
				"{} is half merged: end that with \"overlay keep\"", overlay.name));
		names.push_back(overlay.name);
	}
	activate_left(overlays, options.folder);
	return tell(options, names);
}

} // namespace dmsnap::tool
