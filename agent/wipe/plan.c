/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - see plan.h. Pure: no system calls. */
#include "agent/wipe/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/util/codec.h"

const char *const wipe_kind_names[WIPE_KIND_MAX] = {
	[WIPE_KIND_LUKS] = "luks",
	[WIPE_KIND_PLAIN] = "plain",
	[WIPE_KIND_FILES] = "files",
};

const char *const wipe_finish_names[WIPE_FINISH_MAX] = {
	[WIPE_FINISH_NONE] = "none",
	[WIPE_FINISH_POWEROFF] = "poweroff",
	[WIPE_FINISH_REBOOT] = "reboot",
};

static const char first_line[] = "mdm-agent-wipe 1";

#define WORDS_MAX 6
#define LINE_BYTES (LIMIT_WIPE_PATH_BYTES + 128)

struct words {
	char text[LINE_BYTES + 1];
	char *word[WORDS_MAX];
	size_t n;
};

struct reader {
	const char *at, *end;
	struct words words; /* of the current line */
	const char *reason;
};

static bool next_line(struct reader *r)
{
	const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
	struct words *w = &r->words;
	size_t n;

	w->n = 0;
	if (!end) {
		r->reason = "it ends in the middle";
		return false;
	}
	n = (size_t)(end - r->at);
	if (n == 0 || n > LINE_BYTES) {
		r->reason = "a line is empty or too long";
		return false;
	}
	for (size_t i = 0; i < n; i++)
		if (r->at[i] < 0x20 || r->at[i] > 0x7e) {
			r->reason = "a character is not printable ASCII";
			return false;
		}
	memcpy(w->text, r->at, n);
	w->text[n] = 0;
	r->at = end + 1;
	for (char *word = w->text; word;) {
		char *space = strchr(word, ' ');

		if (space)
			*space++ = 0;
		if (!*word || w->n == WORDS_MAX) {
			r->reason = "a line has too many words or spaces";
			return false;
		}
		w->word[w->n++] = word;
		word = space;
	}
	return true;
}

static bool line_is(const struct reader *r, const char *name, size_t n_words)
{
	return r->words.n == n_words && strcmp(r->words.word[0], name) == 0;
}

/* The one text of a number: no sign, no leading zeros. */
static bool read_number(const char *text, uint64_t max, uint64_t *ret)
{
	int64_t value;

	if ((text[0] == '0' && text[1]) || parse_int64(text, 0, (int64_t)max, &value) < 0)
		return false;
	*ret = (uint64_t)value;
	return true;
}

bool wipe_uuid_is_valid(const char *text)
{
	for (size_t i = 0; i < WIPE_UUID_BYTES; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	}
	return !text[WIPE_UUID_BYTES];
}

static bool path_is_valid(const char *path)
{
	size_t n = strlen(path);

	/* The root itself is no directory of a user. */
	if (path[0] != '/' || n < 2 || n > LIMIT_WIPE_PATH_BYTES || path[n - 1] == '/' ||
		strstr(path, "//"))
		return false;
	for (const char *at = path; at; at = strchr(at + 1, '/')) {
		size_t n_part = strcspn(at + 1, "/");

		if ((n_part == 1 && at[1] == '.') || (n_part == 2 && at[1] == '.' && at[2] == '.'))
			return false;
	}
	return true;
}

static bool read_device_number(char *text, struct wipe_device *device)
{
	char *colon = strchr(text, ':');
	uint64_t major, minor;

	if (!colon)
		return false;
	*colon = 0;
	/* As many bits as the kernel's numbers have. */
	if (!read_number(text, 0xfff, &major) || !read_number(colon + 1, 0xfffff, &minor))
		return false;
	device->major = (unsigned int)major;
	device->minor = (unsigned int)minor;
	return true;
}

/* Behind "name=", or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static bool read_uuid(const char *word, struct wipe_device *device)
{
	const char *value = value_of(word, "uuid");

	if (!value || !wipe_uuid_is_valid(value))
		return false;
	memcpy(device->uuid, value, sizeof(device->uuid));
	return true;
}

static bool read_identity(struct words *w, struct wipe_device *device)
{
	const char *value;

	switch (device->kind) {
	case WIPE_KIND_LUKS:
		return w->n == 5 && read_uuid(w->word[4], device);
	case WIPE_KIND_PLAIN:
		return w->n == 6 && (value = value_of(w->word[4], "size")) &&
		       read_number(value, INT64_MAX, &device->size_bytes) &&
		       device->size_bytes > 0 &&
		       (strcmp(w->word[5], "uuid=-") == 0 || read_uuid(w->word[5], device));
	case WIPE_KIND_FILES:
		return w->n == 5 && (value = value_of(w->word[4], "inode")) &&
		       read_number(value, INT64_MAX, &device->inode) && device->inode > 0;
	case WIPE_KIND_MAX:
		break;
	}
	return false;
}

static bool read_device(struct reader *r, struct wipe_plan *plan)
{
	struct words *w = &r->words;
	struct wipe_device device = {.kind = WIPE_KIND_MAX};

	if (plan->n_devices == LIMIT_WIPE_DEVICES) {
		r->reason = "it has too many devices";
		return false;
	}
	r->reason = "a device line is not understood";
	if (w->n < 5)
		return false;
	for (size_t i = 0; i < WIPE_KIND_MAX; i++)
		if (strcmp(w->word[1], wipe_kind_names[i]) == 0)
			device.kind = (enum wipe_kind)i;
	if (device.kind == WIPE_KIND_MAX || !read_device_number(w->word[2], &device) ||
		!path_is_valid(w->word[3]) || !read_identity(w, &device))
		return false;
	memcpy(device.path, w->word[3], strlen(w->word[3]) + 1);
	for (size_t i = 0; i < plan->n_devices; i++)
		if (strcmp(plan->devices[i].path, device.path) == 0) {
			r->reason = "a path stands in it twice";
			return false;
		}
	plan->devices[plan->n_devices++] = device;
	return true;
}

static bool read_tpm(struct reader *r, struct wipe_plan *plan)
{
	uint8_t handle[4];

	r->reason = "a tpm line is not understood";
	if (plan->n_tpm_handles == LIMIT_WIPE_TPM_HANDLES)
		return false;
	/* Persistent objects of the owner: TPM 2.0 Library, part 2, 7.4. */
	if (hex_decode(r->words.word[1], handle, sizeof(handle)) < 0 || handle[0] != 0x81)
		return false;
	plan->tpm_handles[plan->n_tpm_handles++] = (uint32_t)handle[0] << 24 |
						   (uint32_t)handle[1] << 16 |
						   (uint32_t)handle[2] << 8 | handle[3];
	return true;
}

