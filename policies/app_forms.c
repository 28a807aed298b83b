/* SPDX-License-Identifier: Apache-2.0 */
/*
 * app_forms.c - what texts in the settings of apps look like; see app_forms.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by the tools. Each form has an
 * expression for the schema as well, which may let more through but never less.
 */
#include "policies/app_forms.h"

#include <errno.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/limits.h"
#include "policies/apps.h"

/* Of the ID of a Flatpak, which is a name of D-Bus. */
#define FLATPAK_ID_BYTES 255
#define FILE_NAME_BYTES 255

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and those of more, the first of which must be a letter or digit or '_'. */
static bool word_is_valid(const char *text, size_t n_bytes, const char *more)
{
	for (size_t i = 0; i < n_bytes; i++) {
		char c = text[i];

		if (!is_letter(c) && !is_digit(c) && c != '_' &&
			(i == 0 || c == 0 || !strchr(more, c)))
			return false;
	}
	return n_bytes > 0;
}

bool app_package_name_is_valid(const char *text, size_t n_bytes)
{
	return word_is_valid(text, n_bytes, "+.-");
}

/* At least three elements; only the last may have '-', none begins with a digit. */
static bool flatpak_id_is_valid(const char *text, size_t n_bytes)
{
	size_t n_dots = 0;
	bool at_start = true, has_dash = false;

	for (size_t i = 0; i < n_bytes; i++) {
		char c = text[i];

		if (c == '.') {
			if (at_start || has_dash)
				return false;
			n_dots++;
			at_start = true;
			continue;
		}
		has_dash |= c == '-';
		if (!is_letter(c) && c != '_' && (at_start || (!is_digit(c) && c != '-')))
			return false;
		at_start = false;
	}
	return n_dots >= 2 && !at_start && n_bytes <= FLATPAK_ID_BYTES;
}

static const char flatpak_prefix[] = "flatpak:";

bool app_flatpak_read(const char *required, struct app_flatpak_name *ret_name)
{
	const char *slash;

	if (strncmp(required, flatpak_prefix, strlen(flatpak_prefix)) != 0)
		return false;
	required += strlen(flatpak_prefix);
	slash = strchr(required, '/');
	if (!slash)
		return false;
	*ret_name = (struct app_flatpak_name){required, (size_t)(slash - required), slash + 1};
	return true;
}

static void required_pattern(const char *required, struct buf *out)
{
	struct app_flatpak_name flatpak;

	if (app_flatpak_read(required, &flatpak))
		buf_printf(out, "flatpak:%s remote:%.*s", flatpak.id, (int)flatpak.n_remote,
			flatpak.remote);
	else
		buf_puts(out, required);
}

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Texts, each ended by NUL, sorted and joined to one list; each once. */
static int list_join(const struct buf *texts, size_t n_texts, struct buf *out)
{
	_cleanup_free_ char **sorted = calloc(n_texts ? n_texts : 1, sizeof(*sorted));
	char *at = texts->data;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n_texts; i++, at += strlen(at) + 1)
		sorted[i] = at;
	qsort(sorted, n_texts, sizeof(*sorted), compare_texts);
	buf_puts(out, "");
	for (size_t i = 0; i < n_texts; i++)
		if (i == 0 || strcmp(sorted[i - 1], sorted[i]) != 0)
			buf_printf(out, "%s%s", i ? "\n" : "", sorted[i]);
	return out->error;
}

int app_list_add_required(struct value *allowed, const struct string_set *required)
{
	_cleanup_buf_ struct buf texts = BUF_INIT, joined = BUF_INIT;
	const char *list = allowed->set.strings[0], *text;
	size_t n_texts = 0, n;
	char *owned;
	int r;

	for (; value_list_next(&list, &text, &n); n_texts++) {
		buf_append(&texts, text, n);
		buf_append(&texts, "", 1);
	}
	for (size_t i = 0; i < required->n_strings; i++, n_texts++) {
		required_pattern(required->strings[i], &texts);
		buf_append(&texts, "", 1);
	}
	if (texts.error)
		return texts.error;
	r = list_join(&texts, n_texts, &joined);
	if (r == 0)
		r = buf_take(&joined, &owned, &n);
	if (r < 0)
		return r;
	free(allowed->set.strings[0]);
	allowed->set.strings[0] = owned;
	return 0;
}

