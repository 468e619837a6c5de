// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the running code may do, by the rules of src/user, whose code checks them here too.  A
 * violation ends the process, so that the fuzzer keeps the input.
 */
#pragma once

#include "user/context.hpp"
#include "user/failure.hpp"

namespace dmsnap::fuzz {

using user::check_may_sleep;
using user::check_may_watch;
using user::check_no_lock;
using user::check_nothing_held;
using user::check_rank;
using user::Context;
using user::ContextScope;
using user::die;
using user::map_may_watch;
using user::NoSleepScope;
using user::this_context;

/* A work item is running; no other item of its queue runs at the same time. */
extern bool on_worker;

} // namespace dmsnap::fuzz
