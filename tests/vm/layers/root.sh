# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034,SC2154 # read by image.sh, whose variables it uses
# The distribution as its packages make it, without the agent: the slow part, which only new packages change.
common="dbus udev kmod libpam-runtime libpam-modules login passwd libpam-pwquality pamtester
	cryptsetup-bin dmsetup e2fsprogs dconf-cli procps util-linux rfkill iw iproute2 nftables acl openssh-server geoclue-2.0
	libjson-c5 libcurl4 libssl3 libseccomp2 bubblewrap"
only_systemd="systemd systemd-sysv libpam-systemd"
only_openrc="sysvinit-core openrc elogind libpam-elogind libelogind0"

root_make() {
	# The machine's own sources of Debian, so that a mirror that is set here is used there.
	# shellcheck disable=SC2016 # for apt to expand
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
		sed -n 's/^\(.*\) Debian$/deb \1/p' | sort -u >sources
	[ -s sources ] || die "apt knows no source of Debian here"
	includes=$(echo "$packages" | tr -s ' \t\n' ',')
	# shellcheck disable=SC2046 # words on purpose
	mmdebstrap --variant=essential --include="${includes%,}" \
		--aptopt='Acquire::Check-Valid-Until "false"' \
		--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
		$(for path in man doc info locale; do
			printf -- '--dpkgopt=path-exclude=/usr/share/%s/* ' "$path"
		done) '' root.tar - <sources
}
