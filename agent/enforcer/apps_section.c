/* SPDX-License-Identifier: Apache-2.0 */
/* apps_section.c - the report's section "apps" as text; see apps_section.h. Pure; enforcer. */
#include "agent/enforcer/apps_section.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "agent/util/limits.h"

#define SECTION_HEAD "{\"v\":1,\"about\":"
#define SECTION_LIST ",\"apps\":["
#define SECTION_END "]}"
#define SECTION_FILE "mdm-agent-apps 1"
/* Of "left_out", should it be needed. */
#define SECTION_SPARE_BYTES 64
/* Lines of state files are below 1024 bytes. */
#define SECTION_LINE_BYTES 1000

void apps_section_done(struct apps_section *section)
{
	buf_done(&section->text);
	free(section->starts);
	*section = (struct apps_section){0};
}

static const char *section_line(const struct apps_section *section, size_t i)
{
	return section->text.data + section->starts[i];
}

/* --- one app ----------------------------------------------------------------------------- */

/* At most max_bytes, not cut inside of a character; what would steer a terminal is no name. */
static void entry_text(struct jsonw *w, const char *name, const char *text, size_t max_bytes)
{
	char clean[LIMIT_TEXT_BYTES];
	size_t n = text ? strnlen(text, max_bytes + 1) : 0;

	if (n > max_bytes)
		for (n = max_bytes; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
			n--;
	for (size_t i = 0; i < n; i++)
		clean[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : text[i];
	if (n)
		jsonw_text(w, name, clean, n);
}

#define ENTRY_NAME_BYTES (LIMIT_TEXT_BYTES - 1) /* as long as a file's name can be */
#define ENTRY_TITLE_BYTES 96
#define ENTRY_FLAGS_BYTES 128 /* numbers and truths of one app */

/*
 * The path of a program in a home says more about people than about the program: names of folders
 * are left out, and whose home it is.
 */
static const char *entry_name(const struct app *app)
{
	const char *slash = app->kind == APP_FILE ? strrchr(app->name, '/') : NULL;

	return slash ? slash + 1 : app->name;
}

static void entry_details(struct jsonw *w, const struct app *app)
{
	bool is_package = app->kind == APP_PACKAGE;

	entry_text(w, "version", app->version, LIMIT_NAME_BYTES);
	if (is_package && strcmp(app->origin, app->name) != 0)
		entry_text(w, "origin", app->origin, LIMIT_NAME_BYTES);
	entry_text(w, "source", is_package ? app->repository : app->remote, LIMIT_NAME_BYTES);
	entry_text(w, "title", app->title, ENTRY_TITLE_BYTES);
	entry_text(w, "sha256", app->sha256, LIMIT_NAME_BYTES);
}

void apps_entry_write(struct jsonw *w, const struct apps_entry *entry)
{
	_cleanup_buf_ struct buf details = BUF_INIT;
	struct jsonw w_details = {.out = &details, .comma = true};
	const struct app *app = entry->app;
	size_t begin = w->out->n_bytes;

	jsonw_string(w, "kind", app_kind_name(app->kind));
	entry_text(w, "name", entry_name(app), ENTRY_NAME_BYTES);
	entry_details(&w_details, app);
	/* Texts that do not fit are no versions and titles. */
	if (w->out->n_bytes - begin + details.n_bytes < SECTION_LINE_BYTES - ENTRY_FLAGS_BYTES)
		buf_append(w->out, details.data ? details.data : "", details.n_bytes);
	if (details.error && !w->out->error)
		w->out->error = details.error;
	if (entry->uid >= 0)
		jsonw_int(w, "user", entry->uid);
	if (app->size_kib)
		jsonw_int(w, "size_kib",
			app->size_kib > INT64_MAX ? INT64_MAX : (int64_t)app->size_kib);
	if (app->is_explicit)
		jsonw_bool(w, "explicit", true);
	if (app->is_base)
		jsonw_bool(w, "base", true);
	if (app->is_shown)
		jsonw_bool(w, "shown", true);
}

/* --- making ------------------------------------------------------------------------------ */

static void section_about(const struct apps_about *about, size_t n_left_out, struct buf *out)
{
	struct jsonw w = JSONW_INIT(out);

	jsonw_object(&w, NULL);
	jsonw_string(&w, "manager", about->manager);
	jsonw_int(&w, "packages", (int64_t)about->n_packages);
	jsonw_int(&w, "base", (int64_t)about->n_base);
	jsonw_int(&w, "found", (int64_t)about->n_found);
	if (about->found_is_cut)
		jsonw_bool(&w, "found_more", true);
	if (n_left_out)
		jsonw_int(&w, "left_out", (int64_t)n_left_out);
	jsonw_object_end(&w);
	buf_append(out, "", 1);
}

/* Lines in a buffer, in the order of their bytes. */
struct sorted {
	const char *line;
};

static int section_compare(const void *a, const void *b)
{
	return strcmp(((const struct sorted *)a)->line, ((const struct sorted *)b)->line);
}

/* Every app as a line; n_lines of them, behind one another. */
static void section_lines(
	const struct apps_entry *entries, size_t n_entries, struct buf *lines, size_t *ret_n)
{
	size_t n = 0;

	for (; n < n_entries && n < LIMIT_APPS + LIMIT_APPS_FOUND; n++) {
		struct jsonw w = JSONW_INIT(lines);

		jsonw_object(&w, NULL);
		apps_entry_write(&w, &entries[n]);
		jsonw_object_end(&w);
		buf_append(lines, "", 1);
	}
	*ret_n = n;
}

static int section_digest(struct apps_section *section)
{
	_cleanup_buf_ struct buf whole = BUF_INIT;
	char digits[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];

	apps_section_write(section, &whole);
	if (whole.error)
		return whole.error;
	if (sha256(whole.data, whole.n_bytes, digest) < 0)
		return -EIO;
	hex_encode(digest, sizeof(digest), digits);
	memcpy(section->digest, digits, APPS_SECTION_DIGEST);
	section->digest[APPS_SECTION_DIGEST] = 0;
	return 0;
}

/* As many of the sorted lines as have room; about says how many have not. */
static int section_fill(struct apps_section *section, const struct apps_about *about,
	const struct sorted *sorted, size_t n_sorted, size_t n_more)
{
	size_t n_bytes = strlen(SECTION_HEAD SECTION_LIST SECTION_END) + SECTION_SPARE_BYTES;
	size_t n = 0;

	n_more += about->n_left_out;
	section_about(about, n_more, &section->text);
	n_bytes += section->text.n_bytes;
	while (n < n_sorted && n_bytes + strlen(sorted[n].line) < LIMIT_APPS_SECTION_BYTES)
		n_bytes += strlen(sorted[n++].line) + 1;
	if (n < n_sorted) {
		buf_reset(&section->text);
		section_about(about, n_sorted - n + n_more, &section->text);
	}
	section->starts = calloc(n + 1, sizeof(*section->starts));
	if (!section->starts)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		section->starts[i] = (uint32_t)section->text.n_bytes;
		buf_append(&section->text, sorted[i].line, strlen(sorted[i].line) + 1);
	}
	section->n_apps = n;
	return section->text.error ? section->text.error : section_digest(section);
}

int apps_section_make(const struct apps_about *about, const struct apps_entry *entries,
	size_t n_entries, struct apps_section *ret_section)
{
	_cleanup_apps_section_ struct apps_section section = {0};
	_cleanup_free_ struct sorted *sorted = NULL;
	_cleanup_buf_ struct buf lines = BUF_INIT;
	const char *line;
	size_t n = 0;
	int r;

	section_lines(entries, n_entries, &lines, &n);
	if (lines.error)
		return lines.error;
	sorted = calloc(n + 1, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	line = lines.data;
	for (size_t i = 0; i < n; i++, line += strlen(line) + 1)
		sorted[i].line = line;
	qsort(sorted, n, sizeof(*sorted), section_compare);
	r = section_fill(&section, about, sorted, n, n_entries - n);
	if (r < 0)
		return r;
	*ret_section = section;
	section = (struct apps_section){0};
	return 0;
}

/* --- texts ------------------------------------------------------------------------------- */

void apps_section_write(const struct apps_section *section, struct buf *out)
{
	buf_puts(out, SECTION_HEAD);
	buf_puts(out, section->text.data);
	buf_puts(out, SECTION_LIST);
	for (size_t i = 0; i < section->n_apps; i++) {
		if (i)
			buf_puts(out, ",");
		buf_puts(out, section_line(section, i));
	}
	buf_puts(out, SECTION_END);
}

/* Where two sorted lists stand against each other: below 0, the line of "from" is not in "to". */
static int section_order(
	const struct apps_section *from, size_t i, const struct apps_section *to, size_t j)
{
	if (i == from->n_apps)
		return 1;
	if (j == to->n_apps)
		return -1;
	return strcmp(section_line(from, i), section_line(to, j));
}

void apps_section_write_delta(
	const struct apps_section *from, const struct apps_section *to, struct buf *out)
{
	_cleanup_buf_ struct buf put = BUF_INIT;
	struct jsonw w = JSONW_INIT(out), w_put = JSONW_INIT(&put);
	size_t i = 0, j = 0;

	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "from", from->digest);
	jsonw_raw(&w, "about", to->text.data, strlen(to->text.data));
	jsonw_array(&w, "gone");
	while (i < from->n_apps || j < to->n_apps) {
		int order = section_order(from, i, to, j);

		if (order > 0) {
			const char *line = section_line(to, j);

			jsonw_raw(&w_put, NULL, line, strlen(line));
		} else if (order < 0) {
			jsonw_int(&w, NULL, (int64_t)i);
		}
		i += order <= 0;
		j += order >= 0;
	}
	jsonw_array_end(&w);
	buf_append(&put, "", 0);
	jsonw_array(&w, "put");
	buf_append(out, put.data ? put.data : "", put.n_bytes);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	if (put.error && !out->error)
		out->error = put.error;
}

/* --- the state file ---------------------------------------------------------------------- */

int apps_section_save(const struct apps_section *section, struct buf *out)
{
	buf_puts(out, SECTION_FILE "\n");
	buf_puts(out, section->text.data);
	buf_puts(out, "\n");
	for (size_t i = 0; i < section->n_apps; i++) {
		buf_puts(out, section_line(section, i));
		buf_puts(out, "\n");
	}
	return state_text_close(out);
}

struct section_load {
	struct apps_section *section;
	bool has_about;
};

static int section_take(char *line, void *userdata)
{
	struct section_load *load = userdata;
	struct apps_section *section = load->section;
	size_t n = strlen(line);

	if (n < 2 || line[0] != '{' || line[n - 1] != '}' || !text_is_valid(line, n))
		return -EBADMSG;
	if (section->text.n_bytes + n + 1 > LIMIT_APPS_SECTION_BYTES)
		return -EBADMSG;
	if (load->has_about) {
		if (section->n_apps == LIMIT_APPS + LIMIT_APPS_FOUND)
			return -EBADMSG;
		section->starts[section->n_apps] = (uint32_t)section->text.n_bytes;
	}
	buf_append(&section->text, line, n + 1);
	if (section->text.error)
		return section->text.error;
	if (!load->has_about) {
		load->has_about = true;
		return 0;
	}
	section->n_apps++;
	if (section->n_apps > 1 && strcmp(section_line(section, section->n_apps - 2),
					   section_line(section, section->n_apps - 1)) > 0)
		return -EBADMSG;
	return 0;
}

int apps_section_load(const char *text, size_t n_bytes, struct apps_section *ret_section)
{
	_cleanup_apps_section_ struct apps_section section = {0};
	struct section_load load = {.section = &section};
	uint32_t *fitting;
	int r;

	section.starts = calloc(LIMIT_APPS + LIMIT_APPS_FOUND, sizeof(*section.starts));
	if (!section.starts)
		return -ENOMEM;
	r = state_text_parse(text, n_bytes, SECTION_FILE, section_take, &load);
	if (r == 0 && !load.has_about)
		r = -EBADMSG;
	if (r == 0)
		r = section_digest(&section);
	if (r < 0)
		return r;
	fitting = realloc(section.starts, (section.n_apps + 1) * sizeof(*section.starts));
	if (fitting)
		section.starts = fitting;
	*ret_section = section;
	section = (struct apps_section){0};
	return 0;
}
