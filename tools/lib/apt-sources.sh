# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Where the Debian packages of guests come from; sourced.

# The machine's own Debian mirrors, so that a local mirror or proxy is used;
# one-line form for mmdebstrap.
apt_sources()
{
	local origin uri release sources
	# shellcheck disable=SC2016 # apt-get expands these
	sources=$(apt-get indextargets --format '$(ORIGIN) $(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
		sort -u | while read -r origin uri release; do
			case $origin/$release in
			Debian/bookworm | Debian/bookworm-updates | Debian/bookworm-security)
				echo "deb $uri $release main"
				;;
			esac
		done)
	if ! grep -q ' bookworm main$' <<< "$sources"; then
		sources="deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main"
	fi
	printf '%s\n' "$sources"
}
