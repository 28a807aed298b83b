/* SPDX-License-Identifier: Apache-2.0 */
/*
 * removable_view.c - what is plugged in, compared with the rules; see removable_view.h. Enforcer
 * only. What a device may be used for is read from the kernel wherever the kernel knows it.
 */
#include "platform/removable_view.h"

#include <errno.h>
#include <string.h>

#include "agent/util/fs.h"
#include "platform/backend.h"
#include "platform/udev.h"

#define CHOICE_LINE "\n# encryption.removable: "

/* The word behind a label, up to the end of the line. False: there is no such line, or too much. */
static bool find_word(const char *text, const char *label, char *ret_word, size_t size_bytes)
{
	const char *at = strstr(text, label);
	size_t n;

	if (!at)
		return false;
	at += strlen(label);
	n = strcspn(at, "\n");
	if (n >= size_bytes)
		return false;
	memcpy(ret_word, at, n);
	ret_word[n] = 0;
	return true;
}

/* --- the running system -------------------------------------------------------------------- */

static void read_id(
	int root_fd, const char *directory, const char *file, char *ret_text, size_t size_bytes)
{
	char path[SYSFS_PATH_BYTES + 16];

	ret_text[0] = 0;
	snprintf(path, sizeof(path), "%s/%s", directory, file);
	if (fs_read_line(root_fd, path, ret_text, size_bytes) < 0)
		ret_text[0] = 0;
}

static void fill_pin(
	int root_fd, const struct removable_device *disk, struct removable_pin *ret_pin)
{
	char device[SYSFS_PATH_BYTES];
	char *slash;

	*ret_pin = (struct removable_pin){0};
	if (disk->is_card) {
		read_id(root_fd, disk->parent, "cid", ret_pin->cid, sizeof(ret_pin->cid));
		return;
	}
	/* The interface's device: …/1-1/1-1:1.0 */
	snprintf(device, sizeof(device), "%s", disk->parent);
	slash = strrchr(device, '/');
	*slash = 0;
	if (strlen(device) >= sizeof(ret_pin->device_path))
		return;
	snprintf(ret_pin->device_path, sizeof(ret_pin->device_path), "%.255s",
		device + strlen("sys"));
	read_id(root_fd, device, "idVendor", ret_pin->vendor, sizeof(ret_pin->vendor));
	read_id(root_fd, device, "idProduct", ret_pin->product, sizeof(ret_pin->product));
	read_id(root_fd, device, "serial", ret_pin->serial, sizeof(ret_pin->serial));
}

static void find_pins(int root_fd, struct removable_view *view)
{
	for (size_t i = 0; i < view->n_devices && view->n_pins < REMOVABLE_PINS_MAX; i++)
		if (view->devices[i].kind == REMOVABLE_DISK && view->uses[i] == REMOVABLE_SYSTEM)
			fill_pin(root_fd, &view->devices[i], &view->pins[view->n_pins++]);
}

/* --- the rules ----------------------------------------------------------------------------- */

static int read_rules(int root_fd, struct removable_view *view)
{
	_cleanup_buf_ struct buf wanted = BUF_INIT;
	_cleanup_free_ char *text = NULL;
	char word[64];
	size_t n;
	int r = fs_read(root_fd, REMOVABLE_RULE_PATH, LIMIT_PLATFORM_FILE_BYTES, &text, &n);

	if (r == -ENOENT)
		return 0;
	view->rules = REMOVABLE_RULES_OTHER;
	if (r == -ENOMEM)
		return r;
	if (r < 0 || !find_word(text, CHOICE_LINE, word, sizeof(word)) ||
		!removable_choice_find(word, &view->choice))
		return 0;
	r = removable_rule_write(
		view->choice, REMOVABLE_PROGRAM, view->pins, view->n_pins, &wanted);
	if (r == -ENOMEM)
		return r;
	if (r == 0 && wanted.n_bytes == n && memcmp(wanted.data, text, n) == 0)
		view->rules = REMOVABLE_RULES_RIGHT;
	return 0;
}

/* --- one device ---------------------------------------------------------------------------- */

/* What mdm-agent-media said of it last; "" if it was not asked. */
static void read_verdict(int root_fd, const struct removable_device *device, char ret_verdict[64])
{
	char record[64];

	snprintf(record, sizeof(record), "b%u:%u", device->major, device->minor);
	(void)udev_property(root_fd, record, "MDM_MEDIA_VERDICT", ret_verdict, 64);
}

static bool disk_is_offline(const struct removable_view *view, size_t i)
{
	char disk[SYSFS_PATH_BYTES];

	removable_disk_path(&view->devices[i], disk);
	for (size_t k = 0; k < view->n_devices; k++)
		if (strcmp(view->devices[k].path, disk) == 0)
			return view->devices[k].offline;
	return false;
}

