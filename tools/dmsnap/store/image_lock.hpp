// SPDX-License-Identifier: GPL-2.0-only
/*
 * The locks of an image file: flock(), and QEMU's, which are shared locks of single bytes.  A
 * byte from 100 on says what a program does with the image; the byte a hundred later says what it
 * does not share (QEMU, block/file-posix.c).
 */
#pragma once

namespace dmsnap::tool {

/*
 * Locks the image until its last descriptor is closed: for writing against all other programs,
 * for reading against those that write.  QEMU sees both locks.  Returns false if another program
 * has it.  Succeeds if the file system has no locks.
 */
bool lock_image(int descriptor, bool to_write);

} // namespace dmsnap::tool
