# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: GPL-2.0-only
#
# Kernels of another Debian release than this machine's: the packages of that release, and a root
# with its compiler for building modules.  Sourced after kernels.sh and apt-sources.sh.

# Packages for building a module, besides the kernel's headers, with make or DKMS
declare -rA OTHER_CODENAME=([13]=trixie)
declare -rA OTHER_BUILD=([13]="g++ make dkms openssl kmod libelf1t64 libssl3t64 zlib1g")

# other_sources DEBIAN: prints the suites of that release, from the mirrors of this machine
other_sources()
{
	local codename=${OTHER_CODENAME[$1]} sources
	sources=$(apt_sources | sed "s/ bookworm/ $codename/")
	printf '%s\n' "$sources"
	sed -n "s/ $codename main$/ $codename-backports main/p" <<< "$sources"
}

# other_archive DEBIAN DIRECTORY: sets up apt for that release in the directory, for other_apt
other_archive()
{
	local directory=$2
	mkdir -p "$directory"/{lists,cache/archives}/partial
	other_sources "$1" > "$directory/sources.list"
	cat > "$directory/apt.conf" <<-END
		Dir::Etc::sourcelist "$directory/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$directory/lists";
		Dir::State::status "/dev/null";
		Dir::Cache "$directory/cache";
		APT::Sandbox::User "root";
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
	local release=$3
	case ${KERNEL_PACKAGES[$2]} in
	image) echo "linux-image-$release" ;;
	split) printf 'linux-%s-%s\n' base "$release" binary "$release" modules "$release" ;;
	esac
	echo "linux-headers-$release"
	apt-cache -c "$1/apt.conf" depends "linux-headers-$release" |
		sed -n -E 's/^ *Depends: (linux-headers-[0-9].*-common(-rt)?|linux-kbuild-[0-9].*)$/\1/p'
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
	local new=$1 debian=$2 path sources options=()
	say "Building a root of Debian $debian for its kernels' modules (about a minute)"
	mapfile -t sources < <(other_sources "$debian")
	for path in /usr/share/{man,doc,locale,info,lintian,bug,zoneinfo}; do
		options+=(--dpkgopt="path-exclude=$path/*")
	done
	quietly "mmdebstrap of Debian $debian" mmdebstrap --variant=minbase --include="${OTHER_BUILD[$debian]// /,}" \
		--aptopt='APT::Install-Recommends "false"' "${options[@]}" \
		"${OTHER_CODENAME[$debian]}" "$new/root" "${sources[@]}"
	rm -rf "$new/root"/var/{cache,lib/apt,log}/*
}

# build_root DEBIAN: prints its cache entry; the root is in root/
build_root()
{
	cache_path "build-root-$1" "$({
		echo "${OTHER_CODENAME[$1]} ${OTHER_BUILD[$1]}"
		declare -f build_root_build other_sources
	} | hash_of)"
}
