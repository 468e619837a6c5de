// SPDX-License-Identifier: GPL-2.0-only
/*
 * The locks of an image file: flock(), and those of QEMU, which are shared locks of single
 * bytes.  A byte from 100 on tells what somebody does to the image, the same byte a hundred
 * later that somebody does not bear it (QEMU, block/file-posix.c).
 */
#pragma once

namespace dmsnap::tool {

/*
 * Until the last descriptor of it is closed: to write nobody else may have the image, to
 * read nobody may write to it, and QEMU learns of either.  False: another program has it.
 * A file system without locks has none to break.
 */
bool lock_image(int descriptor, bool to_write);

} // namespace dmsnap::tool
