#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Part of abuild.sh: what abuild refuses, before it builds (validate) and after it split (postcheck).
# shellcheck disable=SC2154,SC2086 # variables of the APKBUILD; lists of words on purpose

drv_version_pattern='^[0-9]+(\.[0-9]+)*[a-z]?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(~[0-9a-f]+)?(-r[0-9]+)?$'
drv_version_ok() {
	printf '%s\n' "$1" | grep -Eq "$drv_version_pattern"
}
drv_depver() {
	drv_dep=${1%%[<>=~]*}
	[ "$drv_dep" != "$1" ] || return 0
	drv_ver=${1##*[<>=~]}
	drv_version_ok "$drv_ver" || die "invalid version $drv_ver in $1"
	drv_op=${1#"$drv_dep"}
	case ${drv_op%"$drv_ver"} in
	'<' | '>' | '=' | '~' | '>=' | '<=' | '>~' | '<~') ;;
	*) die "invalid version separator in $1" ;;
	esac
}
drv_filename_ok() {
	case $1 in
	'' | *[!A-Za-z0-9+@~._-]*) die "forbidden characters in the file name $1" ;;
	esac
}

drv_validate() {
	for drv_i in pkgname pkgver pkgrel pkgdesc url license; do
		eval "[ -n \"\$$drv_i\" ]" || die "missing $drv_i in APKBUILD"
	done
	drv_version_ok "$pkgver" || die "$pkgver is not a valid version"
	case $pkgver in
	*-r[0-9]*) die "$pkgver is not a valid version: pkgrel says the release" ;;
	esac
	case $pkgrel in
	*[!0-9]*) die "$pkgrel is not a valid pkgrel" ;;
	esac
	[ "${#pkgdesc}" -le 127 ] || die "pkgdesc is too long"
	[ "$(printf '%s\n' "$pkgdesc" | wc -l)" -eq 1 ] || die "pkgdesc is not a single line"
	is_function package || die "missing package() in APKBUILD"
	case $replaces_priority$provider_priority in
	*[!0-9]*) die "replaces_priority and provider_priority are numbers" ;;
	esac
	drv_validate_names
	for drv_i in $depends $makedepends; do
		drv_depver "$drv_i"
	done
	drv_validate_scripts
	drv_validate_sources
	drv_validate_words
}

drv_validate_names() {
	drv_seen=
	for drv_i in $pkgname $subpackages; do
		drv_i=${drv_i%%:*}
		case $drv_i in
		'' | [!a-zA-Z0-9]* | *[!a-zA-Z0-9._+-]*) die "$drv_i is not a valid package name" ;;
		esac
		! list_has "$drv_i" $drv_seen || die "duplicate package $drv_i"
		drv_seen="$drv_seen $drv_i"
	done
	for drv_k in $subpackages; do
		drv_subpkg_set "$drv_k"
		is_function "$subpkgsplit" || die "missing split function $subpkgsplit of $subpkgname"
	done
	unset subpkgname subpkgsplit subpkgarch
}

drv_validate_scripts() {
	for drv_i in $install; do
		case ${drv_i##*.} in
		pre-install | post-install | pre-upgrade | post-upgrade | pre-deinstall | post-deinstall) ;;
		*) die "$drv_i: unknown suffix of an install script" ;;
		esac
		subpackages_has "${drv_i%.*}" || [ "${drv_i%.*}" = "$pkgname" ] ||
			die "$drv_i: there is no such package"
		drv_filename_ok "$drv_i"
		[ -e "$startdir/$drv_i" ] || die "install script $drv_i is missing"
		! grep -Eq 'chown|chmod|chgrp' "$startdir/$drv_i" ||
			warning "$drv_i: permissions belong into package()"
	done
	for drv_i in $triggers; do
		drv_file=${drv_i%=*}
		[ "$drv_file" != "$drv_i" ] || die "$drv_i: a trigger must contain '='"
		[ "${drv_file%.trigger}" != "$drv_file" ] || die "$drv_file: the suffix must be .trigger"
		subpackages_has "${drv_file%.trigger}" || [ "${drv_file%.trigger}" = "$pkgname" ] ||
			die "$drv_file: there is no such package"
		[ -e "$startdir/$drv_file" ] || die "trigger script $drv_file is missing"
	done
}

