#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Part of abuild.sh: the split functions that abuild brings, and what becomes of a package.
# shellcheck disable=SC2154,SC2086 # variables of the APKBUILD; lists of words on purpose

# A path that matches nothing says no, which ends a function that does not take it.
amove() {
	[ -n "$subpkgdir" ] || return 1
	(
		cd "$pkgdir"
		drv_missing=0
		for drv_f; do
			while [ "${drv_f#/}" != "$drv_f" ]; do
				drv_f=${drv_f#/}
			done
			while [ "${drv_f%/}" != "$drv_f" ]; do
				drv_f=${drv_f%/}
			done
			if ! [ -L "$drv_f" ] && ! [ -e "$drv_f" ]; then
				drv_missing=1
				continue
			fi
			drv_d=.
			[ "${drv_f%/*}" = "$drv_f" ] || drv_d=${drv_f%/*}
			mkdir -p "$subpkgdir/$drv_d"
			mv "$drv_f" "$subpkgdir/$drv_d"
			rmdir -p "$drv_d" 2>/dev/null || :
		done
		exit $drv_missing
	)
}

default_doc() {
	depends="$depends_doc"
	pkgdesc="$pkgdesc (documentation)"
	install_if="docs $pkgname=$pkgver-r$pkgrel"
	for drv_i in doc man info html sgml licenses gtk-doc ri help; do
		amove "usr/share/$drv_i" || :
	done
	[ ! -d "$subpkgdir/usr/share/man" ] || drv_compress_pages "$subpkgdir/usr/share/man"
	rm -f "$subpkgdir/usr/share/info/dir"
}
# Names that are one file, or lead to one, lead to its compressed form.
drv_compress_pages() {
	drv_pages=$(find "$1" \( -type f -o -type l \) \( -name '*.[0-9n]' -o -name '*.[0-9n][a-z]*' \) \
		! -name '*.gz' ! -name '*.bz2' ! -name '*.xz' -exec stat -c '%i %n' '{}' + | sort)
	drv_last='' drv_first=''
	echo "$drv_pages" | while read -r drv_inode drv_name; do
		[ -n "$drv_name" ] || continue
		if [ -L "$drv_name" ]; then
			ln -s "$(readlink "$drv_name").gz" "$drv_name.gz"
		elif [ "$drv_inode" = "$drv_last" ]; then
			ln -s "${drv_first##*/}.gz" "$drv_name.gz"
		else
			drv_first=$drv_name drv_last=$drv_inode
			# busybox's gzip writes no time and no name; it knows neither -n nor -k.
			gzip -9 -c "$drv_name" >"$drv_name.gz"
			chmod "$(stat -c %a "$drv_name")" "$drv_name.gz"
		fi
		rm "$drv_name"
	done
}
doc() {
	default_doc
}
default_openrc() {
	depends="$depends_openrc"
	pkgdesc="$pkgdesc (OpenRC init scripts)"
	install_if="openrc ${subpkgname%-openrc}=$pkgver-r$pkgrel"
	amove etc/conf.d etc/init.d etc/user/conf.d etc/user/init.d || :
}
openrc() {
	default_openrc
}
default_systemd() {
	depends="$depends_systemd"
	pkgdesc="$pkgdesc (systemd files)"
	install_if="systemd ${subpkgname%-systemd}=$pkgver-r$pkgrel"
	amove usr/lib/systemd || :
}
systemd() {
	default_systemd
}
default_udev() {
	depends="$depends_udev"
	pkgdesc="$pkgdesc (udev rules)"
	install_if="udev ${subpkgname%-udev}=$pkgver-r$pkgrel"
	amove usr/lib/udev || :
}
udev() {
	default_udev
}
default_bashcomp() {
	depends=""
	pkgdesc="Bash completions for $pkgname"
	install_if="${subpkgname%-bash-completion}=$pkgver-r$pkgrel bash-completion"
	amove usr/share/bash-completion/completions
}
bashcomp() {
	default_bashcomp
}
default_zshcomp() {
	depends=""
	pkgdesc="Zsh completions for $pkgname"
	install_if="${subpkgname%-zsh-completion}=$pkgver-r$pkgrel zsh"
	amove usr/share/zsh/site-functions
}
zshcomp() {
	default_zshcomp
}
default_fishcomp() {
	depends=""
	pkgdesc="Fish completions for $pkgname"
	install_if="${subpkgname%-fish-completion}=$pkgver-r$pkgrel fish"
	amove usr/share/fish/vendor_completions.d || :
	! amove usr/share/fish/completions ||
		warning "fish completions belong into /usr/share/fish/vendor_completions.d"
}
fishcomp() {
	default_fishcomp
}
default_nftrules() {
	depends=
	pkgdesc="$pkgdesc (nftables ruleset)"
	install_if="nftables-rulesets ${subpkgname%-nftrules}=$pkgver-r$pkgrel"
	amove 'usr/share/nftables.avail' || :
}
nftrules() {
	default_nftrules
}

# Name, function and architecture from "name[:function[:architecture]]".
drv_subpkg_set() {
	subpkgname=${1%%:*}
	drv_rest=${1#*:}
	[ "$drv_rest" != "$1" ] || drv_rest=
	subpkgsplit=${drv_rest%%:*}
	subpkgarch=${drv_rest#*:}
	[ "$subpkgarch" != "$drv_rest" ] || subpkgarch=
	if [ -z "$subpkgsplit" ]; then
		case $subpkgname in
		*-bash-completion) subpkgsplit=bashcomp ;;
		*-zsh-completion) subpkgsplit=zshcomp ;;
		*-fish-completion) subpkgsplit=fishcomp ;;
		*) subpkgsplit=${subpkgname##*-} ;;
		esac
	fi
	case $subpkgarch in
	'')
		case $subpkgname in
		*-doc | *-openrc | *-lang | *sh-completion | *-pyc | *-nftrules | *-systemd | *-udev)
			subpkgarch=noarch
			;;
		*) subpkgarch=$pkgarch ;;
		esac
		;;
	noarch | "$CARCH") ;;
	all) subpkgarch=$CARCH ;;
	*) die "unknown architecture $subpkgarch of $subpkgname" ;;
	esac
}

