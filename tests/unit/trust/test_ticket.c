/* SPDX-License-Identifier: Apache-2.0 */
/* test_ticket.c - both spellings of a ticket, and what is refused; no role, plain process. */
#include "agent/trust/ticket.h"

#include <errno.h>
#include <string.h>

#include "tests/lib/check.h"

#define ID "0123456789abcdef0123456789abcdef"
#define SECRET "Zm9vYmFyLXNlY3JldC0xMjM0NQ"
#define PIN1 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define PIN2 "_____wQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define KEYSET "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8"
#define Q "t=" ID "&s=" SECRET "&c=" PIN1 "&k=" KEYSET "&x=1796083200"
#define URI "mdm://mdm.example.org/?" Q
#define TEXT                                                                                       \
	"server https://mdm.example.org:8443\nticket " ID "\nsecret " SECRET "\nca " PIN1          \
	"\nkeyset " KEYSET "\nexpires 2026-12-01T00:00:00Z\n"

static int parse(const char *text, struct ticket *ret_ticket, struct ticket_error *error)
{
	size_t n = strlen(text);
	_cleanup_free_ char *copy = malloc(n ? n : 1);

	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, n);
	return ticket_parse(copy, n, ret_ticket, error);
}

static void test_uri(void)
{
	struct ticket t;
	struct ticket_error error = {""};

	CHECK_INT(parse(URI, &t, &error), 0);
	CHECK_STR(t.server, "https://mdm.example.org");
	CHECK_STR(t.est, "");
	CHECK_STR(t.id, ID);
	CHECK_STR(t.secret, SECRET);
	CHECK_INT(t.n_ca_pins, 1);
	CHECK_INT(t.ca_pins[0][31], 31);
	CHECK_INT(t.keyset_sha256[0], 32);
	CHECK_INT(t.expires_s, 1796083200);
	CHECK_INT(parse(" \r\n\t" URI "&c=" PIN2 "&e=https://est.example.org/a%3fb\n", &t, &error),
		-EBADMSG);
	CHECK_INT(parse(" \r\n\t" URI "&c=" PIN2 "&e=https://est.example.org/%61%3D%26b/c\n", &t,
			  &error),
		0);
	CHECK_INT(t.n_ca_pins, 2);
	CHECK_INT(t.ca_pins[1][0], 255);
	CHECK_STR(t.est, "https://est.example.org/a=&b/c");
}

static void test_text(void)
{
	struct ticket t;
	struct ticket_error error = {""};

	CHECK_INT(parse(TEXT, &t, &error), 0);
	CHECK_STR(t.server, "https://mdm.example.org:8443");
	CHECK_INT(t.expires_s, 1796083200);
	CHECK_INT(parse("# for the image\n\n\t" TEXT "  ca\t " PIN2 "  # the next one\r\n"
			"est https://est.example.org\r\n#end",
			  &t, &error),
		0);
	CHECK_INT(t.n_ca_pins, 2);
	CHECK_STR(t.est, "https://est.example.org");
}

static void test_round_trip(void)
{
	static const char *const tickets[] = {
		URI,
		URI "&c=" PIN2,
		TEXT,
		TEXT "ca " PIN2 "\nest https://[2001:db8::1]:8443/.well-known/est/a=b&c@d+e\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(tickets); i++) {
		_cleanup_buf_ struct buf uri = BUF_INIT, text = BUF_INIT, again = BUF_INIT;
		struct ticket t = {0}, from_uri = {0}, from_text = {0};
		struct ticket_error error = {""};

		CHECK_INT(parse(tickets[i], &t, &error), 0);
		ticket_write_uri(&t, &uri);
		ticket_write_text(&t, &text);
		CHECK_INT(parse(uri.data, &from_uri, &error), 0);
		CHECK_INT(parse(text.data, &from_text, &error), 0);
		/* The text has every field, so equal texts are equal tickets. */
		ticket_write_text(&from_uri, &again);
		CHECK_STR(again.data, text.data);
		buf_reset(&again);
		ticket_write_text(&from_text, &again);
		CHECK_STR(again.data, text.data);
		CHECK(strstr(text.data, t.secret) && strstr(text.data, t.id));
	}
}

