// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes block devices in a guest that is about to lose its power.  It records each operation,
 * before and after it, in a log outside of the guest.
 *
 *   load show LOG NAME=DEVICE...
 *   load work LOG SEED FIRST_STAMP MILLISECONDS DEPTH RATE DURABLE NAME=DEVICE...
 *
 * work runs for the given time (0: no limit), with at most DEPTH operations in flight and RATE a
 * second; DURABLE of 100 make something durable.  The first device takes discards.  Each written
 * sector holds its number and the stamp of the write; anything else is detected.  A discard
 * leaves the stamp 0.  Numbers in the log are hexadecimal:
 *
 *   show NAME STAMP[*COUNT]...       the sectors of a device; "bad" for what is no stamp
 *   write STAMP NAME SECTOR COUNT    a write that need not be durable
 *   fua STAMP NAME SECTOR COUNT      a write that is durable when it ends
 *   discard STAMP NAME SECTOR COUNT  only of the origin
 *   flush STAMP NAME
 *   read STAMP NAME SECTOR COUNT
 *   end STAMP [STAMP[*COUNT]...]     the operation has succeeded; what was read
 *   error STAMP ERRNO
 */
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "log.hpp"
#include "stamps.hpp"

namespace {

constexpr uint32_t max_sectors = 256;

/* --- devices --- */

struct Device {
	std::string name;
	int fd;
	uint64_t sectors;
};

Device open_device(const std::string &argument)
{
	size_t at = argument.find('=');
	std::string path = argument.substr(at + 1);
	Device device{argument.substr(0, at), open(path.c_str(), O_RDWR | O_DIRECT), 0};
	if (device.fd < 0 || ioctl(device.fd, BLKGETSIZE64, &device.sectors) != 0)
		die(path.c_str());
	device.sectors /= sector_size;
	return device;
}

uint8_t *new_buffer(size_t size)
{
	void *buffer = std::aligned_alloc(4096, size);
	if (!buffer)
		die("memory");
	return static_cast<uint8_t *>(buffer);
}

void show(Log &log, const Device &device)
{
	constexpr size_t size = 1 << 20;
	static uint8_t *buffer = new_buffer(size);
	log.add("show %s", device.name.c_str());
	Runs runs(log);
	for (uint64_t sector = 0; sector < device.sectors;) {
		ssize_t n = pread(device.fd, buffer, size, sector * sector_size);
		if (n <= 0)
			die(device.name.c_str());
		for (ssize_t at = 0; at < n; at += sector_size)
			runs.add(stamp_of(reinterpret_cast<Half *>(buffer + at), sector++));
	}
	runs.end();
	log.add("\n");
	log.write_out();
}

/* --- work --- */

struct Operation {
	enum class Kind { write, fua, flush, read } kind;
	uint64_t stamp;
	const Device *device;
	uint64_t sector;
	uint32_t count;
	uint8_t *buffer;
	iocb control;
};

class Work {
public:
	Work(Log &log, std::vector<Device> devices, uint64_t seed, uint64_t stamp, uint32_t depth,
	     uint32_t rate, uint32_t durable)
	    : log_(log), devices_(std::move(devices)), random_(seed), stamp_(stamp),
	      durable_(durable), interval_(std::chrono::microseconds(1000000 / rate)),
	      operations_(depth)
	{
		if (syscall(SYS_io_setup, depth, &context_) != 0)
			die("io_setup");
		for (Operation &operation : operations_) {
			operation.buffer = new_buffer(max_sectors * sector_size);
			idle_.push_back(&operation);
		}
	}

	void run(std::chrono::milliseconds time)
	{
		auto end = std::chrono::steady_clock::now() + time;
		next_ = std::chrono::steady_clock::now();
		for (;;) {
			auto now = std::chrono::steady_clock::now();
			bool over = time.count() != 0 && now >= end;
			if (over && idle_.size() == operations_.size())
				break;
			if (!over)
				begin(now);
			wait();
		}
		log_.write_out();
	}

private:
	uint64_t below(uint64_t limit) { return random_() % limit; }

	/* Starts the operations that are due. */
	void begin(std::chrono::steady_clock::time_point now)
	{
		std::vector<iocb *> controls;
		bool discards = false;
		while (!idle_.empty() && next_ <= now) {
			discards = discards || below(32) == 0;
			Operation *operation = idle_.back();
			idle_.pop_back();
			choose(*operation);
			controls.push_back(prepare(*operation));
			next_ += interval_;
		}
		/* An operation that had to wait is not made up for. */
		next_ = std::max(next_, now);
		log_.write_out();
		for (size_t done = 0; done < controls.size();) {
			long n = syscall(SYS_io_submit, context_, controls.size() - done,
					 controls.data() + done);
			if (n <= 0)
				die("io_submit");
			done += n;
		}
		/* Last, because the ioctl waits for the discard; the others are in flight then. */
		if (discards)
			discard(devices_[0]);
	}

	void discard(const Device &device)
	{
		uint64_t count = 8 * (1 + below(256));
		uint64_t sector = below(device.sectors - count) / 8 * 8;
		auto stamp = static_cast<unsigned long long>(stamp_++);
		log_.add("discard %llx %s %llx %x\n", stamp, device.name.c_str(),
			 static_cast<unsigned long long>(sector), static_cast<uint32_t>(count));
		log_.write_out();
		uint64_t range[] = {sector * sector_size, count * sector_size};
		if (ioctl(device.fd, BLKDISCARD, range) != 0)
			log_.add("error %llx %x\n", stamp, static_cast<uint32_t>(errno));
		else
			log_.add("end %llx\n", stamp);
	}

