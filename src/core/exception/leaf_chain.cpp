// SPDX-License-Identifier: GPL-2.0-only
#include "exception/leaf_chain.hpp"

#include <utility>

namespace dmsnap::detail {

LeafChain::LeafChain(LeafChain &&other)
    : first_(std::exchange(other.first_, nullptr)), last_(other.last_),
      size_(std::exchange(other.size_, 0))
{
}

LeafChain::~LeafChain()
{
	while (first_) {
		Node *next = first_->next.load_relaxed();
		dmsnap_port_page_free(first_);
		first_ = next;
	}
}

void LeafChain::add_last(Node &leaf)
{
	if (first_)
		last_->next.store_relaxed(&leaf);
	else
		first_ = &leaf;
	last_ = &leaf;
	size_++;
}

Node *LeafChain::release()
{
	size_ = 0;
	return std::exchange(first_, nullptr);
}

} // namespace dmsnap::detail
