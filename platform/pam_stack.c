/* SPDX-License-Identifier: Apache-2.0 */
/* pam_stack.c - our lines in PAM service files; see pam_stack.h. Pure. Enforcer only. */
#include "platform/pam_stack.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/digest.h"
#include "platform/pam_lines.h"

#define OUR_MODULE "pam_mdm.so"
#define UNIX_MODULE "pam_unix.so"
#define USE_AUTHTOK "use_authtok"

/* One of our lines is one of these comments and what follows it. They are told by their bytes. */
#define MARK_HEAD                                                                                  \
	"# mdm-agent: keeps " OUR_MODULE " in front of " UNIX_MODULE                               \
	" here while the phone is managed\n"
#define MARK_VENDOR "# mdm-agent: made of "
#define MARK_LINE "# mdm-agent: the next line\n"
#define MARK_LINE_AND_TOKEN "# mdm-agent: the next line, and " USE_AUTHTOK " in the one behind it\n"
/*
 * A module that cannot be loaded counts as one that says PAM_IGNORE; the dash keeps libpam from
 * writing about it. What a sufficient line in front decided stays decided.
 */
#define OUR_CONTROL                                                                                \
	"[success=ignore ignore=ignore open_err=ignore symbol_err=ignore module_unknown=ignore "   \
	"default=die]"
#define AUTH_LINE "-auth\t" OUR_CONTROL "\t" OUR_MODULE "\n"
#define PASSWORD_LINE "-password\t" OUR_CONTROL "\t" OUR_MODULE "\n"

/* Old libpam has room for 1024 bytes of one line. */
#define PAM_LINE_BYTES 1000

static bool type_is_ours(enum pam_type type)
{
	return type == PAM_TYPE_AUTH || type == PAM_TYPE_PASSWORD;
}

/* Whether the line belongs to what is done for type. */
static bool line_is_of(const struct pam_line *line, enum pam_type type)
{
	return line->type == type || line->type == PAM_TYPE_ALL;
}

static bool line_asks(const char *text, const struct pam_line *line)
{
	return type_is_ours(line->type) && pam_line_has_module(text, line, UNIX_MODULE);
}

/* Whether the handler in front of line i is pam_mdm.so, whoever put it there. */
static bool line_is_guarded(const char *text, const struct pam_lines *lines, size_t i)
{
	enum pam_type type = lines->lines[i].type;

	while (i-- > 0)
		if (line_is_of(&lines->lines[i], type))
			return pam_line_has_module(text, &lines->lines[i], OUR_MODULE);
	return false;
}

static bool wants_line(const char *text, const struct pam_lines *lines, size_t i)
{
	return line_asks(text, &lines->lines[i]) && !line_is_guarded(text, lines, i);
}

static bool wants_token(const char *text, const struct pam_lines *lines, size_t i)
{
	return lines->lines[i].type == PAM_TYPE_PASSWORD && wants_line(text, lines, i) &&
	       !pam_line_has_argument(text, &lines->lines[i], USE_AUTHTOK);
}

static bool span_is(const char *text, struct pam_span span, const char *expected)
{
	size_t n = strlen(expected);

	return span.end - span.start == n && memcmp(text + span.start, expected, n) == 0;
}

/* A line of ours: the comment in front of it says so. */
static bool is_our_line(const char *text, const struct pam_lines *lines, size_t i)
{
	if (i == 0 || (!span_is(text, lines->lines[i].all, AUTH_LINE) &&
			      !span_is(text, lines->lines[i].all, PASSWORD_LINE)))
		return false;
	return span_is(text, lines->lines[i - 1].all, MARK_LINE) ||
	       span_is(text, lines->lines[i - 1].all, MARK_LINE_AND_TOKEN);
}

static bool is_vendor_mark(const char *text, struct pam_span span)
{
	return span.end - span.start > strlen(MARK_VENDOR) &&
	       memcmp(text + span.start, MARK_VENDOR, strlen(MARK_VENDOR)) == 0;
}

/* --- jumps -------------------------------------------------------------------------------- */

/* Which lines a jump counts. */
enum jump_end {
	JUMP_INSIDE, /* it ends at a line of this file, or behind the last one */
	JUMP_BEYOND, /* in whatever includes this file */
	JUMP_OVER,   /* it leads over the lines of an included file, whose number is not known */
};

struct jump_count {
	enum jump_end end;
	unsigned int n_lines; /* lines of this file that counts() holds for */
	size_t over;	      /* JUMP_OVER: the first line that includes */
};

