// SPDX-License-Identifier: GPL-2.0-only
#include "store/read_pieces.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace dmsnap::tool {
namespace {

/* The queue depth of most disks. */
constexpr size_t readers_max = 32;

class Reading {
public:
	explicit Reading(std::span<const ReadPiece> pieces) : pieces_(pieces) {}

	void run()
	{
		for (size_t i; !failed_ && (i = next_++) < pieces_.size();) {
			try {
				pieces_[i].volume->read_all(pieces_[i].offset, pieces_[i].data);
			} catch (...) {
				std::lock_guard guard(lock_);
				failed_ = true;
				failure_ = std::current_exception();
			}
		}
	}

	void end() const
	{
		if (failure_)
			std::rethrow_exception(failure_);
	}

private:
	std::span<const ReadPiece> pieces_;
	std::atomic<size_t> next_ = 0;
	std::atomic<bool> failed_ = false;
	std::mutex lock_;
	std::exception_ptr failure_;
};

} // namespace

void read_pieces(std::span<const ReadPiece> pieces)
{
	Reading reading(pieces);
	{
		std::vector<std::jthread> others;
		for (size_t i = 1; i < std::min(pieces.size(), readers_max); i++)
			others.emplace_back([&reading] { reading.run(); });
		reading.run();
	}
	reading.end();
}

} // namespace dmsnap::tool
