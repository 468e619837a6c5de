# SPDX-License-Identifier: GPL-2.0-only
#
# What rst2man writes and "mandoc -Tlint" complains about: blank lines behind a heading, and a
# font that terminals do not have.

/^\.S[HS]/{
n
/^\.sp$/d
}
/^\.ft [CP]$/d
