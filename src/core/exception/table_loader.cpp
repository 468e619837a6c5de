// SPDX-License-Identifier: GPL-2.0-only
#include "exception/table_loader.hpp"

#include "exception/table_levels.hpp"

namespace dmsnap {

template class BasicTableLoader<PageSizes>;

} // namespace dmsnap