/* Whether the blocks are as the choice demands; what they are, in words. */
static bool block_is_right(int root_fd, const struct removable_view *view, size_t i,
	char ret_words[LIMIT_TEXT_BYTES + 1])
{
	const struct removable_device *device = &view->devices[i];
	char verdict[64];

	if (disk_is_offline(view, i)) {
		text_printf(ret_words, "offline");
		return true;
	}
	text_printf(ret_words, "%s", device->read_only ? "read-only" : "writable");
	if (view->choice == REMOVABLE_BLOCKED)
		return false;
	if (removable_forbids_plain(view->choice)) {
		read_verdict(root_fd, device, verdict);
		if (strcmp(verdict, "allowed") != 0) {
			detail_add(ret_words, strcmp(verdict, "denied") == 0
						      ? "holds something that is not LUKS"
						      : "not known to hold LUKS only");
			return false;
		}
	}
	return !removable_forbids_writing(view->choice) || device->read_only;
}

static void judge_block(int root_fd, struct removable_view *view, size_t i)
{
	struct observed_item *item = &view->items[i];
	char words[LIMIT_TEXT_BYTES + 1];
	bool right = block_is_right(root_fd, view, i, words);

	text_printf(item->detail, "%s", words);
	if (view->uses[i] == REMOVABLE_SYSTEM) {
		text_printf(item->detail, "the running system lies on it");
	} else if (!right) {
		item->state = COMPLIANCE_NONCOMPLIANT;
		item->reason = REASON_WEAKER;
		if (view->uses[i] == REMOVABLE_IN_USE) {
			text_printf(item->detail,
				"in use since before the policy, left alone so that nothing is "
				"lost: eject it (%.60s)",
				words);
		} else {
			view->n_waiting++;
			detail_add(view->waiting, view->devices[i].name);
		}
	}
}

static void judge(int root_fd, struct removable_view *view, size_t i)
{
	const struct removable_device *device = &view->devices[i];
	struct observed_item *item = &view->items[i];
	char title[128];

	removable_title(root_fd, device, title, sizeof(title));
	text_printf(item->name, "%s%s%.120s%s", device->name, *title ? " (" : "", title,
		*title ? ")" : "");
	item->state = COMPLIANCE_COMPLIANT;
	if (device->kind == REMOVABLE_DISK || device->kind == REMOVABLE_PARTITION)
		judge_block(root_fd, view, i);
	else
		text_printf(item->detail, device->shut ? "shut" : "open");
}

/* --- the whole ----------------------------------------------------------------------------- */

int removable_view_new(int root_fd, struct removable_view **ret_view)
{
	struct removable_view *view = calloc(1, sizeof(*view));
	struct removable_users users;
	int r;

	if (!view)
		return -ENOMEM;
	r = removable_list(root_fd, view->devices, &view->n_devices);
	view->too_many = r == -E2BIG;
	if (r == 0 || view->too_many)
		r = removable_users_read(root_fd, &users);
	if (r < 0) {
		free(view);
		return r;
	}
	for (size_t i = 0; i < view->n_devices; i++)
		view->uses[i] = removable_used(root_fd, &users, &view->devices[i]);
	removable_users_done(&users);
	find_pins(root_fd, view);
	r = read_rules(root_fd, view);
	if (r < 0) {
		free(view);
		return r;
	}
	for (size_t i = 0; i < view->n_devices; i++)
		judge(root_fd, view, i);
	*ret_view = view;
	return 0;
}

void removable_view_free(struct removable_view *view)
{
	free(view);
}

/* Interfaces and cards that are open are told of by their disks. */
static bool is_told(const struct removable_device *device)
{
	return device->kind == REMOVABLE_DISK || device->kind == REMOVABLE_PARTITION ||
	       device->shut;
}

int removable_view_tell(const struct removable_view *view, struct observation *observation)
{
	struct observed_item *items = NULL;
	const struct observed_item *bad = NULL;
	bool in_force = view->rules == REMOVABLE_RULES_RIGHT;
	size_t n = 0;

	if (view->n_devices) {
		items = calloc(view->n_devices, sizeof(*items));
		if (!items)
			return -ENOMEM;
	}
	for (size_t i = 0; i < view->n_devices; i++) {
		if (!is_told(&view->devices[i]))
			continue;
		items[n] = view->items[i];
		if (items[n].state == COMPLIANCE_NONCOMPLIANT && !bad)
			bad = &items[n];
		n++;
	}
	observation_done(observation);
	*observation = (struct observation){
		.state = COMPLIANCE_COMPLIANT,
		.has_value = true,
		.value = {.type = VALUE_CHOICE},
		.enforced = true,
		.items = items,
		.n_items = n,
	};
	observation->value.number =
		in_force && !bad && !view->too_many ? view->choice : REMOVABLE_ANY;
	if (bad || view->too_many || view->rules == REMOVABLE_RULES_OTHER)
		observation->reason = REASON_WEAKER;
	if (bad)
		text_printf(observation->detail, "%.100s: %.140s", bad->name, bad->detail);
	else if (view->too_many)
		text_printf(observation->detail, "more than %d devices are plugged in",
			REMOVABLE_DEVICES_MAX);
	else if (view->rules == REMOVABLE_RULES_OTHER)
		text_printf(observation->detail, "/" REMOVABLE_RULE_PATH " was changed");
	else if (view->rules == REMOVABLE_RULES_NONE)
		text_printf(observation->detail, "no rules of the agent");
	else
		text_printf(observation->detail, "/" REMOVABLE_RULE_PATH);
	return 0;
}