# One after the other in the order of the list: the first function that moves a file has it.
drv_split_one() {
	subpkgdir=$pkgbasedir/$subpkgname
	provides="" install_if=""
	cd "$pkgdir"
	"$subpkgsplit"
	drv_prepare_package
}
drv_split_all() {
	for drv_sub in $subpackages; do
		drv_subpkg_set "$drv_sub"
		drv_say "split function $subpkgsplit"
		set +e
		(
			set -e
			drv_split_one
		)
		drv_status=$?
		set -e
		[ "$drv_status" -eq 0 ] || die "the split function $subpkgsplit failed"
		drv_postcheck "$pkgbasedir/$subpkgname" "$subpkgname"
		unset subpkgname subpkgsplit subpkgarch
	done
	drv_postcheck "$pkgdir" "$pkgname"
}

drv_is_elf() {
	[ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' ')" = 7f454c46 ]
}
drv_elves() { # DIRECTORY: prints the programs and libraries in it
	find "$1" -type f -size +0 | while read -r drv_f; do
		! drv_is_elf "$drv_f" || printf '%s\n' "$drv_f"
	done
}

drv_prepare_package() {
	drv_dir=${subpkgdir:-$pkgdir}
	drv_arch=${subpkgarch:-$pkgarch}
	[ -d "$drv_dir" ] || die "nothing was made for it (there is no $drv_dir)"
	drv_programs=$(drv_elves "$drv_dir")
	if [ "$drv_arch" = noarch ]; then
		options_has '!archcheck' || [ -z "$drv_programs" ] ||
			die "it has programs for one architecture and must not be noarch: $drv_programs"
	else
		options_has '!archcheck' || [ -n "$drv_programs" ] ||
			warning "it has no programs and should be noarch"
		options_has '!strip' || for drv_f in $drv_programs; do
			# Only the content is replaced: owner, mode and links stay.
			strip -o "$drv_out/stripped" "$drv_f"
			cat "$drv_out/stripped" >"$drv_f"
			rm "$drv_out/stripped"
		done
	fi
	drv_metafiles
}

