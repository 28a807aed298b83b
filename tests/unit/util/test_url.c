/* SPDX-License-Identifier: Apache-2.0 */
/* test_url.c - https URLs taken apart, and those that people are let write. */
#include "agent/util/url.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/buf.h"
#include "agent/util/mem.h"
#include "tests/lib/check.h"

static void test_accepts(void)
{
	static const struct {
		const char *text, *host;
		uint16_t port;
		bool literal, path;
	} rows[] = {
		{"https://mdm.example.org", "mdm.example.org", 443, false, false},
		{"https://mdm.example.org:1", "mdm.example.org", 1, false, false},
		{"https://MDM_1.example.org:65535", "MDM_1.example.org", 65535, false, false},
		{"https://192.0.2.1:8443", "192.0.2.1", 8443, true, false},
		{"https://[2001:db8::1]", "2001:db8::1", 443, true, false},
		{"https://[2001:db8::1]:44/x", "2001:db8::1", 44, true, true},
		{"https://h/.well-known/est/a%20b", "h", 443, false, true},
		{"https://h/", "h", 443, false, true},
		{"https://4server", "4server", 443, false, false},
		{"https://h.0xg", "h.0xg", 443, false, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct url url;

		if (url_parse(rows[i].text, &url) != 0) {
			check_fail(__FILE__, __LINE__, "refused %s", rows[i].text);
			continue;
		}
		CHECK_STR(url.host, rows[i].host);
		CHECK_INT(url.port, rows[i].port);
		CHECK_INT(url.literal, rows[i].literal);
		CHECK_INT(url.has_path, rows[i].path);
	}
}

static void test_refuses(void)
{
	static const char *const rows[] = {
		"",
		"https://",
		"http://h",
		"HTTPS://h",
		"h",
		"https:///path",
		"https://user@h",
		"https://h:443:443",
		"https://h:",
		"https://h:0",
		"https://h:080",
		"https://h:65536",
		"https://h:+1",
		"https://h:0x50",
		"https://h?q",
		"https://h/a?q",
		"https://h/a#f",
		"https://h/a b",
		"https://h/a\\b",
		"https://h/\xc3\xa4",
		"https://h\n",
		"https://a..b",
		"https://.a",
		"https://a.",
		"https://-a",
		"https://a-.b",
		"https://127.1",
		"https://0x7f000001",
		"https://0X7F.0x1",
		"https://0x",
		"https://2130706433",
		"https://1.2.3.4.5",
		"https://[::1",
		"https://[::1]x",
		"https://[h]",
		"https://[127.0.0.1]",
		"https://[fe80::1%eth0]",
		"https://[]",
		"https://::1",
		"https://h%00",
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct url url = {.port = 7};

		if (url_parse(rows[i], &url) != -EINVAL || url.port != 7)
			check_fail(__FILE__, __LINE__, "accepted \"%s\"", rows[i]);
	}
}

static void test_limits(void)
{
	char text[LIMIT_URL_BYTES + 2], label[80];
	struct url url;

	memset(text, 'a', sizeof(text));
	memcpy(text, "https://h/", 10);
	text[LIMIT_URL_BYTES] = 0;
	CHECK_INT(url_parse(text, &url), 0);
	text[LIMIT_URL_BYTES] = 'a';
	text[LIMIT_URL_BYTES + 1] = 0;
	CHECK_INT(url_parse(text, &url), -EINVAL);
	snprintf(label, sizeof(label), "https://%063d", 0);
	memset(label + 8, 'a', 63);
	CHECK_INT(url_parse(label, &url), 0);
	strcat(label, "a");
	CHECK_INT(url_parse(label, &url), -EINVAL);
}

static void test_valid(void)
{
	static const struct {
		const char *url;
		bool base, with_path;
	} rows[] = {
		{"https://h", true, true},
		{"https://mdm.example.org", true, true},
		{"https://mdm-2.example.org:8443", true, true},
		{"https://1host.example", true, true},
		{"https://192.0.2.1:443", true, true},
		{"https://[2001:db8::1]", true, true},
		{"https://[::1]:8443", true, true},
		{"https://h/.well-known/est", false, true},
		{"https://h:1/a/b~c", false, true},
		{"", false, false},
		{"h", false, false},
		{"http://h", false, false},
		{"HTTPS://h", false, false},
		{"https://", false, false},
		{"https:///x", false, false},
		{"https://h/", false, false},
		{"https://h//a", false, false},
		{"https://h/a/", false, false},
		{"https://h/a//b", false, false},
		{"https://h/../a", false, false},
		{"https://h/./a", false, false},
		{"https://h/a?b", false, false},
		{"https://h?b", false, false},
		{"https://h#b", false, false},
		{"https://h/a#b", false, false},
		{"https://h/a b", false, false},
		{"https://h/a\\b", false, false},
		{"https://h/a%2e", false, false},
		{"https://u@h", false, false},
		{"https://u:p@h", false, false},
		{"https://h:", false, false},
		{"https://h:0", false, false},
		{"https://h:080", false, false},
		{"https://h:65536", false, false},
		{"https://h:65535", true, true},
		{"https://h:+1", false, false},
		{"https://h:1:2", false, false},
		{"https://h.", false, false},
		{"https://.h", false, false},
		{"https://a..b", false, false},
		{"https://-a.b", false, false},
		{"https://a-.b", false, false},
		{"https://a_b", false, false},
		{"https://\xc3\xa4.example", false, false},
		{"https://a b", false, false},
		{"https://a\n", false, false},
		{"https://127.1", false, false},
		{"https://0x7f000001", false, false},
		{"https://2130706433", false, false},
		{"https://256.1.1.1", false, false},
		{"https://1.2.3.4.5", false, false},
		{"https://[::1", false, false},
		{"https://[]", false, false},
		{"https://[::1]x", false, false},
		{"https://[::1]:", false, false},
		{"https://[::g]", false, false},
		{"https://[fe80::1%25eth0]", false, false},
		{"https://::1", false, false},
	};
	_cleanup_buf_ struct buf url = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (url_is_valid(rows[i].url, false) != rows[i].base ||
			url_is_valid(rows[i].url, true) != rows[i].with_path)
			check_fail(__FILE__, __LINE__, "row %zu: %s", i, rows[i].url);

	buf_puts(&url, "https://h/");
	while (url.n_bytes < LIMIT_URL_BYTES)
		buf_puts(&url, "a");
	CHECK(url_is_valid(url.data, true));
	buf_puts(&url, "a");
	CHECK(!url_is_valid(url.data, true));
	buf_reset(&url);
	/* 63 characters in a label, not 64; 253 in a name, not 254. */
	buf_printf(&url, "https://%063d.example", 0);
	CHECK(url_is_valid(url.data, false));
	buf_reset(&url);
	buf_printf(&url, "https://%064d.example", 0);
	CHECK(!url_is_valid(url.data, false));
}

static void test_endpoints(void)
{
	static const char *const good[] = {
		"https://push.example.org/up/abc?up=1",
		"https://push.example.org",
		"https://push.example.org?x=%20y",
		"https://192.0.2.1:8443/a//b",
		"https://[2001:db8::1]/a..b/.c",
	};
	static const char *const bad[] = {"http://push.example.org/x", "https://",
		"https://u@push.example.org/x", "https://push.example.org/x#y",
		"https://push.example.org/x?#", "https://a b/", "https://push.example.org/\"x",
		"https://push.example.org/a?b\\c", "https://push.example.org/x\r\nHost: y",
		"https://push.example.org/\xc3\xa4", "https://push.example.org/../x",
		"https://push.example.org/a/..", "https://push.example.org/a/./b",
		"https://push.example.org/.", "/x", "", "https://push.example.org/up/%2e%2e/admin",
		"https://push.example.org/up/..%2Fadmin", "https://push.example.org/up/%2E./admin",
		"https://push.example.org/up/..;/admin", "https://push.example.org/up/.;/admin",
		"https://push.example.org/up/..x", "https://push.example.org/up/a%5Cb"};
	char longest[LIMIT_URL_BYTES + 2];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!url_is_endpoint(good[i]))
			check_fail(__FILE__, __LINE__, "refused %s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (url_is_endpoint(bad[i]))
			check_fail(__FILE__, __LINE__, "took %s", bad[i]);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "https://h/?", 11);
	longest[LIMIT_URL_BYTES] = 0;
	CHECK(url_is_endpoint(longest));
	longest[LIMIT_URL_BYTES] = 'a';
	longest[LIMIT_URL_BYTES + 1] = 0;
	CHECK(!url_is_endpoint(longest));
}

static const struct check_test tests[] = {
	{"accepts", test_accepts},
	{"refuses", test_refuses},
	{"limits", test_limits},
	{"valid", test_valid},
	{"endpoints", test_endpoints},
};
CHECK_MAIN(tests)
