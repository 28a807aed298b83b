# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # read by image.sh, whose variables it uses
# The programs of the phone, built against elogind as on Alpine. Debian's libelogind-dev conflicts with
# libsystemd0, so the packages are unpacked, not installed; scripts/elogind.sh runs the unit tests that way.
elogind_make() {
	apt-get download -q libelogind-dev libelogind0
	for package in ./*.deb; do
		dpkg-deb -x "$package" root
	done
	triplet=$(cd root/usr/lib && echo ./*-linux-gnu)
	# The link for the linker is absolute and leads out of here; this one stands beside the library.
	ln -s libelogind.so.0 "root/lib/$triplet/libelogind.so"
	mkdir pkgconfig
	# Under its final name: what is made here is renamed.
	sed "s|/usr|$cache/$elogind_name/root/usr|g
		s|^libdir=.*|libdir=$cache/$elogind_name/root/lib/$triplet|" \
		"root/usr/lib/$triplet/pkgconfig/libelogind.pc" >pkgconfig/libelogind.pc
	rm -f ./*.deb
}

phone_programs="mdm-agentd mdm-agent-net mdm-agent-session agentctl"

# elogind_build DIRECTORY: in an object tree beside the ordinary one, with its own objects.
elogind_build() {
	mkdir -p "$1"
	# shellcheck disable=SC2046 # a list of names on purpose
	(
		flock -w 900 9 || die "another run has been building in $1 for a quarter of an hour"
		PKG_CONFIG_PATH="$cache/$elogind_name/pkgconfig" make -s -C "$source" -j"$(nproc)" \
			BUILD="$1" VARIANT=release SYSTEMD_PC=libelogind \
			$(for program in $phone_programs; do echo "$1/release/$program"; done) >"$1/log" 2>&1 ||
			{
				tail -n 30 "$1/log" >&2
				die "the programs could not be built against elogind; the log is $1/log"
			}
	) 9>"$1/lock" 8>&-
	readelf -d "$1/release/mdm-agentd" | grep -q libelogind || die "mdm-agentd does not link libelogind"
}
