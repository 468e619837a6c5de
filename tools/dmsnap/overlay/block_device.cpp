// SPDX-License-Identifier: GPL-2.0-only
#include "overlay/block_device.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "stream/checksum.hpp"
#include "system/device_name.hpp"
#include "system/failure.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {
namespace {

namespace fs = std::filesystem;

class Node {
public:
	explicit Node(DeviceNumber device)
	    : path_("/dev/" + kernel_name(device)),
	      descriptor_(open(path_.c_str(), O_RDONLY | O_CLOEXEC))
	{
		if (descriptor_ < 0)
			fail("cannot be opened");
	}
	~Node() { close(descriptor_); }
	Node(const Node &) = delete;
	Node &operator=(const Node &) = delete;

	template <typename T> void ask(unsigned long request, T *answer)
	{
		if (ioctl(descriptor_, request, answer) != 0)
			fail("does not answer");
	}
	[[noreturn]] void fail(const char *what) const
	{
		throw Failure(fmt::format("{}: {}: {}", path_, what, std::strerror(errno)));
	}

private:
	std::string path_;
	int descriptor_;
};

} // namespace

bool is_connected(DeviceNumber device)
{
	std::error_code error;
	return fs::exists("/sys/dev/block/" + to_text(device), error);
}

std::string kernel_name(DeviceNumber device)
{
	std::error_code error;
	fs::path link = fs::read_symlink("/sys/dev/block/" + to_text(device), error);
	if (error)
		throw Failure(fmt::format("the device {} is gone", to_text(device)));
	/* In sysfs "!" stands for "/" in a name: cciss!c0d0. */
	std::string name = link.filename();
	std::ranges::replace(name, '!', '/');
	return name;
}

std::vector<DeviceNumber> holders_of(DeviceNumber device)
{
	std::vector<DeviceNumber> holders;
	std::error_code error;
	fs::path folder = fmt::format("/sys/dev/block/{}/holders", to_text(device));
	for (const fs::directory_entry &holder : fs::directory_iterator(folder, error)) {
		std::ifstream file(holder.path() / "dev");
		std::string number;
		std::getline(file, number);
		if (std::optional<DeviceNumber> found = parse_device(number))
			holders.push_back(*found);
	}
	return holders;
}

BlockDevice look_at_device(DeviceNumber device)
{
	Node node(device);
	BlockDevice about;
	int block_bytes = 0, read_only = 0;
	node.ask(BLKGETSIZE64, &about.bytes);
	node.ask(BLKSSZGET, &block_bytes);
	node.ask(BLKROGET, &read_only);
	about.block_bytes = static_cast<uint32_t>(block_bytes);
	about.is_read_only = read_only != 0;
	return about;
}

void set_read_only(DeviceNumber device, bool read_only)
{
	int value = read_only;
	Node(device).ask(BLKROSET, &value);
}

std::string checksum_of_ends(DeviceNumber device)
{
	constexpr uint64_t end_bytes = 1 << 20;
	Volume volume = Volume::share("/dev/" + kernel_name(device));
	std::vector<std::byte> data(std::min(volume.bytes(), end_bytes));
	RunningChecksum checksum;

	volume.read_all(0, data);
	checksum.add(data);
	volume.read_all(volume.bytes() - data.size(), data);
	checksum.add(data);
	std::string text;
	for (std::byte byte : checksum.value())
		text += fmt::format("{:02x}", static_cast<unsigned int>(byte));
	return text;
}

} // namespace dmsnap::tool
