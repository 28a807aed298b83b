/* SPDX-License-Identifier: Apache-2.0 */
/* udev.c - udevadm and udev's database; see udev.h. Enforcer only. */
#include "platform/udev.h"

#include <errno.h>
#include <string.h>

#include "agent/util/fs.h"
#include "platform/backend.h"

const char *udev_find_admin(int root_fd)
{
	static const char *const places[] = {
		"/usr/bin/udevadm", "/bin/udevadm", "/sbin/udevadm", "/usr/sbin/udevadm"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++)
		if (backend_file_exists(root_fd, places[i]))
			return places[i];
	return NULL;
}

bool udev_probe(int root_fd, struct backend_fact *ret_fact)
{
	*ret_fact = (struct backend_fact){.reason = REASON_NO_MECHANISM};
	if (!udev_find_admin(root_fd))
		text_printf(ret_fact->detail,
			"there is no udevadm: without udev (mdev has none) nobody asks what may be "
			"done with a device; install eudev or systemd's udev");
	else if (!backend_file_exists(root_fd, UDEV_CONTROL))
		text_printf(ret_fact->detail, "udevd does not run");
	else
		*ret_fact = (struct backend_fact){.present = true};
	return ret_fact->present;
}

int udev_start(struct platform *platform, const char *const *argv, child_done_fn done,
	void *userdata, struct child **ret_child)
{
	const struct child_spec spec = {
		.argv = argv,
		.root_fd = platform->sysroot_is_root ? -1 : platform->sysroot_fd,
		.deadline_s = LIMIT_CHILD_SECONDS,
		.merge_stderr = true,
	};

	return argv[0] ? child_start(platform->event, &spec, done, userdata, ret_child) : -ENOENT;
}

int udev_reload(
	struct platform *platform, child_done_fn done, void *userdata, struct child **ret_child)
{
	const char *const argv[] = {
		udev_find_admin(platform->sysroot_fd), "control", "--reload", NULL};

	return udev_start(platform, argv, done, userdata, ret_child);
}

void udev_explain(const struct child_result *result, char ret_why[LIMIT_TEXT_BYTES + 1])
{
	ret_why[0] = 0;
	switch (result->end) {
	case CHILD_EXITED:
		if (result->code != 0)
			text_printf(ret_why, "exit %d: %.*s", result->code,
				(int)strcspn(result->output, "\n"), result->output);
		break;
	case CHILD_KILLED:
		text_printf(ret_why, "killed by signal %d", result->code);
		break;
	case CHILD_DEADLINE:
		text_printf(ret_why, "took longer than %d s", LIMIT_CHILD_SECONDS);
		break;
	case CHILD_FLOODED:
	case CHILD_END_MAX:
		text_printf(ret_why, "wrote too much");
		break;
	}
}

bool udev_property(
	int root_fd, const char *record, const char *name, char *ret_text, size_t size_bytes)
{
	_cleanup_free_ char *text = NULL;
	char path[64], label[64];
	const char *at;
	size_t n;

	ret_text[0] = 0;
	snprintf(path, sizeof(path), "run/udev/data/%.32s", record);
	if (fs_read(root_fd, path, UDEV_RECORD_BYTES, &text, NULL) < 0)
		return false;
	snprintf(label, sizeof(label), "\nE:%.50s=", name);
	at = strstr(text, label);
	if (!at)
		return false;
	at += strlen(label);
	n = strcspn(at, "\n");
	if (n >= size_bytes)
		return false;
	memcpy(ret_text, at, n);
	ret_text[n] = 0;
	return true;
}
