/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticket.c - reads and writes enrolment tickets; see ticket.h and docs/protocol.md, section 2.
 * agentctl, the enforcer and administrators' tools. Pure. A ticket comes from a person or an
 * image, not from the server; it holds a secret, which no message repeats.
 */
#include "agent/trust/ticket.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/trust/member.h"
#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/url.h"

#define URI_SCHEME "mdm://"
#define HTTPS_SCHEME "https://"
#define WHITE_SPACE " \t\r\n"

enum ticket_field {
	TICKET_SERVER,
	TICKET_ID,
	TICKET_SECRET,
	TICKET_CA,
	TICKET_KEYSET,
	TICKET_EXPIRES,
	TICKET_EST,
	TICKET_FIELD_MAX,
};

struct field_row {
	const char *text; /* name in the text form */
	const char *uri;  /* name in the URI; NULL: not a parameter */
	unsigned int max;
	bool required;
	const char *expected;
};

static const struct field_row fields[TICKET_FIELD_MAX] = {
	[TICKET_SERVER] = {"server", NULL, 1, true, "https://host[:port] without a path"},
	[TICKET_ID] = {"ticket", "t", 1, true, "32 lower-case hexadecimal digits"},
	[TICKET_SECRET] = {"secret", "s", 1, true, "16 to 43 base64url characters"},
	[TICKET_CA] = {"ca", "c", LIMIT_TICKET_PINS, true, "32 bytes in base64url, no pin twice"},
	[TICKET_KEYSET] = {"keyset", "k", 1, true, "32 bytes in base64url"},
	[TICKET_EXPIRES] = {"expires", "x", 1, true, "a time"},
	[TICKET_EST] = {"est", "e", 1, false, "an https:// address, perhaps with a path"},
};

struct reader {
	struct ticket ticket;
	unsigned int n_seen[TICKET_FIELD_MAX];
	bool is_uri;
	struct ticket_error *error;
};

static int _printf_(2, 3) ticket_fail(struct ticket_error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return -EBADMSG;
}

/* How a field is called in the spelling at hand. */
static const char *field_name(const struct reader *reader, enum ticket_field field)
{
	return reader->is_uri && fields[field].uri ? fields[field].uri : fields[field].text;
}

static bool read_digest(const char *value, uint8_t ret_digest[SHA256_BYTES])
{
	size_t n;

	return base64url_decode(value, strlen(value), ret_digest, SHA256_BYTES, &n) == 0 &&
	       n == SHA256_BYTES;
}

static bool read_url(const char *value, bool with_path, char ret_url[LIMIT_URL_BYTES + 1])
{
	if (!url_is_valid(value, with_path))
		return false;
	memcpy(ret_url, value, strlen(value) + 1);
	return true;
}

static bool read_secret(const char *value, char ret_secret[44])
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t n = strspn(value, alphabet);

	if (n < 16 || n > 43 || value[n])
		return false;
	memcpy(ret_secret, value, n + 1);
	return true;
}

static bool read_ca(const char *value, struct ticket *ticket)
{
	uint8_t *pin = ticket->ca_pins[ticket->n_ca_pins];

	if (!read_digest(value, pin))
		return false;
	for (size_t i = 0; i < ticket->n_ca_pins; i++)
		if (memcmp(ticket->ca_pins[i], pin, SHA256_BYTES) == 0)
			return false;
	ticket->n_ca_pins++;
	return true;
}

static bool read_value(struct reader *reader, enum ticket_field field, const char *value)
{
	struct ticket *ticket = &reader->ticket;

	switch (field) {
	case TICKET_SERVER:
		return read_url(value, false, ticket->server);
	case TICKET_ID:
		if (!hex_is_valid(value, 16))
			return false;
		memcpy(ticket->id, value, sizeof(ticket->id));
		return true;
	case TICKET_SECRET:
		return read_secret(value, ticket->secret);
	case TICKET_CA:
		return read_ca(value, ticket);
	case TICKET_KEYSET:
		return read_digest(value, ticket->keyset_sha256);
	case TICKET_EXPIRES:
		if (reader->is_uri)
			return parse_int64(value, 1, MEMBER_MAX_TIME, &ticket->expires_s) == 0;
		return clock_parse(value, &ticket->expires_s) == 0 && ticket->expires_s > 0;
	case TICKET_EST:
		return read_url(value, true, ticket->est);
	case TICKET_FIELD_MAX:
		break;
	}
	return false;
}

static int read_field(struct reader *reader, enum ticket_field field, const char *value)
{
	const struct field_row *row = &fields[field];

	if (reader->n_seen[field]++ == row->max)
		return ticket_fail(reader->error, "The field %s stands there too often.",
			field_name(reader, field));
	if (!read_value(reader, field, value))
		return ticket_fail(reader->error, "The field %s must be %s.",
			field_name(reader, field), row->expected);
	return 0;
}

/* Unknown fields are refused: what they would have restricted is not known. */
static int read_named(struct reader *reader, const char *name, const char *value)
{
	for (enum ticket_field field = 0; field < TICKET_FIELD_MAX; field++) {
		const char *known = reader->is_uri ? fields[field].uri : fields[field].text;

		if (known && strcmp(known, name) == 0)
			return read_field(reader, field, value);
	}
	return ticket_fail(reader->error,
		"The ticket has an unknown field; copy it again, or update the agent.");
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEFabcdef";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		return -1;
	return at - digits < 16 ? (int)(at - digits) : (int)(at - digits) - 6;
}

