#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# "make dist": the same bytes wherever it runs, from a repository or from an unpacked tarball, and what is
# in them. dist.sh TREE; the tree is not needed.
set -u
cd "$(dirname "$0")/../.." || exit 1
source=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
if [ ! -e MANIFEST ] && ! git log -1 >/dev/null 2>&1; then
	echo "  skipped: this is neither a tarball nor a repository that git reads"
	echo "0 passed, 0 failed, 1 skipped"
	exit 0
fi
version=$(cat VERSION)
name=mdm-agent-$version

dist() { # DIRECTORY OUT: what make says goes to OUT.log
	timeout 120 make -s -C "$1" dist BUILD="$work/$2" >"$work/$2.log" 2>&1
}
check() { # WHAT COMMAND…
	what=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED $what"
		tail -n 5 "$work"/*.log
	fi
}
same() {
	cmp "$work/first/$name.tar.gz" "$work/$1/$name.tar.gz"
}

check "a tarball is made" dist "$source" first
tar -xz -f "$work/first/$name.tar.gz" -C "$work"
(umask 077 && TZ=Asia/Tokyo LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=1 GZIP=-1 TAR_OPTIONS=--owner=games && export TZ LC_ALL \
	SOURCE_DATE_EPOCH GZIP TAR_OPTIONS && dist "$source" second)
check "the same bytes with another umask, zone, locale and options" same second
find "$work/$name" -exec touch {} +
mkdir "$work/$name/build" && echo more >"$work/$name/build/more" && echo more >"$work/$name/more"
dist "$work/$name" third
check "the same bytes from an unpacked tarball with more files" same third
[ "$(id -u)" -ne 0 ] || {
	chmod 0755 "$work" && mkdir "$work/fourth" && chown -R nobody "$work/$name" "$work/fourth"
	setpriv --reuid nobody --regid 65534 --clear-groups make -s -C "$work/$name" dist BUILD="$work/fourth" \
		>"$work/fourth.log" 2>&1
	check "the same bytes from another user" same fourth
}

# What somebody unpacked into a repository is not taken for a list of its files.
if git clone -q . "$work/clone" 2>"$work/clone.log"; then
	printf 'committed at 1\nVERSION\n' >"$work/clone/MANIFEST"
	cp packaging/dist.sh "$work/clone/packaging"
	dist "$work/clone" seventh
	check "the same bytes from a repository with somebody's MANIFEST" same seventh
fi

tar -tv -z -f "$work/first/$name.tar.gz" >"$work/list"
owners() {
	! grep -v '^[-dl][rwx-]* 0/0 ' "$work/list"
}
check "everything belongs to root" owners
leftovers() {
	! grep -E "$name/(build|\\.git)/|\\.[oa]$|__pycache__" "$work/list"
}
check "nothing that was built is in it" leftovers
# shellcheck disable=SC2016 # make expands
epoch_of() {
	[ "$(make -s -C "$work/$name" -f Makefile --eval 'epoch: ; @echo $(SOURCE_DATE_EPOCH)' epoch)" = \
		"$(sed -n '1s/committed at //p' "$work/$name/MANIFEST")" ]
}
check "the commit's time came along" epoch_of
rm "$work/$name/LICENSE"
missing() {
	! dist "$work/$name" fifth && grep -q 'MANIFEST names' "$work/fifth.log" && [ ! -e "$work/fifth/$name.tar.gz" ]
}
check "a file that is missing is said" missing
rm "$work/$name/MANIFEST"
neither() {
	! dist "$work/$name" sixth && grep -q 'neither' "$work/sixth.log"
}
check "a tree that is neither is said" neither
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