static bool required_is_valid(const char *text, size_t n_bytes, const char **ret_why)
{
	size_t n_prefix = strlen(flatpak_prefix);
	const char *slash;

	if (n_bytes <= n_prefix || memcmp(text, flatpak_prefix, n_prefix) != 0) {
		if (app_package_name_is_valid(text, n_bytes))
			return true;
		*ret_why = "must be the name of a package, without version, or "
			   "flatpak:REMOTE/ID";
		return false;
	}
	text += n_prefix;
	n_bytes -= n_prefix;
	slash = memchr(text, '/', n_bytes);
	if (slash && word_is_valid(text, (size_t)(slash - text), ".-") &&
		flatpak_id_is_valid(slash + 1, n_bytes - (size_t)(slash + 1 - text)))
		return true;
	*ret_why = "must be flatpak:REMOTE/ID, such as flatpak:flathub/org.gnome.Maps";
	return false;
}

static size_t skip_digits(const char *text, size_t n_bytes, size_t at)
{
	while (at < n_bytes && is_digit(text[at]))
		at++;
	return at;
}

/* Behind "_alpha", "_p3" and the like at the place; the place itself if there is none. */
static size_t skip_suffix(const char *text, size_t n_bytes, size_t at)
{
	static const char *const suffixes[] = {
		"alpha", "beta", "cvs", "git", "hg", "pre", "rc", "svn", "p"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		size_t n = strlen(suffixes[i]);

		if (n_bytes - at > n && text[at] == '_' &&
			memcmp(text + at + 1, suffixes[i], n) == 0)
			return skip_digits(text, n_bytes, at + 1 + n);
	}
	return at;
}

/* Versions of apk: 1.2.3a_rc1_p2~0123abcd-r4; all but the first number may be missing. */
static bool version_is_valid(const char *text, size_t n_bytes)
{
	size_t at = skip_digits(text, n_bytes, 0), next;

	if (at == 0 || n_bytes > LIMIT_NAME_BYTES)
		return false;
	while (at + 1 < n_bytes && text[at] == '.' && is_digit(text[at + 1]))
		at = skip_digits(text, n_bytes, at + 1);
	if (at < n_bytes && text[at] >= 'a' && text[at] <= 'z')
		at++;
	while ((next = skip_suffix(text, n_bytes, at)) != at)
		at = next;
	if (at + 1 < n_bytes && text[at] == '~') {
		next = at + 1;
		while (next < n_bytes &&
			(is_digit(text[next]) || (text[next] >= 'a' && text[next] <= 'f')))
			next++;
		at = next > at + 1 ? next : at;
	}
	if (at + 2 < n_bytes && text[at] == '-' && text[at + 1] == 'r' && is_digit(text[at + 2]))
		at = skip_digits(text, n_bytes, at + 2);
	return at == n_bytes;
}

const char *app_pin_version(const char *pinned, size_t *ret_n_name)
{
	size_t n = strcspn(pinned, "=");

	*ret_n_name = n;
	return pinned + n + (pinned[n] == '=');
}

static bool pinned_is_valid(const char *text, size_t n_bytes, const char **ret_why)
{
	const char *sign = memchr(text, '=', n_bytes);
	size_t n_name = sign ? (size_t)(sign - text) : 0;

	if (sign && app_package_name_is_valid(text, n_name) &&
		version_is_valid(sign + 1, n_bytes - n_name - 1))
		return true;
	*ret_why = "must be NAME=VERSION, such as vim=9.1.0-r0";
	return false;
}

/* An address behind one of the beginnings, without spaces; control characters never get here. */
static bool address_is_valid(const char *text, size_t n_bytes, const char *const *beginnings)
{
	if (memchr(text, ' ', n_bytes))
		return false;
	for (; *beginnings; beginnings++) {
		size_t n = strlen(*beginnings);

		if (n_bytes > n && memcmp(text, *beginnings, n) == 0 &&
			(text[n] != '/' || (*beginnings)[0] == '/'))
			return true;
	}
	return false;
}

