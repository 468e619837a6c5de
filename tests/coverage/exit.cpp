// SPDX-License-Identifier: GPL-2.0-only
/*
 * _exit() of a program that counts what is reached (COV=1 in tools/build/unit.mk, linked
 * with --wrap=_exit): the counts are written first.
 */
extern "C" {

void __gcov_dump();
[[noreturn]] void __real__exit(int code);
[[noreturn]] void __wrap__exit(int code);

void __wrap__exit(int code)
{
	__gcov_dump();
	__real__exit(code);
}
}
