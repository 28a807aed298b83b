/* SPDX-License-Identifier: Apache-2.0 */
/* state_text.c - the frame of state files, "facts" and "serials"; see state_text.h. Enforcer; pure.
 */
#include "agent/enforcer/state_text.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "agent/util/codec.h"

#define STATE_FACTS_LINE "mdm-agent-facts 1"
#define STATE_SERIALS_LINE "mdm-agent-serials 1"
/* Longest line: an argument of a command; also what a newer agent may write. */
#define STATE_LINE_BYTES 1024
/* The limit of documents (docs/protocol.md). */
#define STATE_SERIAL_MAX ((INT64_C(1) << 53) - 1)

/* --- the frame: version line, lines, digest line ------------------------------------------- */

int state_text_close(struct buf *out)
{
	uint8_t digest[SHA256_BYTES];
	char digits[2 * SHA256_BYTES + 1];
	int r = out->error ? out->error : sha256(out->data, out->n_bytes, digest);

	if (r < 0)
		return r;
	hex_encode(digest, sizeof(digest), digits);
	buf_printf(out, "sha256 %s\n", digits);
	return out->error;
}

/* Copies the line at *at without its end and steps behind it. False at the end or if it is bad. */
static bool state_text_line(
	const char *text, size_t n_bytes, size_t *at, char ret_line[STATE_LINE_BYTES])
{
	const char *end = memchr(text + *at, '\n', n_bytes - *at);
	size_t n;

	if (!end)
		return false;
	n = (size_t)(end - (text + *at));
	if (n >= STATE_LINE_BYTES || !text_is_valid(text + *at, n))
		return false;
	memcpy(ret_line, text + *at, n);
	ret_line[n] = 0;
	*at += n + 1;
	return true;
}

int state_text_parse(const char *text, size_t n_bytes, const char *version,
	int (*take)(char *line, void *userdata), void *userdata)
{
	char line[STATE_LINE_BYTES], digits[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];
	size_t at = 0, before;
	int r;

	if (n_bytes > LIMIT_STATE_BYTES || !state_text_line(text, n_bytes, &at, line) ||
		strcmp(line, version) != 0)
		return -EBADMSG;
	for (;;) {
		before = at;
		if (!state_text_line(text, n_bytes, &at, line))
			return -EBADMSG;
		if (strncmp(line, "sha256 ", 7) == 0)
			break;
		r = take(line, userdata);
		if (r < 0)
			return r;
	}
	r = sha256(text, before, digest);
	if (r < 0)
		return r;
	hex_encode(digest, sizeof(digest), digits);
	return at == n_bytes && strcmp(line + 7, digits) == 0 ? 0 : -EBADMSG;
}

/* --- facts ---------------------------------------------------------------------------------- */

void state_facts_init(struct state_facts *facts)
{
	*facts = (struct state_facts){0};
	for (size_t i = 0; i < AREA_MAX; i++)
		facts->noncompliant_s[i] = -1;
}

enum fact_type {
	FACT_BOOL,
	FACT_URL,
	FACT_ID, /* 16 bytes in hexadecimal, or nothing */
	FACT_SHA256,
	FACT_INT, /* 0 and above */
};

static const struct fact_row {
	const char *name;
	enum fact_type type;
	size_t offset;
} fact_rows[] = {
	{"enrolled", FACT_BOOL, offsetof(struct state_facts, enrolled)},
	{"server", FACT_URL, offsetof(struct state_facts, server)},
	{"est", FACT_URL, offsetof(struct state_facts, est)},
	{"ca_pin", FACT_SHA256, offsetof(struct state_facts, ca_pins[0])},
	{"ca_pin_2", FACT_SHA256, offsetof(struct state_facts, ca_pins[1])},
	{"key_uri", FACT_URL, offsetof(struct state_facts, key_uri)},
	{"device", FACT_ID, offsetof(struct state_facts, device_id)},
	{"enrolment", FACT_ID, offsetof(struct state_facts, enrolment_id)},
	{"ticket", FACT_ID, offsetof(struct state_facts, ticket_id)},
	{"pinned_keyset", FACT_SHA256, offsetof(struct state_facts, pinned_keyset)},
	{"zero_touch", FACT_SHA256, offsetof(struct state_facts, zero_touch)},
	{"enrolled_at", FACT_INT, offsetof(struct state_facts, enrolled_s)},
	{"certificate_from", FACT_INT, offsetof(struct state_facts, certificate_from_s)},
	{"certificate_until", FACT_INT, offsetof(struct state_facts, certificate_until_s)},
	{"candidate_from", FACT_INT, offsetof(struct state_facts, candidate_from_s)},
	{"candidate_until", FACT_INT, offsetof(struct state_facts, candidate_until_s)},
	{"renewal_failing", FACT_INT, offsetof(struct state_facts, renewal_failing_s)},
	{"anchors", FACT_INT, offsetof(struct state_facts, n_anchors)},
	{"anchors_pins", FACT_SHA256, offsetof(struct state_facts, anchors_pins)},
	{"fingerprint", FACT_SHA256, offsetof(struct state_facts, fingerprint)},
	{"signed_floor", FACT_INT, offsetof(struct state_facts, highwater.signed_s)},
	{"tls_floor", FACT_INT, offsetof(struct state_facts, highwater.tls_s)},
	{"acknowledged", FACT_INT, offsetof(struct state_facts, acked_seq)},
	{"reports", FACT_INT, offsetof(struct state_facts, report_seq)},
	{"reminded", FACT_INT, offsetof(struct state_facts, reminded_s)},
};

