/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * Read once for all tests (tools/build/unit.mk), which include what they use all the same.
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
