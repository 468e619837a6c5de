// SPDX-License-Identifier: GPL-2.0-only
#include "model/engine/site.hpp"

#include <cstdio>
#include <map>
#include <string_view>
#include <tuple>

namespace dmsnap::model {

namespace {

/* The sites that the program has used: is it the weakened one? */
using Used = std::map<std::tuple<const char *, uint_least32_t, uint_least32_t>, bool>;

std::string weakened;
bool prints = false;
const char *of_program = "";

Used &used()
{
	static Used sites;
	return sites;
}

Order weaker(Access access, Order order)
{
	if (order != Order::seq_cst)
		return Order::relaxed;
	switch (access) {
	case Access::load:
		return Order::acquire;
	case Access::store:
		return Order::release;
	case Access::change:
	case Access::fence:
		break;
	}
	return Order::acq_rel;
}

} // namespace

const char *to_text(Order order)
{
	switch (order) {
	case Order::relaxed:
		return "relaxed";
	case Order::acquire:
		return "acquire";
	case Order::release:
		return "release";
	case Order::acq_rel:
		return "acq_rel";
	case Order::seq_cst:
		break;
	}
	return "seq_cst";
}

std::string to_text(const Site &site)
{
	std::string_view file = site.file_name();
	for (std::string_view root : {"src/core/", "tests/model/"}) {
		if (const size_t at = file.rfind(root); at != file.npos)
			file.remove_prefix(at + root.size());
	}
	return std::string(file) + ":" + std::to_string(site.line()) + ":" +
	       std::to_string(site.column());
}

void Sites::weaken(const char *site)
{
	weakened = site;
}

void Sites::print_used()
{
	prints = true;
}

void Sites::begin(const char *program)
{
	of_program = program;
	used().clear();
}

Order Sites::order_at(const Site &site, Access access, Order named)
{
	if (!prints && weakened.empty())
		return named;
	const auto [found, added] =
		used().try_emplace({site.file_name(), site.line(), site.column()}, false);
	if (added) {
		const std::string text = to_text(site);
		found->second = text == weakened;
		if (prints && named != Order::relaxed)
			std::printf("site %s %s %s\n", of_program, text.c_str(), to_text(named));
	}
	return found->second ? weaker(access, named) : named;
}

} // namespace dmsnap::model
