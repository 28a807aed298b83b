/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apps_protected.c - packages without which a phone does not start, cannot be reached, unlocked or
 * repaired; see apps.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by mdm-agent-apps. The table is
 * about names alone. A name too many in it costs an administrator one ban; one too few costs
 * somebody a phone.
 */
#include <string.h>

#include "policies/apk_db.h"
#include "policies/apps.h"

/*
 * Rows in order; the first that fits decides. "name" is that package and the parts that it is
 * divided into, name-*; "name-" is all that begin so.
 */
struct protected_row {
	const char *name, *why; /* why NULL: not protected */
};

static const char agent[] = "the agent";
static const char kernel[] = "the kernel";
static const char hardware[] = "what the hardware needs";
static const char start[] = "what starts the phone";
static const char init[] = "the init system";
static const char network[] = "the way to the network";
static const char manager[] = "the package manager";
static const char c_library[] = "the C library";
static const char shell[] = "the shell";
static const char encryption[] = "what unlocks the disk";
static const char bus[] = "the message bus";
static const char login[] = "the way to log in";
static const char base[] = "the base system";

static const struct protected_row rows[] = {
	{"mdm-agent", agent},
	{APPS_VIRTUAL, agent}, /* holds the others back */

	/* Kernels of phones are called linux-MAKER-DEVICE, so the others are named here. */
	{"linux-headers", NULL},
	{"linux-tools", NULL},
	{"linux-timemachine", NULL},
	{"linux-logo", NULL},
	{"linux-pam", login},
	{"linux-firmware", hardware},
	{"linux-", kernel},
	{"kmod", kernel},

	{"device-mapper", encryption},
	{"device-", hardware},
	{"soc-", hardware},
	{"firmware-", hardware},
	{"wireless-regdb", network},
	{"raspberrypi-bootloader", start},
	{"qrtr", hardware},
	{"rmtfs", hardware},
	{"pd-mapper", hardware},
	{"tqftpserv", hardware},
	{"msm-modem", hardware},

	{"mkinitfs", start},
	{"postmarketos-mkinitfs", start},
	{"postmarketos-initramfs", start},
	{"postmarketos-update-kernel", start},
	{"initramfs-tools", start},
	{"dracut", start},
	{"booster", start},
	{"boot-deploy", start},
	{"systemd-boot", start},
	{"u-boot", start},
	{"grub", start},
	{"syslinux", start},
	{"limine", start},
	{"lk2nd", start},
	{"mkbootimg", start},
	{"dtbtool", start},

	{"openrc", init},
	{"busybox", init},
	{"systemd", init},
	{"sysvinit", init},
	{"dinit", init},
	{"runit", init},
	{"s6", init},
	{"eudev", init},
	{"udev", init},
	{"mdev-conf", init},
	{"mdevd", init},
	{"libudev-zero", init},
	{"cmd:init", init},

	{"networkmanager", network},
	{"iwd", network},
	{"wpa_supplicant", network},
	{"connman", network},
	{"ifupdown", network},
	{"ifupdown-ng", network},
	{"dhcpcd", network},
	{"modemmanager", network},
	{"ofono", network},
	{"eg25-manager", network},
	{"ca-certificates", network},

	{"apk-tools", manager},
	{"libapk", manager},
	{"alpine-keys", manager},
	{"postmarketos-keys", manager},
	{"cmd:apk", manager},

	{"musl", c_library},
	{"libc-utils", c_library},
	{"so:libc.musl-", c_library},

	{"dash-binsh", shell},
	{"yash-binsh", shell},
	{"/bin/sh", shell},

	{"cryptsetup", encryption},
	{"unl0kr", encryption},
	{"buffybox", encryption},
	{"osk-sdl", encryption},
	{"lvm2", encryption},

	{"dbus", bus},

	{"shadow", login},
	{"util-linux", login},
	{"elogind", login},
	{"seatd", login},
	{"polkit", login},
	{"greetd", login},
	{"phrog", login},
	{"tinydm", login},
	{"gdm", login},
	{"sddm", login},
	{"lightdm", login},
	{"plasma-login-manager", login},

	{"alpine-base", base},
	{"alpine-baselayout", base},
	{"alpine-conf", base},
	{"alpine-release", base},
	{"postmarketos-base", base},
	{"postmarketos-release", base},
};

/* Parts of a package that nothing runs with. */
static const char *const accessories[] = {
	"-doc", "-dev", "-dbg", "-lang", "-bash-completion", "-zsh-completion", "-fish-completion"};

static bool is_accessory(const char *name)
{
	size_t n_name = strlen(name);

	for (size_t i = 0; i < sizeof(accessories) / sizeof(accessories[0]); i++) {
		size_t n = strlen(accessories[i]);

		if (n_name > n && strcmp(name + n_name - n, accessories[i]) == 0)
			return true;
	}
	return false;
}

static bool row_fits(const struct protected_row *row, const char *name)
{
	size_t n = strlen(row->name);

	if (strncmp(name, row->name, n) != 0)
		return false;
	return row->name[n - 1] == '-' ? name[n] != 0 : name[n] == 0 || name[n] == '-';
}

const char *app_protected_why(const char *package_name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (!row_fits(&rows[i], package_name))
			continue;
		return rows[i].why && (rows[i].why == agent || !is_accessory(package_name))
			       ? rows[i].why
			       : NULL;
	}
	return NULL;
}

bool app_is_protected(const char *package_name)
{
	return app_protected_why(package_name) != NULL;
}
