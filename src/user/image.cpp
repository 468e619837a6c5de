// SPDX-License-Identifier: GPL-2.0-only
#include "user/image.hpp"

#include <algorithm>
#include <cstring>

namespace dmsnap::user {
namespace {

/* Calls @visit(page index, first byte in the page, position in the data, bytes). */
template <typename Visitor> void for_pages(uint64_t sector, uint64_t bytes, Visitor &&visit)
{
	constexpr uint64_t page_bytes = 4096;
	uint64_t at = sector * 512;
	for (uint64_t done = 0; done < bytes;) {
		uint64_t offset = (at + done) % page_bytes;
		uint64_t length = std::min(page_bytes - offset, bytes - done);
		visit((at + done) / page_bytes, offset, done, length);
		done += length;
	}
}

} // namespace

const Image::Page *Image::find(uint64_t index) const
{
	auto it = pages_.find(index);
	return it == pages_.end() ? nullptr : it->second.get();
}

Image::Page &Image::page_to_write(uint64_t index)
{
	auto &page = pages_[index];
	if (!page)
		page = std::make_shared<Page>();
	else if (page.use_count() > 1)
		page = std::make_shared<Page>(*page);
	return *page;
}

void Image::read(uint64_t sector, std::span<uint8_t> data) const
{
	for_pages(sector, data.size(),
		  [&](uint64_t index, uint64_t offset, uint64_t at, uint64_t bytes) {
			  if (const Page *page = find(index))
				  std::memcpy(data.data() + at, page->data() + offset, bytes);
			  else
				  std::memset(data.data() + at, 0, bytes);
		  });
}

void Image::write(uint64_t sector, std::span<const uint8_t> data)
{
	for_pages(sector, data.size(),
		  [&](uint64_t index, uint64_t offset, uint64_t at, uint64_t bytes) {
			  std::memcpy(page_to_write(index).data() + offset, data.data() + at,
				      bytes);
		  });
}

void Image::zero(uint64_t sector, uint64_t sectors)
{
	for_pages(sector, sectors * 512,
		  [&](uint64_t index, uint64_t offset, uint64_t, uint64_t bytes) {
			  if (bytes == sizeof(Page))
				  pages_.erase(index);
			  else if (find(index))
				  std::memset(page_to_write(index).data() + offset, 0, bytes);
		  });
}

void Image::cut(uint64_t sector)
{
	uint64_t whole = (sector + page_sectors - 1) / page_sectors;
	zero(sector, whole * page_sectors - sector);
	pages_.erase(pages_.lower_bound(whole), pages_.end());
}

std::vector<uint8_t> Image::read(uint64_t sector, uint64_t sectors) const
{
	std::vector<uint8_t> data(sectors * 512);
	read(sector, std::span(data));
	return data;
}

uint64_t Image::end() const
{
	return pages_.empty() ? 0 : (pages_.rbegin()->first + 1) * page_sectors;
}

bool Image::operator==(const Image &other) const
{
	static const Page zeros{};
	auto page_equals = [](const Image &one, const Image &two) {
		return std::all_of(one.pages_.begin(), one.pages_.end(), [&two](const auto &entry) {
			const Page *page = two.find(entry.first);
			return entry.second.get() == page ||
			       *entry.second == (page ? *page : zeros);
		});
	};
	return page_equals(*this, other) && page_equals(other, *this);
}

} // namespace dmsnap::user
