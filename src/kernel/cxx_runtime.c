// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one function of the C++ run time that the core may need.  All others are left undefined on
 * purpose, so that the build fails.
 */
#include <linux/bug.h>

void __cxa_pure_virtual(void);

/*
 * The compiler puts this into the vtable slot of a pure virtual function.  The reference is weak:
 * without this definition the slot would silently be NULL.
 */
void __cxa_pure_virtual(void)
{
	BUG();
}
