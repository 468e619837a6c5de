// SPDX-License-Identifier: GPL-2.0-only
/*
 * Declares the test bodies of cases.def: extern "C" void dmsnap_case_NAME().
 */
#pragma once

#include "kunit/check.h"

extern "C" {
#define DMSNAP_CORE_CASE(name) void dmsnap_case_##name(const dmsnap_case &run);
#include "kunit/core/cases.def"
#undef DMSNAP_CORE_CASE
}
