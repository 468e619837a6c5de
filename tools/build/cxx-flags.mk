# SPDX-License-Identifier: GPL-2.0-only
#
# The C++ dialect of the core, stated once for the three builds that compile
# it: the module (cxx.mk), user space (unit.mk) and the analysers (check.mk).

# What the language is: C++23 without exceptions and run time type information.
dmsnap-cxx-dialect := -std=gnu++23 -fno-exceptions -fno-rtti

# What the compiler must not find.  A missing declaration is a function that
# should have been in an anonymous namespace; a virtual destructor would need
# operator delete, which the kernel does not have.
dmsnap-cxx-warnings := -Wall -Wextra -Wshadow -Wmissing-declarations \
	-Wnon-virtual-dtor -Wsuggest-override

# What code generation a kernel object needs, on top of the kernel's own flags.
#
# -fbuiltin                 takes back the -fno-builtin of -ffreestanding, or
#                           an eight byte memcpy becomes a call
# -fno-gnu-unique           inline variables as plain weak symbols: the module
#                           loader does not know STB_GNU_UNIQUE
# -fno-reorder-blocks-...   no .cold parts: objtool of 6.1 refuses those whose
#                           parent has a name longer than 128 characters
# -fno-*unwind-tables       the kernel unwinds with ORC, .eh_frame is dead weight
# -funsigned-char           char is signed up to 6.1 and unsigned since 6.2
#
# -fno-threadsafe-statics and -fno-use-cxa-atexit are left out on purpose: the
# functions they would spare us do not exist in the kernel, so that a static
# with a dynamic initialiser fails in modpost instead of misbehaving.
dmsnap-cxx-freestanding := -ffreestanding -fbuiltin -fno-gnu-unique \
	-fno-reorder-blocks-and-partition \
	-fno-unwind-tables -fno-asynchronous-unwind-tables -funsigned-char

# gcc's outlined atomics call functions of libgcc, which the kernel does not have.
dmsnap-cxx-arm64 := -mno-outline-atomics