/* Looks at the n handlers behind line from, and counts those that counts holds for. */
static struct jump_count jump_walk(const char *text, const struct pam_lines *lines, size_t from,
	unsigned int n, bool (*counts)(const char *, const struct pam_lines *, size_t))
{
	struct jump_count count = {JUMP_INSIDE, 0, 0};

	for (size_t i = from + 1; n > 0; i++) {
		if (i >= lines->n_lines)
			return (struct jump_count){JUMP_BEYOND, count.n_lines, 0};
		if (!line_is_of(&lines->lines[i], lines->lines[from].type))
			continue;
		if (lines->lines[i].control == PAM_CONTROL_INCLUDE)
			return (struct jump_count){JUMP_OVER, count.n_lines, i};
		count.n_lines += counts(text, lines, i);
		n--;
	}
	return count;
}

static bool counts_none(const char *text, const struct pam_lines *lines, size_t i)
{
	(void)text;
	(void)lines;
	(void)i;
	return false;
}

/*
 * Appends line i; its jumps lead over so many lines more, or fewer, as change says. A jump to the
 * line behind ours leads to ours.
 */
static void append_line(const char *text, const struct pam_lines *lines, size_t i,
	bool (*counts)(const char *, const struct pam_lines *, size_t), int change, struct buf *out)
{
	const struct pam_line *line = &lines->lines[i];
	size_t at = line->all.start, offset = 0;
	struct pam_jump jump;

	while (type_is_ours(line->type) && line->control == PAM_CONTROL_ACTIONS &&
		pam_line_next_jump(text, line, &offset, &jump) > 0) {
		unsigned int n = jump_walk(text, lines, i, jump.n, counts).n_lines;

		if (n == 0 || (change < 0 && n >= jump.n))
			continue;
		buf_append(out, text + at, jump.span.start - at);
		buf_printf(out, "%u", change < 0 ? jump.n - n : jump.n + n);
		at = jump.span.end;
	}
	buf_append(out, text + at, line->all.end - at);
}

/* --- looking ------------------------------------------------------------------------------ */

static void examine_jumps(
	const char *text, const struct pam_lines *lines, size_t i, struct pam_facts *facts)
{
	const struct pam_line *line = &lines->lines[i];
	struct pam_jump jump;
	size_t offset = 0;

	if (line->control != PAM_CONTROL_ACTIONS ||
		!(line->type == PAM_TYPE_AUTH		  ? facts->asks_auth
			: line->type == PAM_TYPE_PASSWORD ? facts->asks_password
							  : false))
		return;
	while (pam_line_next_jump(text, line, &offset, &jump) > 0) {
		enum jump_end end = jump_walk(text, lines, i, jump.n, counts_none).end;

		if (end != JUMP_INSIDE)
			snprintf(facts->unclear, sizeof(facts->unclear), "a jump leads %s",
				end == JUMP_OVER ? "over included lines" : "out of the file");
	}
}

static void examine_lines(const char *text, const struct pam_lines *lines, struct pam_facts *facts)
{
	for (size_t i = 0; i < lines->n_lines; i++) {
		const struct pam_line *line = &lines->lines[i];
		bool auth = line->type == PAM_TYPE_AUTH, guarded;

		if (!line_asks(text, line))
			continue;
		guarded = line_is_guarded(text, lines, i);
		*(auth ? &facts->asks_auth : &facts->asks_password) = true;
		*(auth ? &facts->guarded_auth : &facts->guarded_password) &= guarded;
		if (line->all.end - line->all.start + strlen(" " USE_AUTHTOK) > PAM_LINE_BYTES)
			snprintf(facts->unclear, sizeof(facts->unclear),
				"a line has more than %d bytes", PAM_LINE_BYTES);
	}
	for (size_t i = 0; i < lines->n_lines && !facts->unclear[0]; i++)
		examine_jumps(text, lines, i, facts);
	facts->guarded_auth &= facts->asks_auth;
	facts->guarded_password &= facts->asks_password;
}