static void test_refused(void)
{
	static const char *const rows[] = {
		"",
		" \n",
		"# nothing",
		"mdm://",
		"mdm://mdm.example.org",
		"mdm://mdm.example.org/",
		"mdm://mdm.example.org/?",
		"mdm://mdm.example.org?" Q,
		"mdm://mdm.example.org/x?" Q,
		"mdm:///?" Q,
		"MDM://mdm.example.org/?" Q,
		"https://mdm.example.org/?" Q,
		"mdm://user@mdm.example.org/?" Q,
		"mdm://mdm.example.org:0/?" Q,
		URI "#x",
		URI "&",
		URI "&c",
		URI "&c=",
		URI "&z=1",
		URI "&server=x",
		URI "&t=" ID,
		URI "&c=" PIN1,
		URI "&c=" PIN2 "&c=" KEYSET,
		URI "&e=",
		URI "&e=http://est.example.org/",
		URI "&e=https://est.example.org/%",
		URI "&e=https://est.example.org/%4",
		URI "&e=https://est.example.org/%zz",
		URI "&e=https://est.example.org/%00",
		URI "&e=https://est.example.org/%0a",
		URI "&e=https://est.example.org/a%2f%2fb",
		URI "&e=https://est.example.org&e=https://est.example.org",
		URI " " URI,
		/* one field missing or malformed */
		"mdm://h/?s=" SECRET "&c=" PIN1 "&k=" KEYSET "&x=1796083200",
		"mdm://h/?t=" ID "&c=" PIN1 "&k=" KEYSET "&x=1796083200",
		"mdm://h/?t=" ID "&s=" SECRET "&k=" KEYSET "&x=1796083200",
		"mdm://h/?t=" ID "&s=" SECRET "&c=" PIN1 "&x=1796083200",
		"mdm://h/?t=" ID "&s=" SECRET "&c=" PIN1 "&k=" KEYSET,
		"mdm://h/?t=0123&s=" SECRET "&c=" PIN1 "&k=" KEYSET "&x=1796083200",
		"mdm://h/?t=%30123456789abcdef0123456789abcdef&s=" SECRET "&c=" PIN1 "&k=" KEYSET
		"&x=1796083200",
		"mdm://h/?t=0123456789ABCDEF0123456789ABCDEF&s=" SECRET "&c=" PIN1 "&k=" KEYSET
		"&x=1796083200",
		"mdm://h/?t=" ID "&s=123456789012345&c=" PIN1 "&k=" KEYSET "&x=1796083200",
		"mdm://h/?t=" ID "&s=1234567890123.567&c=" PIN1 "&k=" KEYSET "&x=1796083200",
		"mdm://h/?t=" ID "&s=" PIN1 "A&c=" PIN1 "&k=" KEYSET "&x=1796083200",
		"mdm://h/?t=" ID "&s=" SECRET "&c=AAAA&k=" KEYSET "&x=1796083200",
		"mdm://h/?t=" ID "&s=" SECRET "&c=" PIN1 "&k=" KEYSET "A&x=1796083200",
		"mdm://h/?t=" ID "&s=" SECRET "&c=" PIN1 "&k=" KEYSET "&x=0",
		"mdm://h/?t=" ID "&s=" SECRET "&c=" PIN1 "&k=" KEYSET "&x=-1",
		"mdm://h/?t=" ID "&s=" SECRET "&c=" PIN1 "&k=" KEYSET "&x=253402300800",
		"mdm://h/?t=" ID "&s=" SECRET "&c=" PIN1 "&k=" KEYSET "&x=2026-12-01T00:00:00Z",
		/* text */
		TEXT "port 7\n",
		TEXT "ca\n",
		TEXT "ticket " ID "\n",
		TEXT "ca " PIN1 "\n",
		TEXT "ca " PIN2 "\nca " KEYSET "\n",
		TEXT "est https://est.example.org/a b\n",
		TEXT "est https://est.example.org/%61\n",
		"server mdm.example.org\n",
		"server https://mdm.example.org/\n",
		"expires 1796083200\n",
		"expires 2026-02-30T00:00:00Z\n",
		"expires 1970-01-01T00:00:00Z\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ticket t = {.expires_s = 77};
		struct ticket_error error = {""};
		int r = parse(rows[i], &t, &error);

		if (r != -EBADMSG || t.expires_s != 77)
			check_fail(__FILE__, __LINE__, "row %zu (%s): %d", i, rows[i], r);
		else if (!*error.message || strstr(error.message, SECRET))
			check_fail(__FILE__, __LINE__, "row %zu: \"%s\"", i, error.message);
	}
}

/* No message repeats what stands in the ticket, wherever it is cut off. */
static void test_truncation(void)
{
	static const char *const whole[] = {URI, TEXT};
	struct ticket t;

	for (size_t i = 0; i < ARRAY_SIZE(whole); i++) {
		/* Cut in the middle of the expiry of a URI, a shorter number remains: known. */
		size_t n_whole = strlen(whole[i]) - (i == 0 ? 10 : 1);

		for (size_t n = 0; n < n_whole; n++) {
			struct ticket_error error = {""};

			CHECK_INT(ticket_parse(whole[i], n, &t, &error), -EBADMSG);
			CHECK(!strstr(error.message, "Zm9v") && !strstr(error.message, "0123"));
		}
	}
}

static void test_limits(void)
{
	char text[LIMIT_TICKET_BYTES + 2];
	struct ticket t;
	struct ticket_error error;

	memset(text, ' ', sizeof(text));
	memcpy(text, URI, strlen(URI));
	CHECK_INT(ticket_parse(text, LIMIT_TICKET_BYTES, &t, &error), 0);
	CHECK_INT(ticket_parse(text, LIMIT_TICKET_BYTES + 1, &t, &error), -EBADMSG);
	text[strlen(URI) + 3] = 0;
	CHECK_INT(ticket_parse(text, LIMIT_TICKET_BYTES, &t, &error), -EBADMSG);
}

static const struct check_test tests[] = {
	{"uri", test_uri},
	{"text", test_text},
	{"round_trip", test_round_trip},
	{"refused", test_refused},
	{"truncation", test_truncation},
	{"limits", test_limits},
};
CHECK_MAIN(tests)