drv_metafiles() {
	drv_name=${subpkgname:-$pkgname}
	drv_info=$drv_out/info/$drv_name
	drv_deps=$depends
	drv_scripts=
	for drv_i in $install $triggers; do
		drv_file=${drv_i%=*}
		[ "${drv_file%.*}" = "$drv_name" ] || continue
		mkdir -p "$drv_out/scripts/$drv_name"
		install -m 0755 "$startdir/$drv_file" "$drv_out/scripts/$drv_name/${drv_file#"$drv_name"}"
		drv_scripts="$drv_scripts ${drv_file#"$drv_name"}"
		! head -n 1 "$startdir/$drv_file" | grep -Eq '^#! *(/usr)?/bin/sh' ||
			list_has /bin/sh $drv_deps || drv_deps="$drv_deps /bin/sh"
	done
	drv_size=$(find "$drv_dir" -type f -exec stat -c %s '{}' + |
		awk '{ all += $1 } END { print all + 0 }')
	# A package of size 0 is a virtual one, whose scripts are not run.
	[ "$drv_size" -ne 0 ] || [ -z "$drv_scripts$(ls -A "$drv_dir")" ] || drv_size=1
	{
		printf '%s\n' "pkgname = $drv_name" "pkgver = $pkgver-r$pkgrel" "pkgdesc = $pkgdesc" \
			"url = $url" "builddate = $SOURCE_DATE_EPOCH" "size = $drv_size" \
			"arch = $drv_arch" "origin = $pkgname" "maintainer = $maintainer" \
			"license = $license"
		for drv_i in $replaces; do
			echo "replaces = $drv_i"
		done
		for drv_i in $drv_deps; do
			drv_depver "$drv_i"
			[ "$drv_i" = "$drv_name" ] || echo "depend = $drv_i"
		done
		for drv_i in $provides; do
			drv_depver "$drv_i"
			echo "provides = $drv_i"
		done
		for drv_i in "$drv_dir"/usr/bin/* "$drv_dir"/usr/sbin/* "$drv_dir"/bin/* "$drv_dir"/sbin/*; do
			! { [ -x "$drv_i" ] && [ -f "$drv_i" ]; } ||
				echo "provides = cmd:${drv_i##*/}=$pkgver-r$pkgrel"
		done
		[ -z "$install_if" ] || echo "install_if =" $install_if
		for drv_i in $drv_scripts; do
			echo "script = $drv_i"
		done
	} >"$drv_info"
}

# What apk writes: names of root, of pkgusers and of pkggroups; a file of somebody else is an error,
# as that id means another user on the phone.
drv_list_all() {
	for drv_i in "$pkgbasedir"/*/; do
		drv_name=$(basename "$drv_i")
		(
			cd "$drv_i"
			find . -mindepth 1 -exec stat -c '%F|%a|%U:%G|%n' '{}' + | sort -t '|' -k 4 |
				while IFS='|' read -r drv_type drv_mode drv_owner drv_path; do
					drv_target=
					case $drv_type in
					directory) drv_type=d ;;
					'regular file' | 'regular empty file') drv_type=f ;;
					'symbolic link') drv_type=l drv_target=" -> $(readlink "$drv_path")" ;;
					*) die "$drv_name: $drv_path is a $drv_type" ;;
					esac
					list_has "${drv_owner%:*}" root $pkgusers ||
						die "$drv_name: $drv_path belongs to ${drv_owner%:*}, not in pkgusers"
					list_has "${drv_owner#*:}" root $pkggroups ||
						die "$drv_name: $drv_path belongs to ${drv_owner#*:}, not in pkggroups"
					printf '%s %04o %s %s%s\n' "$drv_type" "0$drv_mode" "$drv_owner" \
						"${drv_path#./}" "$drv_target"
				done
		) >"$drv_out/files/$drv_name"
	done
}
