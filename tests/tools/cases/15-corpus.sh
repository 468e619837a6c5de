# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck shell=bash disable=SC2154 # sourced by ../run

# The corpus of the store's fuzzer: each file by itself, and as the exceptions of a store

# ends COMMAND...: succeeds if the command exits without a signal; CODE is its exit code
ends()
{
	CODE=0
	timeout 60 "$dmsnap" "$@" > "$work/out" 2> "$work/err" || CODE=$?
	[ "$CODE" -le 2 ]
}

withstood()
{
	local checked
	ends check "$1" && [ -s "$work/out" ] || return 1
	checked=$CODE
	ends dump "$1" && ends dump --json "$1" && ends repair "$1" || return 1
	ends diff "$1" || return 1
	# Commands that need a good store refuse a bad one
	[ "$checked" = 0 ] || [ "$CODE" != 0 ]
}

for file in "$top"/tests/fuzz/corpus/store/*; do
	name=${file##*/}
	cp "$file" "$work/corpus"
	check "corpus: $name, alone" unchanged "$work/corpus" withstood "$work/corpus"
	head -c 65536 /dev/zero > "$work/corpus"
	put "$work/corpus" 0 "536e4170010000000100000001000000"
	dd if="$file" of="$work/corpus" bs=512 seek=1 conv=notrunc status=none
	check "corpus: $name, as the list of a store" unchanged "$work/corpus" withstood "$work/corpus"
done
