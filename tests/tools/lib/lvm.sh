# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2034,SC2154 # sourced by cases/
#
# A volume group of a substitute for LVM2 (tests/tools/lvm2), and commands of dmsnap on it.

export LVM_FOLDER=$work/lvm
config=$work/data.conf
# with_lvm COMMAND...: runs it with the substitute for LVM2 and a private state directory
with_lvm() { in_place_of_sbin "$top/tests/tools/lvm2" "$@"; }
# in_place_of_sbin FOLDER COMMAND...: runs it with the folder mounted over /usr/sbin
in_place_of_sbin()
{
	# shellcheck disable=SC2016 # for the inner shell
	STATE_DIRECTORY=$work/state unshare --mount sh -c 'mount --bind "$0" /usr/sbin && exec "$@"' "$@"
}
schedule() { with_lvm "$dmsnap" "$1" data --config "$config" "${@:2}"; }
# row NAME TAGS [ATTRIBUTES [ORIGIN]]: adds a volume
row()
{
	cp "$work/origin" "$LVM_FOLDER/$1"
	python3 - "$LVM_FOLDER" "$1" "$2" "${3:-swi-a-s---}" "${4-data}" <<-'END'
		import json, sys, uuid
		folder, name, tags, attr, origin = sys.argv[1:]
		with open(folder + "/lvm.json") as file:
		    volumes = json.load(file)
		volumes.append({"lv_name": name, "lv_uuid": str(uuid.uuid4()), "lv_path": folder + "/" + name,
		                "lv_size": "8388608", "lv_attr": attr, "lv_tags": tags, "origin": origin})
		with open(folder + "/lvm.json", "w") as file:
		    json.dump(volumes, file, indent=1)
	END
}
new_lvm()
{
	rm -rf "$LVM_FOLDER" "$work/state"
	mkdir "$LVM_FOLDER"
	echo '[]' > "$LVM_FOLDER/lvm.json"
	row data '' owi-aos--- ''
}
# volumes PATTERN: the names of matching volumes, in lvs' order
volumes() { python3 -c 'import json, re, sys; print(*[v["lv_name"] for v in json.load(open(sys.argv[1])) if re.search(sys.argv[2], v["lv_name"])], sep="\n")' "$LVM_FOLDER/lvm.json" "$1"; }
has_volume() { volumes "^$1\$" | grep -q .; }
lacks_volume() { ! has_volume "$1"; }
set_volume()
{
	python3 - "$LVM_FOLDER/lvm.json" "$@" <<-'END'
		import json, sys
		path, name, field, value = sys.argv[1:]
		with open(path) as file:
		    volumes = json.load(file)
		for volume in volumes:
		    if volume["lv_name"] == name:
		        volume[field] = value
		with open(path, "w") as file:
		    json.dump(volumes, file, indent=1)
	END
}
configure() { printf '%s\n' "$@" > "$config" && chmod 600 "$config"; }
# signalled COMMAND: lvcreate sends SIGTERM to dmsnap and to itself
mkdir -p "$work/signalled"
ln -sf "$top/tests/tools/lvm2/"{lvs,lvremove} "$work/signalled"
cat > "$work/signalled/lvcreate" <<-END
	#!/bin/sh
	kill -TERM \$PPID \$\$
	exec "$top/tests/tools/lvm2/lvcreate" "\$@"
END
chmod +x "$work/signalled/lvcreate"
signalled() { in_place_of_sbin "$work/signalled" "$dmsnap" "$1" data --config "$config"; }