/* What stands before the devices. The line after it is the current one then. */
static bool read_head(struct reader *r, struct wipe_plan *plan)
{
	uint64_t linger;

	if (!next_line(r) || strcmp(r->words.word[0], "mdm-agent-wipe") != 0 || r->words.n != 2 ||
		strcmp(r->words.word[1], "1") != 0) {
		r->reason = "it is no plan of this version";
		return false;
	}
	if (!next_line(r) || !line_is(r, "id", 2) || !name_is_valid(r->words.word[1])) {
		r->reason = "its second line is no id";
		return false;
	}
	memcpy(plan->id, r->words.word[1], strlen(r->words.word[1]) + 1);
	plan->finish = WIPE_FINISH_MAX;
	if (next_line(r) && line_is(r, "finish", 2))
		for (size_t i = 0; i < WIPE_FINISH_MAX; i++)
			if (strcmp(r->words.word[1], wipe_finish_names[i]) == 0)
				plan->finish = (enum wipe_finish)i;
	if (plan->finish == WIPE_FINISH_MAX) {
		r->reason = "its third line does not say how it ends";
		return false;
	}
	if (!next_line(r))
		return false;
	if (line_is(r, "linger", 2)) {
		r->reason = "the time that it lingers is out of bounds";
		if (!read_number(r->words.word[1], LIMIT_WIPE_LINGER_SECONDS, &linger) ||
			linger == 0 || !next_line(r))
			return false;
		plan->linger_s = (unsigned int)linger;
	}
	if (line_is(r, "test", 1)) {
		plan->test = true;
		return next_line(r);
	}
	return true;
}

static bool read_plan(struct reader *r, struct wipe_plan *plan)
{
	if (!read_head(r, plan))
		return false;
	while (strcmp(r->words.word[0], "device") == 0)
		if (!read_device(r, plan) || !next_line(r))
			return false;
	while (line_is(r, "tpm", 2))
		if (!read_tpm(r, plan) || !next_line(r))
			return false;
	if (!line_is(r, "end", 1) || r->at != r->end) {
		r->reason = "a line is not understood, or stands in the wrong place";
		return false;
	}
	if (plan->n_devices == 0) {
		r->reason = "it has no device";
		return false;
	}
	if (plan->test && (plan->finish != WIPE_FINISH_NONE || plan->n_tpm_handles > 0)) {
		r->reason = "a test neither ends the system nor has a TPM";
		return false;
	}
	return true;
}

int wipe_plan_parse(
	const char *text, size_t n_bytes, struct wipe_plan *ret_plan, const char **ret_reason)
{
	struct reader r = {.at = text, .end = text + n_bytes};
	struct wipe_plan plan = {0};

	if (n_bytes > LIMIT_WIPE_PLAN_BYTES) {
		*ret_reason = "it is too long";
		return -EBADMSG;
	}
	if (!read_plan(&r, &plan)) {
		*ret_reason = r.reason;
		return -EBADMSG;
	}
	*ret_plan = plan;
	return 0;
}

static void write_device(const struct wipe_device *device, struct buf *out)
{
	buf_printf(out, "device %s %u:%u %s ", wipe_kind_names[device->kind], device->major,
		device->minor, device->path);
	switch (device->kind) {
	case WIPE_KIND_LUKS:
		buf_printf(out, "uuid=%s\n", device->uuid);
		break;
	case WIPE_KIND_PLAIN:
		buf_printf(out, "size=%" PRIu64 " uuid=%s\n", device->size_bytes,
			device->uuid[0] ? device->uuid : "-");
		break;
	case WIPE_KIND_FILES:
		buf_printf(out, "inode=%" PRIu64 "\n", device->inode);
		break;
	case WIPE_KIND_MAX:
		break;
	}
}

void wipe_plan_write(const struct wipe_plan *plan, struct buf *out)
{
	buf_printf(out, "%s\nid %s\nfinish %s\n", first_line, plan->id,
		wipe_finish_names[plan->finish]);
	if (plan->linger_s)
		buf_printf(out, "linger %u\n", plan->linger_s);
	if (plan->test)
		buf_puts(out, "test\n");
	for (size_t i = 0; i < plan->n_devices; i++)
		write_device(&plan->devices[i], out);
	for (size_t i = 0; i < plan->n_tpm_handles; i++)
		buf_printf(out, "tpm %08" PRIx32 "\n", plan->tpm_handles[i]);
	buf_puts(out, "end\n");
}
