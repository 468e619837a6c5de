// SPDX-License-Identifier: GPL-2.0-only
#include "backup/packed_file.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <vector>

#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

struct FreeCompressor {
	void operator()(ZSTD_CCtx *context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
	void operator()(ZSTD_DCtx *context) const { ZSTD_freeDCtx(context); }
};

/* A FILE of fopencookie() is buffered like any other FILE. */
FILE *open_cookie(void *state, const char *mode, const cookie_io_functions_t &functions)
{
	FILE *file = fopencookie(state, mode, functions);
	if (!file)
		throw std::bad_alloc();
	return file;
}

} // namespace

struct PackedWriter::State {
	explicit State(int to) : descriptor(to) {}

	const int descriptor;
	uint64_t bytes = 0;
	RunningChecksum checksum;
	/* None: the data is stored uncompressed. */
	std::unique_ptr<ZSTD_CCtx, FreeCompressor> compressor;
	std::vector<char> packed = std::vector<char>(ZSTD_CStreamOutSize());
	FILE *file = nullptr;

	/* Returns false and sets errno on failure. */
	bool store(const char *data, size_t size)
	{
		checksum.add(std::as_bytes(std::span(data, size)));
		bytes += size;
		while (size) {
			ssize_t written = ::write(descriptor, data, size);
			if (written < 0 && errno != EINTR)
				return false;
			if (written > 0) {
				data += written;
				size -= static_cast<size_t>(written);
			}
		}
		return true;
	}

	bool take(const char *data, size_t size, ZSTD_EndDirective directive)
	{
		if (!compressor)
			return store(data, size);
		ZSTD_inBuffer input = {data, size, 0};
		for (;;) {
			ZSTD_outBuffer output = {packed.data(), packed.size(), 0};
			size_t left =
				ZSTD_compressStream2(compressor.get(), &output, &input, directive);
			if (ZSTD_isError(left)) {
				errno = ENOMEM;
				return false;
			}
			if (!store(packed.data(), output.pos))
				return false;
			if (directive == ZSTD_e_end ? left == 0 : input.pos == input.size)
				return true;
		}
	}

	static ssize_t write(void *state, const char *data, size_t size)
	{
		/* 0 is an error here, as with fwrite(). */
		return static_cast<State *>(state)->take(data, size, ZSTD_e_continue)
			       ? static_cast<ssize_t>(size)
			       : 0;
	}
};

PackedWriter::PackedWriter(int descriptor, int level) : state_(new State(descriptor))
{
	if (level) {
		state_->compressor.reset(ZSTD_createCCtx());
		if (!state_->compressor)
			throw std::bad_alloc();
		ZSTD_CCtx_setParameter(state_->compressor.get(), ZSTD_c_compressionLevel, level);
	}
	state_->file = open_cookie(state_.get(), "w", {nullptr, State::write, nullptr, nullptr});
}

PackedWriter::~PackedWriter()
{
	if (state_->file)
		std::fclose(state_->file);
}

FILE *PackedWriter::get() const
{
	return state_->file;
}

Packed PackedWriter::end()
{
	if (std::fflush(state_->file) != 0 || !state_->take(nullptr, 0, ZSTD_e_end))
		throw Failure(fmt::format("writing the backup failed: {}", std::strerror(errno)));
	return {.bytes = state_->bytes, .checksum = state_->checksum.value()};
}

struct PackedReader::State {
	explicit State(int from) : descriptor(from) {}

	const int descriptor;
	uint64_t bytes = 0;
	RunningChecksum checksum;
	std::unique_ptr<ZSTD_DCtx, FreeDecompressor> decompressor;
	std::vector<char> stored = std::vector<char>(ZSTD_DStreamInSize());
	ZSTD_inBuffer input = {stored.data(), 0, 0};
	bool is_damaged = false;
	FILE *file = nullptr;

	ssize_t fetch(char *data, size_t size)
	{
		ssize_t got;
		while ((got = ::read(descriptor, data, size)) < 0 && errno == EINTR)
			;
		if (got > 0) {
			checksum.add(std::as_bytes(std::span(data, static_cast<size_t>(got))));
			bytes += static_cast<uint64_t>(got);
		}
		return got;
	}

	ssize_t take(char *data, size_t size)
	{
		if (!decompressor)
			return fetch(data, size);
		ZSTD_outBuffer output = {data, size, 0};
		while (output.pos == 0) {
			if (input.pos == input.size) {
				ssize_t got = fetch(stored.data(), stored.size());
				if (got <= 0)
					return got;
				input = {stored.data(), static_cast<size_t>(got), 0};
			}
			if (ZSTD_isError(
				    ZSTD_decompressStream(decompressor.get(), &output, &input))) {
				is_damaged = true;
				errno = EBADMSG;
				return -1;
			}
		}
		return static_cast<ssize_t>(output.pos);
	}

	static ssize_t read(void *state, char *data, size_t size)
	{
		return static_cast<State *>(state)->take(data, size);
	}
};

PackedReader::PackedReader(int descriptor, bool is_compressed) : state_(new State(descriptor))
{
	if (is_compressed) {
		state_->decompressor.reset(ZSTD_createDCtx());
		if (!state_->decompressor)
			throw std::bad_alloc();
	}
	state_->file = open_cookie(state_.get(), "r", {State::read, nullptr, nullptr, nullptr});
}

PackedReader::~PackedReader()
{
	std::fclose(state_->file);
}

FILE *PackedReader::get() const
{
	return state_->file;
}

bool PackedReader::is_damaged() const
{
	return state_->is_damaged;
}

Packed PackedReader::end()
{
	ssize_t got;
	while ((got = state_->fetch(state_->stored.data(), state_->stored.size())) > 0)
		;
	if (got < 0)
		throw Failure(fmt::format("reading the backup failed: {}", std::strerror(errno)));
	return {.bytes = state_->bytes, .checksum = state_->checksum.value()};
}

} // namespace dmsnap::tool
