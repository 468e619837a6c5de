/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * Read once for all tests (tools/build/unit.mk), which still include what they use.
 */

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>