drv_validate_sources() {
	for drv_i in $source; do
		! list_has "$drv_i" $install || warning "$drv_i is an install script and in source"
		drv_file=$(filename_from_uri "$drv_i")
		drv_filename_ok "$drv_file"
		if is_remote "$drv_i"; then
			case $drv_file in
			v"$pkgver".tar.* | "$pkgver".tar.*)
				die "source $drv_file needs another name to avoid collisions"
				;;
			esac
		elif [ "${drv_i%.initd}" != "$drv_i" ]; then
			head -n 1 "$startdir/$drv_i" | grep -q '^#!.*/sbin/openrc-run$' ||
				die "$drv_i is not an openrc #!/sbin/openrc-run"
		fi
		list_has "$drv_file" $sha512sums || die "$drv_file is missing in checksums"
	done
	set -- $source
	drv_sources=$#
	set -- $sha512sums
	[ $# -eq $((2 * drv_sources)) ] ||
		die "number of checksums ($(($# / 2))) and of sources ($drv_sources) differ"
	while [ $# -gt 1 ]; do
		drv_found=
		for drv_i in $source; do
			[ "$(filename_from_uri "$drv_i")" != "$2" ] || drv_found=1
		done
		[ -n "$drv_found" ] || die "$2 is in checksums but not in source"
		shift 2
	done
	for drv_i in "$startdir"/*; do
		drv_i=${drv_i##*/}
		case $drv_i in
		APKBUILD | tmp | src | pkg) continue ;;
		esac
		list_has "$drv_i" $source $install || case " $triggers " in
		*" $drv_i="*) ;;
		*) warning "$drv_i is not in source, install or triggers" ;;
		esac
	done
}

drv_validate_words() {
	for drv_i in depend:depends makedepend:makedepends pkguser:pkgusers pkggroup:pkggroups \
		subpackage:subpackages checkdepend:checkdepends; do
		eval "[ -z \"\$${drv_i%:*}\" ]" || die "APKBUILD contains ${drv_i%:*}; it is ${drv_i#*:}"
	done
	[ -z "$conflicts" ] || die "APKBUILD contains conflicts; add '!name' to depends"
	[ -n "$maintainer" ] ||
		maintainer=$(sed -n 's/^# *Maintainer: *//p' "$APKBUILD" | head -n 1)
	case $maintainer in
	'') warning "no maintainer" ;;
	' '* | *' ') die "'$maintainer' has leading or trailing space" ;;
	*' <'*@*.*'>') ;;
	*) die "'$maintainer' is not a valid RFC 822 address" ;;
	esac
	for drv_i in $provides; do
		[ "${drv_i%%[<>=~]*}" != "$pkgname" ] || die "provides must not contain $pkgname"
	done
	if sed -n '/^# secfixes:/,/^\([^#]\|$\)/p' "$APKBUILD" | grep '^#' |
		grep -Evq '^# secfixes:|^#  +- [A-Z0-9-]+|^#   [0-9]+.*:$|^#$'; then
		die "the comment secfixes is not valid"
	fi
}

drv_bad() {
	error "$1"
	drv_errors=$((drv_errors + 1))
}
drv_home() { # DIRECTORY SUFFIX WHAT: what belongs into a package of that suffix
	! [ -e "$drv_dir/$1" ] || [ "${drv_name%"$2"}" != "$drv_name" ] ||
		warning "$drv_name: /$1 belongs into a package named *$2"
}

