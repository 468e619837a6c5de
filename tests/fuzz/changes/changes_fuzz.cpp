// SPDX-License-Identifier: GPL-2.0-only
/*
 * "dmsnap diff", "export" and "serve" with any store and its origin.  They must accept exactly the
 * stores that check finds nothing wrong with.  The served data must be the origin with the store's
 * chunks in it, and the exported stream must turn it into the origin.
 *
 * input: options, log2 of chunk sectors, size of the origin | entries: options, old chunk |
 *        changes of bytes
 */
#include <algorithm>
#include <optional>

#include <unistd.h>

#include "cli/commands.hpp"
#include "format/disk_header.hpp"
#include "format/geometry.hpp"
#include "fuzz/input.hpp"
#include "fuzz/tool/files.hpp"
#include "serve/snapshot_view.hpp"

namespace dmsnap::fuzz {
namespace {

using namespace tool;
using Bytes = std::vector<uint8_t>;

constexpr size_t store_bytes = 65536;

void require(bool holds, const char *what)
{
	if (!holds)
		does_not_hold(what);
}

/* Other contents in each sector, of which some have zeros. */
Bytes contents(size_t bytes, size_t factor)
{
	Bytes made(bytes);
	for (size_t i = 0; i < bytes; i++)
		made[i] = static_cast<uint8_t>(i / 512 % 5 ? (i / 512 + 1) * factor : 0);
	return made;
}

void put(Bytes &store, size_t offset, uint64_t value)
{
	for (size_t i = 0; i < 8 && offset + i < store.size(); i++)
		store[offset + i] = static_cast<uint8_t>(value >> 8 * i);
}

struct Images {
	Bytes store;
	Bytes origin;
	/* Unknown if bytes of the store were changed. */
	std::optional<Bytes> snapshot;
};

/* Its chunks are in use one after the other, but for those that entries leave out. */
Images make_images(Input &input, const format::Geometry &geometry)
{
	const size_t chunk_bytes = geometry.chunk_size().bytes();
	const size_t origin_bytes = 8192 + input.number<uint16_t>() % 8192;
	static const Bytes data = contents(store_bytes, 3), origin = contents(16384, 7);
	Images images{data, Bytes(origin.data(), origin.data() + origin_bytes), {}};
	Bytes snapshot = images.origin;
	Bytes &store = images.store;

	for (size_t chunk = 0; chunk < store_bytes / chunk_bytes; chunk++)
		if (chunk == 0 || geometry.is_metadata(NewChunk{chunk}))
			std::fill_n(store.begin() + static_cast<ptrdiff_t>(chunk * chunk_bytes),
				    chunk_bytes, uint8_t{0});
	format::encode({.valid = true, .chunk_sectors = geometry.chunk_size().sectors()},
		       std::as_writable_bytes(std::span(store)).first<format::header_bytes>());

	uint64_t next = 2;
	bool is_known = true;
	for (uint64_t index = 0, count = input.byte() % 64; index < count; index++) {
		const uint8_t how = input.byte();
		const uint64_t old_chunk = how & 1 ? input.number<uint64_t>() : input.byte();
		next += how >> 6;
		next += geometry.is_metadata(NewChunk{next});
		const uint64_t new_chunk = how & 2 ? input.byte() : next++;
		const size_t at =
			geometry.area_chunk(geometry.area_of_exception(index)).value * chunk_bytes +
			geometry.slot_of_exception(index) * format::exception_bytes;
		put(store, at, old_chunk);
		put(store, at + 8, new_chunk);
		/* The list ends there. */
		is_known = is_known && new_chunk != 0;
		if (old_chunk > origin_bytes || (new_chunk + 1) * chunk_bytes > store_bytes)
			continue;
		const size_t begin = std::min(old_chunk * chunk_bytes, origin_bytes);
		std::copy_n(store.begin() + static_cast<ptrdiff_t>(new_chunk * chunk_bytes),
			    std::min(chunk_bytes, origin_bytes - begin),
			    snapshot.begin() + static_cast<ptrdiff_t>(begin));
	}
	if (input.empty() && is_known)
		images.snapshot = snapshot;
	while (!input.empty())
		store[input.number<uint16_t>() % 4096] ^= input.byte();
	return images;
}

std::optional<Bytes> served(const StoreOptions &options)
try {
	SnapshotView view(options);
	Bytes bytes(view.bytes());
	auto all = std::as_writable_bytes(std::span(bytes));
	/* Pieces that begin and end inside chunks */
	constexpr size_t piece = 3000;
	for (size_t at = 0; at < all.size(); at += piece)
		require(view.read(at, all.subspan(at, std::min(piece, all.size() - at))),
			"what is served can be read");
	return bytes;
} catch (const Failure &) {
	return {};
}

void look_at_changes(Input &input)
{
	const uint8_t how = input.byte();
	const format::Geometry geometry(ChunkSize(1u << input.byte() % 6));
	const Images images = make_images(input, geometry);
	StoreOptions store;

	remove_files();
	store.store = write_file("store", images.store);
	store.origin = write_file("origin", images.origin);
	store.memory_bytes = 1 << 20;
	const bool json = how & 1;
	const ExitCode found = run([&] { return check({.store = store, .json = json}); });
	/* Where the first bytes are zero there is no store, which is not wrong. */
	const bool is_good = found == ExitCode::fine &&
			     std::any_of(images.store.begin(), images.store.begin() + 4,
					 [](uint8_t byte) { return byte != 0; });
	const std::string stream = file_path("stream");
	const std::optional<Bytes> snapshot = served(store);
	require((run([&] {
			 return diff({store, json});
		 }) == ExitCode::fine) == is_good,
		"diff accepts what check does");
	ExportOptions export_options;
	export_options.store = store;
	export_options.output = stream;
	export_options.json = json;
	require((run([&] { return export_changes(export_options); }) == ExitCode::fine) == is_good,
		"export accepts what check does");
	require(snapshot.has_value() == is_good, "serve accepts what check does");
	if (!is_good)
		return;
	if (images.snapshot)
		require(*snapshot == *images.snapshot, "what is served is the snapshot");

	ApplyOptions options;
	options.target = write_file("copy", *snapshot);
	options.input = stream;
	for (int time = 0; time < 2; time++) {
		require(run([&] { return apply(options); }) == ExitCode::fine,
			"the stream fits the snapshot, also twice");
		require(read_file(options.target) == images.origin,
			"the stream leads to the origin");
	}
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dmsnap::fuzz::Input input(data, size);
	dmsnap::fuzz::look_at_changes(input);
	return 0;
}
