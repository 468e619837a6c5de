// SPDX-License-Identifier: GPL-2.0-only
/*
 * "dmsnap apply" with any stream: either bytes, or records with correct checksums of which some
 * bytes are then changed.  --dry-run changes nothing, --atomic all or nothing, and the file of
 * --undo restores the old contents.
 *
 *   input: mode | bytes, or records: flags, offset, length, contents | changes
 */
#include <cstdio>
#include <cstdlib>

#include "cli/commands.hpp"
#include "fuzz/input.hpp"
#include "fuzz/tool/files.hpp"
#include "stream/change_stream.hpp"

namespace dmsnap::fuzz {
namespace {

using namespace tool;

constexpr size_t volume_bytes = 16384;

std::vector<uint8_t> make_volume()
{
	std::vector<uint8_t> bytes(volume_bytes);
	for (size_t i = 0; i < bytes.size(); i++)
		bytes[i] = static_cast<uint8_t>(i / 512);
	return bytes;
}

void add_records(StreamWriter &writer, Input &input, std::span<const uint8_t> held, bool full)
{
	uint64_t next = 0;
	for (size_t count = input.byte() % 8; count > 0; count--) {
		uint8_t flags = input.byte();
		uint64_t offset = full ? next : input.number<uint16_t>() % volume_bytes;
		size_t length = std::min<size_t>(1 + input.number<uint16_t>() % 8192,
						 volume_bytes - offset);
		std::vector<std::byte> data(length, static_cast<std::byte>(flags & 3));
		auto base = std::as_bytes(held).subspan(offset, length);
		if (length == 0)
			return;
		writer.add(offset, data, flags & 4 ? Checksum{} : checksum_of(base));
		next = offset + length;
	}
}

std::vector<uint8_t> stream_of(Input &input, std::span<const uint8_t> held)
{
	char *text = nullptr;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);
	uint8_t flags = input.byte();
	bool full = flags & 1;
	StreamWriter writer(file,
			    {.full = full,
			     .volume_bytes = flags & 2 ? input.number<uint64_t>() : volume_bytes,
			     .chunk_sectors = full ? 0u : 8u});
	add_records(writer, input, held, full);
	if (!(flags & 4))
		writer.end();
	std::fclose(file);
	std::vector<uint8_t> bytes(text, text + size);
	std::free(text);
	for (size_t changes = input.byte() % 4; changes > 0; changes--)
		bytes[input.number<uint16_t>() % bytes.size()] ^= input.byte();
	return bytes;
}

void require(bool holds, const char *what)
{
	if (!holds)
		does_not_hold(what);
}

void apply_any(Input &input)
{
	static const std::vector<uint8_t> held = make_volume();
	uint8_t mode = input.byte();
	std::vector<uint8_t> stream;
	if (mode & 1) {
		std::span<const uint8_t> rest = input.rest();
		stream.assign(rest.begin(), rest.end());
	} else {
		stream = stream_of(input, held);
	}
	remove_files();
	ApplyOptions options;
	options.target = write_file("copy", held);
	options.input = write_file("stream", stream);
	options.any_base = mode & 2;
	options.json = mode & 4;
	auto once = [&] { return run([&] { return apply(options); }); };

	switch (mode >> 3 & 3) {
	case 0:
		once();
		require(read_file(options.target).size() == volume_bytes, "the size stays");
		break;
	case 1:
		options.dry_run = true;
		once();
		require(read_file(options.target) == held, "--dry-run changes nothing");
		break;
	case 2: {
		options.atomic = true;
		if (once() != ExitCode::fine)
			require(read_file(options.target) == held, "--atomic: all or nothing");
		break;
	}
	default:
		options.undo = file_path("undo");
		once();
		options.input = options.undo;
		options.undo.clear();
		options.any_base = false;
		once();
		require(read_file(options.target) == held, "--undo restores the old contents");
	}
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dmsnap::fuzz::Input input(data, size);
	dmsnap::fuzz::apply_any(input);
	return 0;
}