int pam_stack_examine(const char *text, size_t n_bytes, struct pam_facts *ret_facts)
{
	struct pam_facts facts = {.guarded_auth = true, .guarded_password = true};
	_cleanup_(pam_lines_done) struct pam_lines lines = {0};
	int r = pam_lines_parse(text, n_bytes, &lines);

	if (r < 0)
		return r;
	examine_lines(text, &lines, &facts);
	/* What is not understood may hide a line; without the name there is none. */
	if (lines.unclear[0] && memmem(text, n_bytes, UNIX_MODULE, strlen(UNIX_MODULE))) {
		memcpy(facts.unclear, lines.unclear, sizeof(facts.unclear));
		facts.guarded_auth = facts.guarded_password = false;
	}
	*ret_facts = facts;
	return 0;
}

int pam_stack_includes(const char *text, size_t n_bytes,
	void (*each)(const char *name, bool jumped, void *userdata), void *userdata)
{
	_cleanup_(pam_lines_done) struct pam_lines lines = {0};
	_cleanup_free_ bool *jumped = NULL;
	int r = pam_lines_parse(text, n_bytes, &lines);

	if (r < 0)
		return r;
	jumped = calloc(lines.n_lines + 1, sizeof(*jumped));
	if (!jumped)
		return -ENOMEM;
	for (size_t i = 0; i < lines.n_lines; i++) {
		struct pam_jump jump;
		size_t offset = 0;

		while (type_is_ours(lines.lines[i].type) &&
			lines.lines[i].control == PAM_CONTROL_ACTIONS &&
			pam_line_next_jump(text, &lines.lines[i], &offset, &jump) > 0) {
			struct jump_count count = jump_walk(text, &lines, i, jump.n, counts_none);

			/* How far it leads nobody knows: all that follow may be among it. */
			for (size_t k = count.over; count.end == JUMP_OVER && k < lines.n_lines;
				k++)
				jumped[k] |= line_is_of(&lines.lines[k], lines.lines[i].type);
		}
	}
	for (size_t i = 0; i < lines.n_lines; i++) {
		const struct pam_line *line = &lines.lines[i];
		char name[LIMIT_TEXT_BYTES + 1];

		if (line->module.end - line->module.start >= sizeof(name) ||
			(line->control != PAM_CONTROL_INCLUDE &&
				line->control != PAM_CONTROL_SUBSTACK))
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)(line->module.end - line->module.start),
			text + line->module.start);
		each(name, jumped[i], userdata);
	}
	return 0;
}

/* --- changing ----------------------------------------------------------------------------- */

static bool has_marks(const char *text, const struct pam_lines *lines)
{
	for (size_t i = 0; i < lines->n_lines; i++)
		if (span_is(text, lines->lines[i].all, MARK_HEAD) ||
			is_vendor_mark(text, lines->lines[i].all) || is_our_line(text, lines, i))
			return true;
	return false;
}

static void append_head(const char *text, size_t n_bytes, const char *vendor_path, struct buf *out)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	int r;

	buf_puts(out, MARK_HEAD);
	if (!vendor_path)
		return;
	r = sha256(text, n_bytes, digest);
	if (r < 0) {
		out->error = out->error ? out->error : r;
		return;
	}
	hex_encode(digest, sizeof(digest), hex);
	buf_printf(out, MARK_VENDOR "%s %s\n", vendor_path, hex);
}

static bool is_comment(const char *text, const struct pam_lines *lines, size_t i)
{
	struct pam_span all = lines->lines[i].all;

	while (all.start < all.end && (text[all.start] == ' ' || text[all.start] == '\t'))
		all.start++;
	return lines->lines[i].type == PAM_TYPE_NONE && all.start < all.end &&
	       text[all.start] == '#';
}

/*
 * The line that wants one of ours in front of line i: itself, or the one below the comments that
 * begin with i. Comments stay with what they explain; and the one that begins the block of Debian's
 * pam-auth-update stays right above it, because that program refuses to write into a block with
 * foreign lines. SIZE_MAX: none.
 */
static size_t wanted_at(const char *text, const struct pam_lines *lines, size_t i)
{
	if (i > 0 && is_comment(text, lines, i - 1))
		return SIZE_MAX;
	while (i < lines->n_lines && is_comment(text, lines, i))
		i++;
	return i < lines->n_lines && wants_line(text, lines, i) ? i : SIZE_MAX;
}

