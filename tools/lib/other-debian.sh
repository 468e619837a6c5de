# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0-only
#
# Kernels of another Debian release or architecture than this machine's: their packages, and a root of
# that release with the compiler for building modules, a cross compiler for another architecture.
# Sourced after kernels.sh and apt-sources.sh.  A root has the name of its release and, if that is not
# this machine's, of the architecture: 13, 12-arm64.

declare -rA OTHER_CODENAME=([12]=bookworm [13]=trixie)
# Packages for building a module, besides the kernel's headers, with make; for this architecture also
# with DKMS
declare -rA OTHER_BUILD=(
	[13]="g++ make dkms openssl kmod libelf1t64 libssl3t64 zlib1g"
	[12-arm64]="g++-12-aarch64-linux-gnu make kmod libelf1 libssl3 zlib1g"
	[13-arm64]="g++-14-aarch64-linux-gnu make kmod libelf1t64 libssl3t64 zlib1g"
)

# other_arch ROOT: prints its architecture, if that is not this machine's
other_arch()
{
	if [[ $1 == *-* ]]; then echo "${1#*-}"; fi
}

# other_sources ROOT: prints the suites of its release, from the mirrors of this machine
other_sources()
{
	local codename=${OTHER_CODENAME[${1%%-*}]} sources
	sources=$(apt_sources | sed "s/ bookworm/ $codename/")
	printf '%s\n' "$sources"
	if [ "$codename" != bookworm ]; then
		sed -n "s/ $codename main$/ $codename-backports main/p" <<< "$sources"
	fi
}

# other_archive ROOT DIRECTORY: sets up apt for its release and architecture in the directory
other_archive()
{
	local directory=$2 arch
	arch=$(other_arch "$1")
	mkdir -p "$directory"/{lists,cache/archives}/partial
	other_sources "$1" > "$directory/sources.list"
	cat > "$directory/apt.conf" <<-END
		Dir::Etc::sourcelist "$directory/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$directory/lists";
		Dir::State::status "/dev/null";
		Dir::Cache "$directory/cache";
		APT::Sandbox::User "root";
		APT::Architectures { "amd64"; ${arch:+"\"$arch\";"} };
	END
	quietly "apt-get update for Debian $1" apt-get -q -c "$directory/apt.conf" update
}

# other_newest DIRECTORY NAME: prints the newest release of the kernel in the archive
other_newest()
{
	apt-cache -c "$1/apt.conf" search --names-only '^linux-headers-[0-9]' |
		sed -n -E "s/^linux-headers-(${KERNEL_PATTERN[$2]}) - .*/\1/p" | sort -V | tail -n 1
}

# other_packages DIRECTORY NAME RELEASE: prints the packages of the kernel and its headers
other_packages()
{
	local release=$3 of
	of=:${KERNEL_ARCH[$2]}
	case ${KERNEL_PACKAGES[$2]} in
	image) echo "linux-image-$release$of" ;;
	split) printf "linux-%s-%s$of\\n" base "$release" binary "$release" modules "$release" ;;
	esac
	echo "linux-headers-$release$of"
	# What all architectures share, and programs for this one
	apt-cache -c "$1/apt.conf" depends "linux-headers-$release$of" |
		sed -n -E 's/^ *Depends: <?(linux-headers-[0-9].*-common(-rt)?|linux-kbuild-[^:>]*)(:[^>]*)?>?$/\1/p'
}

kernel_unpack_other()
{
	local new=$1 directory=$2 release=$3 package
	shift 3
	say "Downloading the kernel $release and its headers (about 140 MB, unpacked into the cache, not installed)"
	(
		cd "$new" || exit
		quietly "Download of $release" apt-get -q -c "$directory/apt.conf" download "$@"
		for package in ./*.deb; do
			dpkg-deb -x "$package" .
		done
		rm ./*.deb
		rm -rf usr/share
		if [ -d lib ]; then # of Debian 12
			mkdir -p usr/lib
			cp -al lib/. usr/lib/
			rm -r lib
		fi
		ln -s usr/lib lib
		if [ ! -e "boot/vmlinuz-$release" ]; then
			mkdir boot
			mv "lib/modules/$release/vmlinuz" "boot/vmlinuz-$release"
		fi
		kernel_lighten "$release"
	)
}

# kernel_fetch_other DIRECTORY NAME: unpacks the newest release unless it is in the cache
kernel_fetch_other()
{
	local directory=$1 name=$2 release packages
	release=$(other_newest "$directory" "$name")
	[ -n "$release" ] || die "the archive has no Linux $name any more: tools/lib/kernels.list needs another"
	mapfile -t packages < <(other_packages "$directory" "$name" "$release")
	cache_make "$(cache_path "kernel-$release" "$({
		apt-cache -c "$directory/apt.conf" show --no-all-versions "${packages[@]}" | sed -n 's/^SHA256: //p'
		declare -f kernel_unpack_other kernel_lighten
	} | hash_of)")" kernel_unpack_other "$directory" "$release" "${packages[@]}"
}

build_root_build()
{
	local new=$1 name=$2 path sources options=()
	say "Building a root of Debian $name for its kernels' modules (about a minute)"
	mapfile -t sources < <(other_sources "$name")
	for path in /usr/share/{man,doc,locale,info,lintian,bug,zoneinfo}; do
		options+=(--dpkgopt="path-exclude=$path/*")
	done
	quietly "mmdebstrap of Debian $name" mmdebstrap --variant=minbase --include="${OTHER_BUILD[$name]// /,}" \
		--aptopt='APT::Install-Recommends "false"' "${options[@]}" \
		"${OTHER_CODENAME[${name%%-*}]}" "$new/root" "${sources[@]}"
	rm -rf "$new/root"/var/{cache,lib/apt,log}/*
}

# build_root ROOT: prints its cache entry; the root is in root/
build_root()
{
	cache_path "build-root-$1" "$({
		echo "${OTHER_CODENAME[${1%%-*}]} ${OTHER_BUILD[$1]}"
		declare -f build_root_build other_sources
	} | hash_of)"
}
