// SPDX-License-Identifier: GPL-2.0-only
/*
 * Macros for clang's thread-safety analysis; empty for other compilers.  The names follow the
 * kernel's context analysis, so that C and C++ read alike.
 */
#pragma once

#if defined(__clang__)
#define DMSNAP_ATTRIBUTE(x) __attribute__((x))
#else
#define DMSNAP_ATTRIBUTE(x)
#endif

#define DMSNAP_CAPABILITY(name) DMSNAP_ATTRIBUTE(capability(name))
#define DMSNAP_SCOPED_CAPABILITY DMSNAP_ATTRIBUTE(scoped_lockable)
#define DMSNAP_GUARDED_BY(lock) DMSNAP_ATTRIBUTE(guarded_by(lock))
#define DMSNAP_MUST_HOLD(...) DMSNAP_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define DMSNAP_MUST_NOT_HOLD(...) DMSNAP_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define DMSNAP_ACQUIRES(...) DMSNAP_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define DMSNAP_RELEASES(...) DMSNAP_ATTRIBUTE(release_capability(__VA_ARGS__))
#define DMSNAP_RETURNS(lock) DMSNAP_ATTRIBUTE(lock_returned(lock))
#define DMSNAP_ASSERTS(lock) DMSNAP_ATTRIBUTE(assert_capability(lock))
/* Opt-out; a comment that begins with SAFETY must say why. */
#define DMSNAP_UNCHECKED DMSNAP_ATTRIBUTE(no_thread_safety_analysis)
