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
	auto it = groups_.find(index / group_pages);
	return it == groups_.end() ? nullptr : (*it->second)[index % group_pages].get();
}

Image::Group &Image::group_to_write(uint64_t index)
{
	auto &group = groups_[index / group_pages];
	if (!group)
		group = std::make_shared<Group>();
	else if (group.use_count() > 1)
		group = std::make_shared<Group>(*group);
	return *group;
}

Image::Page &Image::page_to_write(uint64_t index)
{
	auto &page = group_to_write(index)[index % group_pages];
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
			  if (!find(index))
				  return;
			  if (bytes == sizeof(Page))
				  group_to_write(index)[index % group_pages] = nullptr;
			  else
				  std::memset(page_to_write(index).data() + offset, 0, bytes);
		  });
}

void Image::cut(uint64_t sector)
{
	constexpr uint64_t group_sectors = group_pages * page_sectors;
	uint64_t whole = (sector + group_sectors - 1) / group_sectors;
	zero(sector, whole * group_sectors - sector);
	groups_.erase(groups_.lower_bound(whole), groups_.end());
}

std::vector<uint8_t> Image::read(uint64_t sector, uint64_t sectors) const
{
	std::vector<uint8_t> data(sectors * 512);
	read(sector, std::span(data));
	return data;
}

bool Image::operator==(const Image &other) const
{
	static const Page zeros{};
	auto pages_equal = [](const Page *one, const Page *two) {
		return one == two || (one ? *one : zeros) == (two ? *two : zeros);
	};
	auto groups_equal = [&](const Image &one, const Image &two) {
		return std::all_of(one.groups_.begin(), one.groups_.end(), [&](const auto &entry) {
			for (uint64_t i = 0; i < group_pages; i++)
				if (!pages_equal((*entry.second)[i].get(),
						 two.find(entry.first * group_pages + i)))
					return false;
			return true;
		});
	};
	return groups_equal(*this, other) && groups_equal(other, *this);
}

} // namespace dmsnap::user