static void derive_lines(const char *text, const struct pam_lines *lines, struct buf *out)
{
	for (size_t i = 0; i < lines->n_lines; i++) {
		const struct pam_line *line = &lines->lines[i];
		size_t wanted = wanted_at(text, lines, i);

		if (wanted != SIZE_MAX) {
			buf_puts(out,
				wants_token(text, lines, wanted) ? MARK_LINE_AND_TOKEN : MARK_LINE);
			buf_puts(out, lines->lines[wanted].type == PAM_TYPE_AUTH ? AUTH_LINE
										 : PASSWORD_LINE);
		}
		append_line(text, lines, i, wants_line, 1, out);
		if (wants_token(text, lines, i)) {
			size_t n_behind = line->all.end - line->last.end;

			if (out->error)
				return;
			out->n_bytes -= n_behind;
			buf_puts(out, " " USE_AUTHTOK);
			buf_append(out, text + line->last.end, n_behind);
		}
	}
}

int pam_stack_derive(const char *text, size_t n_bytes, const char *vendor_path, struct buf *out)
{
	_cleanup_(pam_lines_done) struct pam_lines lines = {0};
	_cleanup_buf_ struct buf derived = BUF_INIT, back = BUF_INIT;
	struct pam_facts facts;
	bool present;
	int r;

	r = pam_lines_parse(text, n_bytes, &lines);
	if (r < 0)
		return r;
	if (has_marks(text, &lines))
		return -EEXIST;
	r = pam_stack_examine(text, n_bytes, &facts);
	if (r < 0)
		return r;
	if (facts.unclear[0])
		return -EBADMSG;
	append_head(text, n_bytes, vendor_path, &derived);
	derive_lines(text, &lines, &derived);
	buf_puts(&back, "");
	r = derived.error ? derived.error
			  : pam_stack_strip(derived.data, derived.n_bytes, &back, &present);
	if (r < 0 || back.error)
		return r < 0 ? r : back.error;
	/* The way back is what the owner relies on: a file for which there is none is not touched.
	 */
	if (back.n_bytes != n_bytes || memcmp(back.data, text, n_bytes) != 0)
		return -EBADMSG;
	buf_append(out, derived.data, derived.n_bytes);
	return out->error;
}

/* Whether the line ends with the word that derive_lines() put there. */
static bool ends_with_token(const char *text, const struct pam_line *line)
{
	return line->type == PAM_TYPE_PASSWORD && span_is(text, line->last, USE_AUTHTOK) &&
	       text[line->last.start - 1] == ' ';
}

static void strip_lines(const char *text, const struct pam_lines *lines, struct buf *out)
{
	bool token = false;

	for (size_t i = 0; i < lines->n_lines; i++) {
		const struct pam_line *line = &lines->lines[i];

		if (span_is(text, line->all, MARK_HEAD) || is_vendor_mark(text, line->all) ||
			(i + 1 < lines->n_lines && is_our_line(text, lines, i + 1)))
			continue;
		if (is_our_line(text, lines, i)) {
			token = span_is(text, lines->lines[i - 1].all, MARK_LINE_AND_TOKEN);
			continue;
		}
		append_line(text, lines, i, is_our_line, -1, out);
		if (token && ends_with_token(text, line) && !out->error) {
			size_t n_behind = line->all.end - line->last.end;

			out->n_bytes -= n_behind + strlen(" " USE_AUTHTOK);
			buf_append(out, text + line->last.end, n_behind);
		}
		token = token && line->type == PAM_TYPE_NONE;
	}
}

/* Whether what is left is what the mark says was the vendor's. */
static bool is_vendors(
	const char *text, const struct pam_lines *lines, const char *left, size_t n_left)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];

	if (sha256(left, n_left, digest) < 0)
		return false;
	hex_encode(digest, sizeof(digest), hex);
	for (size_t i = 0; i < lines->n_lines; i++) {
		struct pam_span all = lines->lines[i].all;
		size_t n = all.end - all.start;

		if (is_vendor_mark(text, all) && n > strlen(hex) + 1 &&
			memcmp(text + all.end - 1 - strlen(hex), hex, strlen(hex)) == 0)
			return true;
	}
	return false;
}

int pam_stack_strip(const char *text, size_t n_bytes, struct buf *out, bool *ret_present)
{
	_cleanup_(pam_lines_done) struct pam_lines lines = {0};
	_cleanup_buf_ struct buf left = BUF_INIT;
	int r = pam_lines_parse(text, n_bytes, &lines);

	if (r < 0)
		return r;
	buf_puts(&left, "");
	strip_lines(text, &lines, &left);
	if (left.error)
		return left.error;
	*ret_present = !is_vendors(text, &lines, left.data, left.n_bytes);
	buf_append(out, left.data, left.n_bytes);
	return out->error;
}
