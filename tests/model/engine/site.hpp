// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory orders, and the places in the sources that name them.  One place can be weakened by
 * one step: then every access made from there has the next weaker order.
 */
#pragma once

#include <cstdint>
#include <source_location>
#include <string>

namespace dmsnap::model {

using Site = std::source_location;

enum class Order : uint8_t { relaxed, acquire, release, acq_rel, seq_cst };

enum class Access : uint8_t { load, store, change, fence };

constexpr bool acquires(Order order)
{
	return order == Order::acquire || order == Order::acq_rel || order == Order::seq_cst;
}

constexpr bool releases(Order order)
{
	return order == Order::release || order == Order::acq_rel || order == Order::seq_cst;
}

const char *to_text(Order order);

/* "io/regions.hpp:95:33": below src/core or tests/model, if it is there. */
std::string to_text(const Site &site);

class Sites {
public:
	/* Weakens @site, as to_text() names it. */
	static void weaken(const char *site);
	/* Prints each site that is used from now on, once for each program, with its order. */
	static void print_used();
	/* A program begins. */
	static void begin(const char *program);
	/* The order that an access from @site has. */
	static Order order_at(const Site &site, Access access, Order named);
};

} // namespace dmsnap::model
