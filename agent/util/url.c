/* SPDX-License-Identifier: Apache-2.0 */
/* url.c - https URLs taken apart; see url.h. Any role; pure. */
#include "agent/util/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent/util/codec.h"

#define URL_SCHEME "https://"
#define URL_LABEL_BYTES 63
#define URL_NAME_BYTES 253

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define SEGMENT LETTERS DIGITS "-._~!$&'()*+,;=:@" /* but for '%' (RFC 3986, 3.3) */

/* "127.1", "2130706433" and "0x7f000001" would be read as addresses further down. */
static bool label_is_number(const char *label)
{
	if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
		return !label[2 + strspn(label + 2, DIGITS "abcdefABCDEF")];
	return !label[strspn(label, DIGITS)];
}

/* Letters, digits and inner hyphens in each label (RFC 1123, section 2.1), '_' as people use it. */
static bool name_of_host_is_valid(const char *host)
{
	const char *label = host;

	if (strlen(host) > URL_NAME_BYTES)
		return false;
	for (;;) {
		size_t n = strcspn(label, ".");

		if (n == 0 || n > URL_LABEL_BYTES || strspn(label, LETTERS DIGITS "-_") != n ||
			label[0] == '-' || label[n - 1] == '-')
			return false;
		if (!label[n])
			return !label_is_number(label);
		label += n + 1;
	}
}

static int parse_host(const char *text, size_t n, struct url *url)
{
	uint8_t address[16];
	bool brackets = n >= 2 && text[0] == '[' && text[n - 1] == ']';

	if (brackets) {
		text++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(url->host))
		return -EINVAL;
	memcpy(url->host, text, n);
	url->host[n] = 0;
	url->literal = inet_pton(brackets ? AF_INET6 : AF_INET, url->host, address) == 1;
	return url->literal || (!brackets && name_of_host_is_valid(url->host)) ? 0 : -EINVAL;
}

static int parse_port(const char *text, size_t n, struct url *url)
{
	char digits[6];
	int64_t port;

	if (n == 0 || n >= sizeof(digits) || *text == '0')
		return -EINVAL;
	memcpy(digits, text, n);
	digits[n] = 0;
	if (parse_int64(digits, 1, UINT16_MAX, &port) < 0)
		return -EINVAL;
	url->port = (uint16_t)port;
	return 0;
}

int url_parse(const char *text, struct url *ret_url)
{
	struct url url = {.port = 443};
	const char *host, *port;
	size_t n, n_host;

	if (strnlen(text, LIMIT_URL_BYTES + 1) > LIMIT_URL_BYTES ||
		strncmp(text, URL_SCHEME, strlen(URL_SCHEME)) != 0)
		return -EINVAL;
	host = text + strlen(URL_SCHEME);
	n = strcspn(host, "/");
	if (host[n + strspn(host + n, SEGMENT "/%")])
		return -EINVAL;
	url.has_path = host[n] != 0;
	n_host = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
	if (n_host > n)
		return -EINVAL;
	if (parse_host(host, n_host, &url) < 0)
		return -EINVAL;
	port = host + n_host;
	if (n_host < n && (*port != ':' || parse_port(port + 1, n - n_host - 1, &url) < 0))
		return -EINVAL;
	*ret_url = url;
	return 0;
}

/* path begins with '/'. */
static bool path_is_plain(const char *path)
{
	while (*path == '/') {
		const char *segment = path + 1;
		size_t n = strspn(segment, SEGMENT);

		if (n == 0 || (n == 1 && segment[0] == '.') ||
			(n == 2 && strncmp(segment, "..", 2) == 0))
			return false;
		path = segment + n;
	}
	return !*path;
}

bool url_is_valid(const char *text, bool with_path)
{
	struct url url;

	if (url_parse(text, &url) < 0 || strchr(url.host, '_'))
		return false;
	if (!url.has_path)
		return true;
	return with_path && path_is_plain(strchr(text + strlen(URL_SCHEME), '/'));
}

/*
 * What some server reads as a step upwards once it has decoded the path, or cut off what stands
 * behind a ';'.
 */
static bool path_climbs(const char *path)
{
	static const char *const escapes[] = {"%2e", "%2f", "%5c"};

	for (const char *c = path; *c; c++)
		for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
			if (strncasecmp(c, escapes[i], 3) == 0)
				return true;
	for (; *path == '/'; path += 1 + strcspn(path + 1, "/"))
		if (strncmp(path, "/..", 3) == 0 || strncmp(path, "/./", 3) == 0 ||
			strncmp(path, "/.;", 3) == 0 || strcmp(path, "/.") == 0)
			return true;
	return false;
}

bool url_is_endpoint(const char *text)
{
	char base[LIMIT_URL_BYTES + 1];
	size_t n = strcspn(text, "?");
	const char *path;
	struct url url;

	if (strnlen(text, LIMIT_URL_BYTES + 1) > LIMIT_URL_BYTES)
		return false;
	for (const char *c = text; *c; c++)
		if (*c <= 0x20 || *c >= 0x7f || strchr("\"<>\\^`{|}#", *c))
			return false;
	memcpy(base, text, n);
	base[n] = 0;
	if (url_parse(base, &url) < 0)
		return false;
	path = strchr(base + strlen(URL_SCHEME), '/');
	return !path || !path_climbs(path);
}