/* The set of names that were met: the rows, then the areas. */
struct facts_reader {
	struct state_facts facts;
	bool seen[ARRAY_SIZE(fact_rows) + AREA_MAX];
};

static bool state_url_is_valid(const char *text)
{
	size_t n = strnlen(text, LIMIT_URL_BYTES + 1);

	return n <= LIMIT_URL_BYTES && text_is_valid(text, n) && !strchr(text, ' ');
}

static bool fact_read(const struct fact_row *row, const char *value, struct state_facts *facts)
{
	void *field = (char *)facts + row->offset;
	int64_t number;

	switch (row->type) {
	case FACT_BOOL:
		if (parse_int64(value, 0, 1, &number) < 0 || strlen(value) != 1)
			return false;
		*(bool *)field = number == 1;
		return true;
	case FACT_URL:
		if (!state_url_is_valid(value))
			return false;
		memcpy(field, value, strlen(value) + 1);
		return true;
	case FACT_ID:
		if (*value && !hex_is_valid(value, 16))
			return false;
		memcpy(field, value, strlen(value) + 1);
		return true;
	case FACT_SHA256:
		return hex_decode(value, field, SHA256_BYTES) == 0;
	case FACT_INT:
		if (parse_int64(value, 0, INT64_MAX, &number) < 0)
			return false;
		memcpy(field, &number, sizeof(number));
		return true;
	}
	return false;
}

static bool fact_write(const struct fact_row *row, const struct state_facts *facts, struct buf *out)
{
	const void *field = (const char *)facts + row->offset;
	char digits[2 * SHA256_BYTES + 1];
	int64_t number;

	switch (row->type) {
	case FACT_BOOL:
		buf_printf(out, "%s %d\n", row->name, *(const bool *)field);
		return true;
	case FACT_URL:
		if (!state_url_is_valid(field))
			return false;
		buf_printf(out, "%s %s\n", row->name, (const char *)field);
		return true;
	case FACT_ID:
		if (strnlen(field, 33) == 33 || (*(const char *)field && !hex_is_valid(field, 16)))
			return false;
		buf_printf(out, "%s %s\n", row->name, (const char *)field);
		return true;
	case FACT_SHA256:
		hex_encode(field, SHA256_BYTES, digits);
		buf_printf(out, "%s %s\n", row->name, digits);
		return true;
	case FACT_INT:
		memcpy(&number, field, sizeof(number));
		if (number < 0)
			return false;
		buf_printf(out, "%s %" PRId64 "\n", row->name, number);
		return true;
	}
	return false;
}

static int facts_take(char *line, void *userdata)
{
	struct facts_reader *reader = userdata;
	const char *prefix = "noncompliant.";
	char *value = strchr(line, ' ');
	const struct area_row *area;
	bool *seen = NULL, good = true;

	if (!value || value == line)
		return -EBADMSG;
	*value++ = 0;
	for (size_t i = 0; i < ARRAY_SIZE(fact_rows); i++)
		if (strcmp(line, fact_rows[i].name) == 0) {
			seen = &reader->seen[i];
			good = fact_read(&fact_rows[i], value, &reader->facts);
		}
	if (strncmp(line, prefix, strlen(prefix)) == 0) {
		area = area_find(line + strlen(prefix));
		if (area) {
			seen = &reader->seen[ARRAY_SIZE(fact_rows) + area->id];
			good = parse_int64(value, -1, INT64_MAX,
				       &reader->facts.noncompliant_s[area->id]) == 0;
		}
	}
	if (!good || (seen && *seen))
		return -EBADMSG;
	if (seen)
		*seen = true;
	return 0;
}

