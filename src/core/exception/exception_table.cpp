// SPDX-License-Identifier: GPL-2.0-only
#include "exception/exception_table.hpp"

#include "exception/table_change.hpp"
#include "exception/table_pages.hpp"
#include "exception/table_search.hpp"

namespace dmsnap {

template class BasicExceptionTable<PageSizes>;

} // namespace dmsnap