/* Decodes %XX in place (RFC 3986, 2.1). */
static bool percent_decode(char *text)
{
	char *out = text;

	while (*text) {
		int high, low;

		if (*text != '%') {
			*out++ = *text++;
			continue;
		}
		high = hex_digit(text[1]);
		low = high < 0 ? -1 : hex_digit(text[2]);
		/* No address needs control characters, and NUL would hide what follows. */
		if (low < 0 || high < 2)
			return false;
		*out++ = (char)(high << 4 | low);
		text += 3;
	}
	*out = 0;
	return true;
}

/* HOST[:PORT]/?NAME=VALUE&... behind the scheme. */
static int read_uri(struct reader *reader, char *text)
{
	char server[sizeof(HTTPS_SCHEME) + LIMIT_TICKET_BYTES];
	char *query = strchr(text, '/'), *parameter;
	int r;

	if (!query || query[1] != '?')
		return ticket_fail(
			reader->error, "The ticket does not read mdm://HOST/?...; copy it whole.");
	*query = 0;
	query += 2;
	snprintf(server, sizeof(server), HTTPS_SCHEME "%s", text);
	r = read_field(reader, TICKET_SERVER, server);
	if (r < 0)
		return r;
	while ((parameter = strsep(&query, "&"))) {
		char *name = strsep(&parameter, "=");

		/* The other values need no encoding, so for them it is a second spelling. */
		if (!parameter || (strcmp(name, "e") == 0 && !percent_decode(parameter)))
			return ticket_fail(reader->error,
				"The ticket holds a malformed parameter; copy it again.");
		r = read_named(reader, name, parameter);
		if (r < 0)
			return r;
	}
	return 0;
}

static char *strip(char *text)
{
	size_t n;

	text += strspn(text, WHITE_SPACE);
	n = strlen(text);
	while (n && strchr(WHITE_SPACE, text[n - 1]))
		n--;
	text[n] = 0;
	return text;
}

static int read_text(struct reader *reader, char *text)
{
	char *line;
	int r;

	while ((line = strsep(&text, "\n"))) {
		char *value, *name;

		line[strcspn(line, "#")] = 0;
		value = strip(line);
		if (!*value)
			continue;
		name = strsep(&value, " \t");
		if (!value)
			return ticket_fail(reader->error,
				"A line of the ticket is not a field and its value.");
		r = read_named(reader, name, strip(value));
		if (r < 0)
			return r;
	}
	return 0;
}

int ticket_parse(
	const char *text, size_t n_bytes, struct ticket *ret_ticket, struct ticket_error *ret_error)
{
	char copy[LIMIT_TICKET_BYTES + 1], *start;
	struct reader reader = {.error = ret_error};
	int r;

	if (n_bytes > LIMIT_TICKET_BYTES)
		return ticket_fail(
			ret_error, "The ticket is longer than %d characters.", LIMIT_TICKET_BYTES);
	if (memchr(text, 0, n_bytes))
		return ticket_fail(ret_error, "The ticket holds a NUL character; it is no text.");
	memcpy(copy, text, n_bytes);
	copy[n_bytes] = 0;
	start = strip(copy);
	reader.is_uri = strncmp(start, URI_SCHEME, strlen(URI_SCHEME)) == 0;
	r = reader.is_uri ? read_uri(&reader, start + strlen(URI_SCHEME))
			  : read_text(&reader, start);
	for (enum ticket_field field = 0; r == 0 && field < TICKET_FIELD_MAX; field++)
		if (fields[field].required && reader.n_seen[field] == 0)
			r = ticket_fail(ret_error, "The ticket lacks the field %s; copy it whole.",
				field_name(&reader, field));
	if (r == 0)
		*ret_ticket = reader.ticket;
	explicit_bzero(copy, sizeof(copy));
	explicit_bzero(&reader.ticket, sizeof(reader.ticket));
	return r;
}

static void write_digest(struct buf *out, const char *before, const uint8_t digest[SHA256_BYTES])
{
	char text[BASE64URL_LENGTH(SHA256_BYTES) + 1];

	base64url_encode(digest, SHA256_BYTES, text);
	buf_printf(out, "%s%s", before, text);
}

void ticket_write_uri(const struct ticket *ticket, struct buf *out)
{
	buf_printf(out, URI_SCHEME "%s/?t=%s&s=%s", ticket->server + strlen(HTTPS_SCHEME),
		ticket->id, ticket->secret);
	for (size_t i = 0; i < ticket->n_ca_pins; i++)
		write_digest(out, "&c=", ticket->ca_pins[i]);
	write_digest(out, "&k=", ticket->keyset_sha256);
	buf_printf(out, "&x=%" PRId64, ticket->expires_s);
	if (!*ticket->est)
		return;
	buf_puts(out, "&e=");
	for (const char *p = ticket->est; *p; p++)
		buf_printf(out, strchr("!$&'()*+,;=@[]%", *p) ? "%%%02X" : "%c", (unsigned char)*p);
}

void ticket_write_text(const struct ticket *ticket, struct buf *out)
{
	char date[24];

	clock_format(ticket->expires_s, date);
	buf_printf(out, "server   %s\nticket   %s\nsecret   %s", ticket->server, ticket->id,
		ticket->secret);
	for (size_t i = 0; i < ticket->n_ca_pins; i++)
		write_digest(out, "\nca       ", ticket->ca_pins[i]);
	write_digest(out, "\nkeyset   ", ticket->keyset_sha256);
	buf_printf(out, "\nexpires  %s\n", date);
	if (*ticket->est)
		buf_printf(out, "est      %s\n", ticket->est);
}