	void choose(Operation &operation)
	{
		operation.device = &devices_[below(devices_.size())];
		uint64_t sectors = operation.device->sectors;
		uint64_t kind = below(100);
		operation.kind = Operation::Kind::write;
		if (kind < durable_)
			operation.kind = below(3) == 0 ? Operation::Kind::flush
						       : Operation::Kind::fua;
		else if (kind >= 93)
			operation.kind = Operation::Kind::read;
		uint64_t size = below(10);
		uint32_t unit = size < 7 ? 8 : 1;
		operation.count = size < 5 ? 8 : size < 7 ? 8 * (1 + below(32)) : 1 + below(24);
		/* Half of them are near each other, on all devices. */
		if (below(64) == 0)
			near_ = below(sectors);
		uint64_t at = below(2) ? near_ + below(512) : below(sectors);
		at = std::min(at, sectors - operation.count) / unit * unit;
		operation.sector = at;
		operation.stamp = stamp_++;
	}

	iocb *prepare(Operation &operation)
	{
		using Kind = Operation::Kind;
		static const char *const names[] = {"write", "fua", "flush", "read"};
		log_.add("%s %llx %s", names[static_cast<int>(operation.kind)],
			 static_cast<unsigned long long>(operation.stamp),
			 operation.device->name.c_str());
		iocb &control = operation.control;
		control = {};
		control.aio_data = reinterpret_cast<uintptr_t>(&operation);
		control.aio_fildes = operation.device->fd;
		if (operation.kind == Kind::flush) {
			control.aio_lio_opcode = IOCB_CMD_FDSYNC;
			log_.add("\n");
			return &control;
		}
		log_.add(" %llx %x\n", static_cast<unsigned long long>(operation.sector),
			 operation.count);
		control.aio_lio_opcode = operation.kind == Kind::read ? IOCB_CMD_PREAD
								      : IOCB_CMD_PWRITE;
		/* Asynchronous, so that the kernel makes it a FUA write and not a flush. */
		control.aio_rw_flags = operation.kind == Kind::fua ? RWF_DSYNC : 0;
		control.aio_buf = reinterpret_cast<uintptr_t>(operation.buffer);
		control.aio_nbytes = uint64_t{operation.count} * sector_size;
		control.aio_offset = static_cast<int64_t>(operation.sector * sector_size);
		if (operation.kind != Kind::read)
			stamp_sectors(operation.buffer, operation.sector, operation.count,
				      operation.stamp);
		return &control;
	}

	/* Waits until an operation has ended or the next one is due. */
	void wait()
	{
		io_event events[64];
		auto left = std::max(next_ - std::chrono::steady_clock::now(), {});
		if (idle_.empty())
			left = std::chrono::seconds(1);
		timespec timeout{std::chrono::duration_cast<std::chrono::seconds>(left).count(),
				 (left % std::chrono::seconds(1)).count()};
		long n =
			syscall(SYS_io_getevents, context_, 1, std::size(events), events, &timeout);
		for (long i = 0; i < n; i++) {
			auto *operation = reinterpret_cast<Operation *>(events[i].data);
			end(*operation, events[i].res);
			idle_.push_back(operation);
		}
		log_.write_out();
	}

	void end(const Operation &operation, int64_t result)
	{
		auto stamp = static_cast<unsigned long long>(operation.stamp);
		if (result < 0) {
			log_.add("error %llx %llx\n", stamp,
				 static_cast<unsigned long long>(-result));
			return;
		}
		log_.add("end %llx", stamp);
		if (operation.kind == Operation::Kind::read) {
			Runs runs(log_);
			for (uint32_t i = 0; i < operation.count; i++)
				runs.add(stamp_of(reinterpret_cast<Half *>(operation.buffer) +
							  i * halves,
						  operation.sector + i));
			runs.end();
		}
		log_.add("\n");
	}

	Log &log_;
	std::vector<Device> devices_;
	std::mt19937_64 random_;
	uint64_t stamp_;
	uint32_t durable_;
	std::chrono::steady_clock::duration interval_;
	std::chrono::steady_clock::time_point next_;
	std::vector<Operation> operations_;
	std::vector<Operation *> idle_;
	uint64_t near_ = 0;
	aio_context_t context_ = 0;
};

std::vector<Device> open_devices(char **arguments)
{
	std::vector<Device> devices;
	for (; *arguments; arguments++)
		devices.push_back(open_device(*arguments));
	return devices;
}

} // namespace

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	Log log(argv[2]);
	if (argv[1] == std::string("show")) {
		for (const Device &device : open_devices(argv + 3))
			show(log, device);
		return 0;
	}
	if (argc < 10)
		return 2;
	Work work(log, open_devices(argv + 9), std::strtoull(argv[3], nullptr, 0),
		  std::strtoull(argv[4], nullptr, 0), std::strtoul(argv[6], nullptr, 0),
		  std::strtoul(argv[7], nullptr, 0), std::strtoul(argv[8], nullptr, 0));
	work.run(std::chrono::milliseconds(std::strtoul(argv[5], nullptr, 0)));
	return 0;
}
