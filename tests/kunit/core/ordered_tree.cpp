// SPDX-License-Identifier: GPL-2.0-only
#include "base/ordered_tree.hpp"

#include "base/own.hpp"
#include "kunit/core/cases.hpp"
#include "kunit/random.hpp"

namespace dmsnap::kunit {
namespace {

constexpr uint64_t keys = 300;

struct Node {
	TreeHook link;
	uint64_t key = 0;
};

uint64_t key_of(const Node &node)
{
	return node.key;
}

struct Forest {
	Node nodes[keys];
	OrderedTree<Node, &Node::link, key_of> tree;

	~Forest()
	{
		for (Node &node : nodes)
			if (node.link.linked())
				tree.remove(node);
	}

	/* The expected result, from a walk over all elements. */
	Node *last_at_or_before(uint64_t key)
	{
		for (uint64_t at = key + 1; at-- > 0;)
			if (nodes[at].link.linked())
				return &nodes[at];
		return nullptr;
	}
	Node *first_after(uint64_t key)
	{
		for (uint64_t at = key + 1; at < keys; at++)
			if (nodes[at].link.linked())
				return &nodes[at];
		return nullptr;
	}
};

} // namespace
} // namespace dmsnap::kunit

using namespace dmsnap;
using namespace dmsnap::kunit;

void dmsnap_case_ordered_tree_agrees_with_an_array(const dmsnap_case &run)
{
	Random random(run.seed);
	auto forest = make_owned<Forest>();
	if (!CHECK(run, forest))
		return;
	for (uint64_t key = 0; key < keys; key++)
		(*forest)->nodes[key].key = key;
	for (uint64_t step = 0; step < run.steps; step++) {
		Node &node = (*forest)->nodes[random.below(keys)];
		if (node.link.linked())
			(*forest)->tree.remove(node);
		else
			(*forest)->tree.insert(node);
		const uint64_t key = random.below(keys);
		const auto [before, behind] = (*forest)->tree.find_around(key);
		if (!CHECK(run, before == (*forest)->last_at_or_before(key)) ||
		    !CHECK(run, behind == (*forest)->first_after(key)))
			return;
	}
}
