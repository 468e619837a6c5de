/* SPDX-License-Identifier: GPL-2.0-only */
/**
 * The precompiled header of all tests (tools/build/unit.mk).  They still include what they use.
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