drv_postcheck() { # DIRECTORY NAME
	drv_dir=$1 drv_name=$2 drv_errors=0
	drv_say "postcheck for $drv_name"
	options_has '!fhs' || for drv_i in srv usr/local opt tmp var/tmp var/lock var/empty home sys \
		proc mnt dev; do
		[ ! -d "$drv_dir/$drv_i" ] || [ -z "$(ls -A "$drv_dir/$drv_i")" ] ||
			drv_bad "$drv_name: packages must not put anything under /$drv_i"
	done
	[ ! -d "$drv_dir/usr/var" ] || drv_bad "$drv_name: found /usr/var"
	options_has lib64 || for drv_i in lib64 usr/lib64; do
		[ ! -e "$drv_dir/$drv_i" ] || drv_bad "$drv_name: found /$drv_i, it is /usr/lib"
	done
	options_has '!usrmerge' || for drv_i in bin sbin lib; do
		! { [ -e "$drv_dir/$drv_i" ] || [ -L "$drv_dir/$drv_i" ]; } ||
			warning "$drv_name: found /$drv_i, it is below /usr"
	done
	options_has libtool || find "$drv_dir" -name '*.la' -type f -delete
	drv_postcheck_scripts
	drv_home etc/init.d -openrc
	drv_home etc/conf.d -openrc
	drv_home usr/lib/systemd -systemd
	drv_home usr/lib/udev -udev
	drv_home usr/share/doc -doc
	drv_home usr/share/man -doc
	drv_home usr/share/locale -lang
	drv_home usr/share/bash-completion -bash-completion
	drv_home usr/share/zsh/site-functions -zsh-completion
	drv_home usr/share/fish/vendor_completions.d -fish-completion
	[ ! -e "$drv_dir/usr/share/fish/completions" ] ||
		warning "$drv_name: fish completions belong into vendor_completions.d"
	drv_postcheck_modes
	[ "$drv_errors" -eq 0 ] || die "$drv_errors errors in $drv_name"
}

drv_postcheck_scripts() {
	for drv_i in "$drv_dir"/etc/init.d/* "$drv_dir"/etc/user/init.d/*; do
		! { [ -f "$drv_i" ] && [ ! -L "$drv_i" ] && [ ! -x "$drv_i" ]; } ||
			drv_bad "$drv_name: ${drv_i#"$drv_dir"} must be executable"
	done
	for drv_i in "$drv_dir"/etc/conf.d/*; do
		! { [ -f "$drv_i" ] && [ -x "$drv_i" ]; } ||
			warning "$drv_name: ${drv_i#"$drv_dir"} should not be executable"
	done
}

drv_postcheck_modes() {
	if [ -d "$drv_dir/usr/share/man" ]; then
		drv_i=$(find "$drv_dir/usr/share/man" -type f -name '*.[0-8]')
		[ -z "$drv_i" ] || drv_bad "$drv_name: uncompressed man pages: $drv_i"
	fi
	drv_i=$(find "$drv_dir" -name '*
*')
	[ -z "$drv_i" ] || drv_bad "$drv_name: file names with a line break"
	drv_i=$(find "$drv_dir" -type d -perm -777)
	[ -z "$drv_i" ] || warning "$drv_name: directories that everybody may write: $drv_i"
	drv_i=$(find "$drv_dir" -type f \( -perm -4000 -o -perm -2000 \) -perm -1)
	options_has suid || [ -z "$drv_i" ] || drv_bad "$drv_name: set-uid programs: $drv_i"
	drv_elves "$drv_dir" | while read -r drv_i; do
		options_has textrels || ! readelf -d "$drv_i" 2>/dev/null | grep -q TEXTREL ||
			echo "textrels in $drv_i"
		options_has setcap || [ -z "$(getcap "$drv_i")" ] || echo "capabilities on $drv_i"
		! find "$drv_i" \( -perm -4000 -o -perm -2000 \) | grep -q . ||
			! readelf -h "$drv_i" | grep -q 'Type:.*EXEC' ||
			warning "$drv_name: set-uid and not position-independent: $drv_i"
	done >"$drv_out/findings"
	while read -r drv_i; do
		drv_bad "$drv_name: $drv_i"
	done <"$drv_out/findings"
	rm "$drv_out/findings"
}
