# SPDX-License-Identifier: GPL-2.0-only
#
# For fish, which reads this at the first completion.

@SBINDIR@/dmsnap completion fish 2> /dev/null | source
