/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: enforcer */
/*
 * fuzz_apps_section.c - what phone and server keep of apps, of arbitrary bytes: state files of the
 * phone (the digest line is made to fit), and the server's putting together of what it holds and
 * what it is sent. What is taken is within bounds and the same when it is written and read again;
 * what is put together is JSON; and what the phone says of two lists makes the second of the first.
 *
 * First byte: what the rest is. 0: the file "reports/apps", without its last line. 1: the file
 * "apps-base", likewise. 2: a body, LF, a delta. 3: names of apps before, LF, names of now.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/apps_record.h"
#include "agent/enforcer/apps_section.h"
#include "agent/enforcer/state_text.h"
#include "server/apps_merge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void expect(bool condition)
{
	if (!condition)
		abort();
}

static void check_section(struct buf *text)
{
	_cleanup_apps_section_ struct apps_section section = {0}, again = {0};
	_cleanup_buf_ struct buf file = BUF_INIT;

	expect(state_text_close(text) == 0);
	if (apps_section_load(text->data, text->n_bytes, &section) < 0) {
		expect(!section.starts && !section.text.data);
		return;
	}
	expect(section.n_apps <= LIMIT_APPS + LIMIT_APPS_FOUND);
	expect(section.text.n_bytes <= LIMIT_APPS_SECTION_BYTES);
	expect(apps_section_save(&section, &file) == 0);
	expect(file.n_bytes == text->n_bytes && memcmp(file.data, text->data, file.n_bytes) == 0);
	expect(apps_section_load(file.data, file.n_bytes, &again) == 0);
	expect(strcmp(again.digest, section.digest) == 0);
}

static void check_record(struct buf *text)
{
	_cleanup_buf_ struct buf lines = BUF_INIT, again = BUF_INIT;

	expect(state_text_close(text) == 0);
	if (apps_record_parse(text->data, text->n_bytes, &lines) < 0) {
		expect(!lines.data);
		return;
	}
	expect(apps_record_count(&lines) <= LIMIT_APK_PACKAGES);
	expect(apps_record_write(lines.data, lines.n_bytes, &again) == 0);
	expect(again.n_bytes == text->n_bytes &&
		memcmp(again.data, text->data, again.n_bytes) == 0);
}

static void check_merge(const char *text, size_t n_bytes)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *end = memchr(text, '\n', n_bytes);
	struct span held, delta, merged;
	char from[APPS_DIGEST_LENGTH + 1];

	if (!end || json_check(text, (size_t)(end - text), &held) < 0 ||
		json_check(end + 1, n_bytes - (size_t)(end + 1 - text), &delta) < 0)
		return;
	if (apps_delta_from(delta, from) == 0)
		expect(strlen(from) == APPS_DIGEST_LENGTH);
	if (apps_merge(held, delta, &out) < 0)
		return;
	expect(out.n_bytes <= LIMIT_REPORT_BYTES);
	expect(json_check(out.data, out.n_bytes, &merged) == 0 && json_is_object(merged));
	expect(json_member(merged, "apps", &held) == 0 && json_is_array(held));
}

/* Each byte is the name of an app. */
static void section_of(const char *text, size_t n_bytes, struct apps_section *ret_section)
{
	struct apps_about about = {.manager = "apk", .n_packages = n_bytes};
	struct app *apps = calloc(n_bytes + 1, sizeof(*apps));
	struct apps_entry *entries = calloc(n_bytes + 1, sizeof(*entries));
	char(*names)[2] = calloc(n_bytes + 1, sizeof(*names));

	expect(apps && entries && names);
	for (size_t i = 0; i < n_bytes; i++) {
		names[i][0] = text[i];
		apps[i] = (struct app){APP_FLATPAK, names[i], "1", "", "", "", "", "", ""};
		entries[i] = (struct apps_entry){&apps[i], -1};
	}
	expect(apps_section_make(&about, entries, n_bytes, ret_section) == 0);
	free(apps);
	free(entries);
	free(names);
}

static void check_change(const char *text, size_t n_bytes)
{
	_cleanup_apps_section_ struct apps_section from = {0}, to = {0};
	_cleanup_buf_ struct buf held = BUF_INIT, wanted = BUF_INIT, delta = BUF_INIT,
				 out = BUF_INIT;
	const char *end = memchr(text, '\n', n_bytes);
	struct span a, b;

	if (!end)
		return;
	section_of(text, (size_t)(end - text), &from);
	section_of(end + 1, n_bytes - (size_t)(end + 1 - text), &to);
	apps_section_write(&from, &held);
	apps_section_write(&to, &wanted);
	apps_section_write_delta(&from, &to, &delta);
	expect(json_check(held.data, held.n_bytes, &a) == 0);
	expect(json_check(delta.data, delta.n_bytes, &b) == 0);
	expect(apps_update(&(struct apps_held){from.digest, a}, to.digest, b, &out) == 0);
	expect(strcmp(out.data, wanted.data) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (n_bytes < 1)
		return 0;
	buf_append(&text, data + 1, n_bytes - 1);
	expect(!text.error);
	switch (data[0] & 3) {
	case 0:
		check_section(&text);
		break;
	case 1:
		check_record(&text);
		break;
	case 2:
		check_merge(text.data, text.n_bytes);
		break;
	default:
		check_change(text.data, text.n_bytes);
	}
	return 0;
}
