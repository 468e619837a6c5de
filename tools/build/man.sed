# SPDX-License-Identifier: GPL-2.0-only
#
# Removes what rst2man writes and "mandoc -Tlint" complains about: blank lines behind a heading,
# and a font that terminals lack.

/^\.S[HS]/{
n
/^\.sp$/d
}
/^\.ft [CP]$/d
