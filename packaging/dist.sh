#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The source tarball: dist.sh VERSION FILE. What is committed, and nothing else of the tree; byte for
# byte the same wherever, whenever and by whomever it is made. From an unpacked tarball it makes that
# same tarball again: MANIFEST, which only tarballs have, names the commit's time and the files.
set -eu
umask 022
LC_ALL=C TZ=UTC0
export LC_ALL TZ
unset TAR_OPTIONS GZIP
[ $# -eq 2 ] || {
	echo "usage: dist.sh VERSION FILE" >&2
	exit 2
}
name=mdm-agent-$1
case $2 in
/*) out=$2 ;;
*) out=$PWD/$2 ;;
esac
cd "$(dirname "$0")/.."

fail() {
	echo "dist: $*" >&2
	exit 1
}
# Others sort, round and pack in other ways.
tar --version 2>/dev/null | grep -q 'GNU tar' || fail "this needs GNU tar (package tar)"
gzip --version 2>/dev/null | grep -q '^gzip 1' || fail "this needs GNU gzip (package gzip)"

work=$(mktemp -d)
trap 'rm -rf "$work" "$out.new"' EXIT
trap 'exit 130' HUP INT TERM
mkdir -p "$work/$name" "$(dirname "$out")"

# In a repository a MANIFEST is nobody's: left by whoever unpacked a tarball there.
if [ -e .git ]; then
	epoch=$(git log -1 --format=%ct) || fail "git cannot read this repository (above)"
	git diff --quiet HEAD -- 2>/dev/null ||
		echo "dist: changes that are not committed are not in the tarball" >&2
	git archive --format=tar HEAD >"$work/tree.tar" || fail "git cannot write its files to $work (above)"
	tar -t -f "$work/tree.tar" | grep -v '/$' | sort >"$work/files"
elif [ -e MANIFEST ]; then
	epoch=$(sed -n '1s/^committed at \([0-9]*\)$/\1/p' MANIFEST)
	[ -n "$epoch" ] || fail "the first line of MANIFEST is not \"committed at SECONDS\""
	sed 1d MANIFEST >"$work/files"
	tar -c --no-recursion --files-from "$work/files" >"$work/tree.tar" ||
		fail "files that MANIFEST names are missing here"
else
	fail "this is neither a git repository nor an unpacked tarball of \"make dist\""
fi
tar -x -C "$work/$name" -f "$work/tree.tar"
[ "$(cat "$work/$name/VERSION")" = "$1" ] || fail "VERSION says $(cat "$work/$name/VERSION"), not $1"
{
	echo "committed at $epoch"
	cat "$work/files"
} >"$work/$name/MANIFEST"
chmod -R u=rwX,go=rX "$work/$name"

tar -c --format=ustar --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner \
	-C "$work" "$name" >"$work/dist.tar"
gzip -n -9 <"$work/dist.tar" >"$out.new"
mv -f "$out.new" "$out"
echo "$out"
