/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inventory.c - what phone and which system this is; see platform.h. Reads files and uname(2), runs
 * nothing: os-release and deviceinfo look like shell, but are only parsed. Enforcer only.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/inventory.h"

#define INVENTORY_FILE_BYTES (64 * 1024)

/* Copies text that a report can carry: UTF-8 without control characters, or nothing. */
static void set_text(char *ret, size_t size_bytes, const char *text)
{
	size_t n = strlen(text);

	while (n && (text[n - 1] == ' ' || text[n - 1] == '\n' || text[n - 1] == '\r'))
		n--;
	if (n >= size_bytes) {
		n = size_bytes - 1;
		/* Not in the middle of a character. */
		while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
	}
	if (n == 0 || !text_is_valid(text, n))
		return;
	memcpy(ret, text, n);
	ret[n] = 0;
}

/* Undoes the quotes of one shell word. False: something that is not plain text. */
static bool unquote(const char *text, size_t n, char *ret, size_t size_bytes)
{
	char quote = 0;
	size_t n_ret = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == quote) {
			quote = 0;
			continue;
		}
		if (!quote && (c == '"' || c == '\'')) {
			quote = c;
			continue;
		}
		if (!quote && (c == ' ' || c == '\t' || c == '#'))
			break;
		if (quote != '\'' && c == '\\' && i + 1 < n)
			c = text[++i];
		else if (quote != '\'' && (c == '$' || c == '`'))
			return false; /* would need a shell */
		if (n_ret + 1 >= size_bytes)
			return false;
		ret[n_ret++] = c;
	}
	ret[n_ret] = 0;
	return quote == 0;
}

bool inventory_variable(
	const char *text, size_t n_bytes, const char *name, char *ret, size_t size_bytes)
{
	const char *end = text + n_bytes;
	size_t n_name = strlen(name);
	char value[512];
	bool found = false;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t n = newline ? (size_t)(newline - text) : (size_t)(end - text);

		/* As in a shell the last assignment counts. */
		if (n > n_name && memcmp(text, name, n_name) == 0 && text[n_name] == '=' &&
			unquote(text + n_name + 1, n - n_name - 1, value, sizeof(value))) {
			ret[0] = 0;
			set_text(ret, size_bytes, value);
			found = true;
		}
		text += n + (newline ? 1 : 0);
	}
	return found;
}

static void read_os_release(int root_fd, struct platform_inventory *inventory)
{
	_cleanup_free_ char *text = NULL;
	size_t n;

	/* os-release(5): the one in /etc comes first. */
	if (fs_read(root_fd, "etc/os-release", INVENTORY_FILE_BYTES, &text, &n) < 0 &&
		fs_read(root_fd, "usr/lib/os-release", INVENTORY_FILE_BYTES, &text, &n) < 0)
		return;
	inventory_variable(text, n, "ID", inventory->os_id, sizeof(inventory->os_id));
	inventory_variable(
		text, n, "VERSION_ID", inventory->os_version, sizeof(inventory->os_version));
	if (!inventory_variable(
		    text, n, "PRETTY_NAME", inventory->os_name, sizeof(inventory->os_name)))
		inventory_variable(text, n, "NAME", inventory->os_name, sizeof(inventory->os_name));
}

static void read_text_file(int root_fd, const char *path, char *ret, size_t size_bytes)
{
	_cleanup_free_ char *text = NULL;

	/* The device tree's strings end with a NUL, which ends the text here as well. */
	if (fs_read(root_fd, path, INVENTORY_FILE_BYTES, &text, NULL) == 0)
		set_text(ret, size_bytes, text);
}

/* The vendor's file, then the administrator's, as postmarketOS sources them. */
static void read_deviceinfo(int root_fd, struct platform_inventory *inventory)
{
	static const char *const paths[] = {"usr/share/deviceinfo/deviceinfo", "etc/deviceinfo"};
	char model[sizeof(inventory->model)] = "", maker[sizeof(inventory->manufacturer)] = "";

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_free_ char *text = NULL;
		size_t n;

		if (fs_read(root_fd, paths[i], INVENTORY_FILE_BYTES, &text, &n) < 0)
			continue;
		inventory_variable(text, n, "deviceinfo_name", model, sizeof(model));
		inventory_variable(text, n, "deviceinfo_manufacturer", maker, sizeof(maker));
		inventory_variable(text, n, "deviceinfo_codename", inventory->codename,
			sizeof(inventory->codename));
	}
	/* Generic images have a generic file: what the hardware says comes first. */
	if (!inventory->model[0])
		memcpy(inventory->model, model, sizeof(model));
	if (!inventory->manufacturer[0])
		memcpy(inventory->manufacturer, maker, sizeof(maker));
}

static bool is_directory(int root_fd, const char *path)
{
	_cleanup_close_ int fd = fs_open_in_root(root_fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW);

	return fd >= 0;
}

void platform_inventory(struct platform *platform, struct platform_inventory *ret_inventory)
{
	struct platform_inventory inventory = {0};
	int root_fd = platform->sysroot_fd;
	struct utsname names;
	const char *init = "other";

	read_os_release(root_fd, &inventory);
	read_text_file(root_fd, "proc/device-tree/model", inventory.model, sizeof(inventory.model));
	if (!inventory.model[0]) {
		read_text_file(root_fd, "sys/class/dmi/id/product_name", inventory.model,
			sizeof(inventory.model));
		read_text_file(root_fd, "sys/class/dmi/id/sys_vendor", inventory.manufacturer,
			sizeof(inventory.manufacturer));
	}
	read_deviceinfo(root_fd, &inventory);
	if (uname(&names) == 0) {
		set_text(inventory.kernel, sizeof(inventory.kernel), names.release);
		set_text(inventory.arch, sizeof(inventory.arch), names.machine);
	}
	if (is_directory(root_fd, "run/systemd/system"))
		init = "systemd";
	else if (is_directory(root_fd, "run/openrc"))
		init = "openrc";
	set_text(inventory.init, sizeof(inventory.init), init);
	*ret_inventory = inventory;
}
