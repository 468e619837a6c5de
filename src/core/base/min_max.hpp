// SPDX-License-Identifier: GPL-2.0-only
/* The smaller and the larger of two values: the core has no <algorithm>. */
#pragma once

namespace dmsnap {

template <typename T> constexpr T smaller(T a, T b)
{
	return a < b ? a : b;
}

template <typename T> constexpr T larger(T a, T b)
{
	return a < b ? b : a;
}

} // namespace dmsnap