static bool repository_is_valid(const char *text, size_t n_bytes, const char **ret_why)
{
	static const char *const beginnings[] = {"https://", "http://", "/", NULL};

	*ret_why = "must be an address with http:// or https://, or the path of a directory";
	return address_is_valid(text, n_bytes, beginnings);
}

static bool remote_is_valid(const char *text, size_t n_bytes, const char **ret_why)
{
	static const char *const beginnings[] = {
		"https://", "http://", "oci+https://", "oci+http://", "file:///", "/", NULL};

	*ret_why = "must be an address with http://, https:// or file://, or a path";
	return address_is_valid(text, n_bytes, beginnings);
}

static bool signing_key_is_valid(const char *text, size_t n_bytes, const char **ret_why)
{
	bool ok = n_bytes == 64;

	for (size_t i = 0; ok && i < n_bytes; i++)
		ok = is_digit(text[i]) || (text[i] >= 'a' && text[i] <= 'f');
	*ret_why = "must be a SHA-256 of 64 lower-case hexadecimal digits";
	return ok;
}

static bool desktop_file_is_valid(const char *text, size_t n_bytes, const char **ret_why)
{
	static const char ending[] = ".desktop";
	size_t n = strlen(ending);

	*ret_why = "must be the name of a desktop file, such as org.gnome.Maps.desktop";
	return n_bytes > n && n_bytes <= FILE_NAME_BYTES && text[0] != '.' &&
	       !memchr(text, '/', n_bytes) && memcmp(text + n_bytes - n, ending, n) == 0;
}

static bool hour_is_valid(const char *text, size_t n_bytes, const char **ret_why)
{
	*ret_why = "must be an hour of two digits, from 00 to 23";
	return n_bytes == 2 && is_digit(text[0]) && is_digit(text[1]) &&
	       (text[0] - '0') * 10 + (text[1] - '0') < 24;
}

#define GLOB "[A-Za-z0-9+_.*?-]+"
#define NAME "[A-Za-z0-9_][A-Za-z0-9_+.-]*"

const struct value_form app_form_pattern = {app_pattern_is_valid,
	"^(?:(?:(?:name|origin|repository):)?" GLOB "(?: (?:(?:name|origin|repository):)?" GLOB
	"){0,2}|(?:flatpak|remote):" GLOB "(?: (?:flatpak|remote):" GLOB
	")?|sha256:[0-9a-f]{64})$"};
const struct value_form app_form_required = {required_is_valid,
	"^(?:" NAME "|flatpak:[A-Za-z0-9_][A-Za-z0-9_.-]*/"
	"[A-Za-z_][A-Za-z0-9_]*(?:\\.[A-Za-z_][A-Za-z0-9_]*)+\\.[A-Za-z_][A-Za-z0-9_-]*)$"};
const struct value_form app_form_pinned = {pinned_is_valid,
	"^" NAME "=[0-9]+(?:\\.[0-9]+)*[a-z]?(?:_(?:alpha|beta|cvs|git|hg|pre|rc|svn|p)[0-9]*)*"
	"(?:~[0-9a-f]+)?(?:-r[0-9]+)?$"};
const struct value_form app_form_repository = {
	repository_is_valid, "^(?:https?://[^ /][^ ]*|/[^ ]+)$"};
const struct value_form app_form_signing_key = {signing_key_is_valid, "^[0-9a-f]{64}$"};
const struct value_form app_form_remote = {
	remote_is_valid, "^(?:(?:oci\\+)?https?://[^ /][^ ]*|file:///[^ /][^ ]*|/[^ ]+)$"};
const struct value_form app_form_desktop_file = {desktop_file_is_valid, "^[^./][^/]*\\.desktop$"};
const struct value_form app_form_hour = {hour_is_valid, "^(?:[01][0-9]|2[0-3])$"};
