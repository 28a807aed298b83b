#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing: deps.sh demo (to build and run the demonstration) or deps.sh all (to run
# every check of .ci/run as well). Says what it installs; asks for nothing.
set -eu
level=${1:-all}

debian_demo="make gcc libc6-dev pkg-config libjson-c-dev libssl-dev libsystemd-dev
	libcurl4-openssl-dev libseccomp-dev libevent-dev libsqlite3-dev libqrencode-dev libpam0g-dev
	dconf-cli util-linux mount procps uidmap"
debian_all="git clang clang-format llvm libclang-rt-14-dev cppcheck shellcheck valgrind lcov
	python3 python3-dbusmock dbus-daemon geoclue-2.0 modemmanager gpsd gsettings-desktop-schemas python3-jwcrypto python3-jsonschema python3-cryptography openssl curl iproute2
	binutils strace musl-tools musl-dev oathtool
	libpam-wrapper pamtester libpwquality1 cracklib-runtime
	swtpm tpm2-tools tpm2-openssl softhsm2 opensc
	systemd busybox-static libcap2-bin udev
	scdoc mandoc zsh fish
	geographiclib-tools libgeos-dev libproj-dev
	qemu-system-x86 qemu-utils mmdebstrap cryptsetup-bin e2fsprogs kmod cpio uidmap
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
	gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"
# Headers and libraries to cross-build for a phone; they live beside the machine's own.
debian_arm64="libjson-c-dev:arm64 libssl-dev:arm64 libsystemd-dev:arm64
	libcurl4-openssl-dev:arm64 libseccomp-dev:arm64 libsqlite3-dev:arm64 libqrencode-dev:arm64
	libpam0g-dev:arm64"
alpine_demo="make gcc musl-dev linux-headers pkgconf json-c-dev openssl-dev elogind-dev curl-dev
	libseccomp-dev libevent-dev sqlite-dev libqrencode-dev linux-pam-dev dconf util-linux
	findutils setpriv"
alpine_all="git clang clang-extra-tools compiler-rt cppcheck shellcheck valgrind lcov python3
	py3-dbusmock dbus geoclue modemmanager gpsd gsettings-desktop-schemas py3-jwcrypto py3-jsonschema py3-cryptography openssl curl iproute2 binutils strace oath-toolkit-oathtool eudev
	swtpm tpm2-tools tpm2-openssl softhsm opensc pkcs11-provider
	scdoc mandoc bash zsh fish
	geos-dev proj-dev"

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v doas >/dev/null 2>&1; then
		doas "$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		echo "deps: installing needs root: run this as root, or install by hand:" >&2
		echo "  $*" >&2
		exit 1
	fi
}

apt_install() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
		--no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

debian_missing() {
	for package in "$@"; do
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null |
			grep -q '^install ok installed$' || printf '%s ' "$package"
	done
}

# keep_asleep PACKAGE...: services that the tests run by themselves, on a bus of their own. What was not
# on this machine before is not to take its modems and serial ports now.
keep_asleep() {
	for package in "$@"; do
		case $package in
		modemmanager) units=ModemManager.service ;;
		gpsd) units="gpsd.socket gpsd.service gpsdctl@.service" ;;
		*) continue ;;
		esac
		command -v systemctl >/dev/null 2>&1 || continue
		echo "deps: $package is only for tests, so that it is masked; to use it: systemctl unmask $units"
		# shellcheck disable=SC2086 # several names on purpose
		as_root systemctl mask $units
	done
}

debian() {
	wanted=$debian_demo
	[ "$level" = demo ] || wanted="$wanted $debian_all"
	[ "$(dpkg --print-architecture)" = amd64 ] || debian_arm64=
	[ "$level" = demo ] && debian_arm64=
	# shellcheck disable=SC2086 # lists of names on purpose
	missing=$(debian_missing $wanted)
	# shellcheck disable=SC2086
	missing_arm64=$(debian_missing $debian_arm64)
	if [ -z "$missing$missing_arm64" ]; then
		echo "deps: nothing is missing"
		return
	fi
	if [ -n "$missing_arm64" ] && ! dpkg --print-foreign-architectures | grep -q '^arm64$'; then
		echo "deps: adding the architecture arm64 (for cross-building)"
		as_root dpkg --add-architecture arm64
	fi
	echo "deps: installing $missing$missing_arm64"
	as_root apt-get update -q
	# shellcheck disable=SC2086
	keep_asleep $missing
	# shellcheck disable=SC2086
	[ -z "$missing" ] || apt_install $missing
	# shellcheck disable=SC2086
	[ -z "$missing_arm64" ] || apt_install $missing_arm64
}

alpine() {
	wanted=$alpine_demo
	[ "$level" = demo ] || wanted="$wanted $alpine_all"
	# On postmarketOS with systemd its own headers take elogind's place.
	[ ! -d /run/systemd/system ] || wanted=$(echo "$wanted" | sed 's/elogind-dev/systemd-dev/')
	missing=
	for package in $wanted; do
		apk info -e "$package" >/dev/null 2>&1 || missing="$missing $package"
	done
	if [ -z "$missing" ]; then
		echo "deps: nothing is missing"
		return
	fi
	echo "deps: installing$missing"
	# shellcheck disable=SC2086
	as_root apk add $missing
}

if command -v apt-get >/dev/null 2>&1; then
	debian
elif command -v apk >/dev/null 2>&1; then
	alpine
else
	echo "deps: neither apt-get nor apk is here; install the libraries named in README.md" >&2
	exit 1
fi
