// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one function of the C++ run time that the core may come to need.  Anything
 * else it asks for stays undefined on purpose, so that the build fails.
 */
#include <linux/bug.h>

void __cxa_pure_virtual(void);

/*
 * What the compiler puts into the slot of a pure virtual function.  It refers to
 * it weakly: without this definition the slot would be NULL, and nobody told.
 */
void __cxa_pure_virtual(void)
{
	BUG();
}
