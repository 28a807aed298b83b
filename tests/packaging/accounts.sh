#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A stand-in for busybox's adduser and addgroup, which Debian's busybox does not have and Debian's own
# programs of these names do not understand: linked under either name into a root of the tests.
#   addgroup [-S] [-g GID] GROUP, addgroup USER GROUP
#   adduser [-S] [-D] [-H] [-h HOME] [-s SHELL] [-g NAME] [-G GROUP] [-u UID] USER
# As there: status 1 if the name is taken. It writes no home directory and asks for no password.
set -eu
name=${0##*/}
etc=${MDM_TEST_ETC:-/etc}

refuse() {
	echo "$name: $1" >&2
	exit 1
}
free_id() { # the lowest that is free for a system account
	id=100
	while grep -q "^[^:]*:[^:]*:$id:" "$etc/passwd" "$etc/group"; do
		id=$((id + 1))
	done
	echo "$id"
}

home='' shell=/bin/sh gecos='' group='' number=''
while getopts 'SDHh:s:g:G:u:' option; do
	case $option in
	S | D | H) ;;
	h) home=$OPTARG ;;
	s) shell=$OPTARG ;;
	g) gecos=$OPTARG ;;
	G) group=$OPTARG ;;
	u) number=$OPTARG ;;
	*) refuse "usage" ;;
	esac
done
shift $((OPTIND - 1))

case $name in
addgroup)
	if [ $# -eq 2 ]; then
		grep -q "^$1:" "$etc/passwd" || refuse "unknown user $1"
		grep -q "^$2:" "$etc/group" || refuse "unknown group $2"
		grep -Eq "^$2:.*[:,]$1(,|\$)" "$etc/group" ||
			sed -i -e "s/^\($2:.*:\)\$/\1$1/" -e t -e "s/^$2:.*/&,$1/" "$etc/group"
		exit 0
	fi
	[ $# -eq 1 ] || refuse "usage"
	! grep -q "^$1:" "$etc/group" || refuse "group '$1' in use"
	echo "$1:x:${gecos:-$(free_id)}:" >>"$etc/group"
	;;
adduser)
	[ $# -eq 1 ] || refuse "usage"
	! grep -q "^$1:" "$etc/passwd" || refuse "user '$1' in use"
	gid=65533
	if [ -n "$group" ]; then
		gid=$(sed -n "s/^$group:[^:]*:\([0-9]*\):.*/\1/p" "$etc/group")
		[ -n "$gid" ] || refuse "unknown group $group"
	fi
	echo "$1:x:${number:-$(free_id)}:$gid:${gecos:-Linux User,,,}:${home:-/home/$1}:$shell" \
		>>"$etc/passwd"
	[ ! -e "$etc/shadow" ] || echo "$1:!:0:0:99999:7:::" >>"$etc/shadow"
	;;
*) refuse "is called under neither name" ;;
esac
