// SPDX-License-Identifier: GPL-2.0-only
/* What the ports of user space have in common about pools: src/user, tests/fuzz/port. */
#include <dmsnap/port/memory.h>

/* The address sanitizer finds uses of objects after they were returned. */
bool dmsnap_port_pool_may_keep()
{
#ifdef __SANITIZE_ADDRESS__
	return false;
#else
	return true;
#endif
}