int state_facts_parse(const char *text, size_t n_bytes, struct state_facts *ret_facts)
{
	struct facts_reader reader = {0};
	int r;

	state_facts_init(&reader.facts);
	r = state_text_parse(text, n_bytes, STATE_FACTS_LINE, facts_take, &reader);
	if (r < 0)
		return r;
	/* A name that is missing was not known to the agent that wrote the file. */
	if (reader.facts.highwater.tls_s < reader.facts.highwater.signed_s)
		return -EBADMSG;
	*ret_facts = reader.facts;
	return 0;
}

int state_facts_write(const struct state_facts *facts, struct buf *out)
{
	if (facts->highwater.tls_s < facts->highwater.signed_s)
		return -EINVAL;
	buf_puts(out, STATE_FACTS_LINE "\n");
	for (size_t i = 0; i < ARRAY_SIZE(fact_rows); i++)
		if (!fact_write(&fact_rows[i], facts, out))
			return -EINVAL;
	for (size_t i = 0; i < AREA_MAX; i++) {
		if (facts->noncompliant_s[i] < -1)
			return -EINVAL;
		buf_printf(out, "noncompliant.%s %" PRId64 "\n", area_row((enum area_id)i)->name,
			facts->noncompliant_s[i]);
	}
	return state_text_close(out);
}

/* --- serials -------------------------------------------------------------------------------- */

bool state_document_name_is_valid(const char *name)
{
	const char *prefix = "policy.";

	return strcmp(name, "keyset") == 0 || strcmp(name, "assignment") == 0 ||
	       (strncmp(name, prefix, strlen(prefix)) == 0 && name_is_valid(name + strlen(prefix)));
}

bool state_serial_is_valid(const struct state_serial *serial)
{
	return hex_is_valid(serial->org, 16) && state_document_name_is_valid(serial->name) &&
	       serial->serial > 0 && serial->serial <= STATE_SERIAL_MAX;
}

struct serials_reader {
	struct state_serial *serials; /* owned */
	size_t n_serials;
};

static void serials_reader_done(struct serials_reader *reader)
{
	free(reader->serials);
}

/* "ORG NAME SERIAL SHA256" */
static int serials_take(char *line, void *userdata)
{
	struct serials_reader *reader = userdata;
	struct state_serial serial = {0}, *grown;
	char *fields[4], *at = line;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		fields[i] = strsep(&at, " ");
		if (!fields[i])
			return -EBADMSG;
	}
	if (at || strlen(fields[0]) >= sizeof(serial.org) ||
		strlen(fields[1]) >= sizeof(serial.name) ||
		parse_int64(fields[2], 1, STATE_SERIAL_MAX, &serial.serial) < 0 ||
		hex_decode(fields[3], serial.payload_sha256, SHA256_BYTES) < 0)
		return -EBADMSG;
	memcpy(serial.org, fields[0], strlen(fields[0]));
	memcpy(serial.name, fields[1], strlen(fields[1]));
	if (!state_serial_is_valid(&serial))
		return -EBADMSG;
	for (size_t i = 0; i < reader->n_serials; i++)
		if (strcmp(reader->serials[i].org, serial.org) == 0 &&
			strcmp(reader->serials[i].name, serial.name) == 0)
			return -EBADMSG;
	grown = realloc(reader->serials, (reader->n_serials + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	reader->serials = grown;
	grown[reader->n_serials++] = serial;
	return 0;
}

int state_serials_parse(
	const char *text, size_t n_bytes, struct state_serial **ret_serials, size_t *ret_n_serials)
{
	_cleanup_(serials_reader_done) struct serials_reader reader = {0};
	int r = state_text_parse(text, n_bytes, STATE_SERIALS_LINE, serials_take, &reader);

	if (r < 0)
		return r;
	*ret_n_serials = reader.n_serials;
	*ret_serials = TAKE_PTR(reader.serials);
	return 0;
}

int state_serials_write(const struct state_serial *serials, size_t n_serials, struct buf *out)
{
	buf_puts(out, STATE_SERIALS_LINE "\n");
	for (size_t i = 0; i < n_serials; i++) {
		char digits[2 * SHA256_BYTES + 1];

		if (!state_serial_is_valid(&serials[i]))
			return -EINVAL;
		hex_encode(serials[i].payload_sha256, SHA256_BYTES, digits);
		buf_printf(out, "%s %s %" PRId64 " %s\n", serials[i].org, serials[i].name,
			serials[i].serial, digits);
	}
	return state_text_close(out);
}
