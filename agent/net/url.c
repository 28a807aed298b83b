/* SPDX-License-Identifier: Apache-2.0 */
/* url.c - https URLs taken apart; see url.h. Net role; pure. */
#include "agent/net/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"

#define URL_SCHEME "https://"
#define URL_LABEL_BYTES 63

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter_or_digit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and inner hyphens in each label (RFC 1123, section 2.1), '_' as people use it. */
static bool dns_name_is_valid(const char *host)
{
	const char *label = host;
	size_t n = strlen(host);

	if (n == 0 || n > 253)
		return false;
	for (;;) {
		size_t n_label = strcspn(label, ".");

		if (n_label == 0 || n_label > URL_LABEL_BYTES || label[0] == '-' ||
			label[n_label - 1] == '-')
			return false;
		for (size_t i = 0; i < n_label; i++)
			if (!is_letter_or_digit(label[i]) && label[i] != '-' && label[i] != '_')
				return false;
		if (!label[n_label])
			/* "127.1" and "0x7f000001" would be read as addresses further down. */
			return !is_digit(label[0]);
		label += n_label + 1;
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
	if (brackets)
		url->literal = inet_pton(AF_INET6, url->host, address) == 1;
	else
		url->literal = inet_pton(AF_INET, url->host, address) == 1;
	if (url->literal)
		return 0;
	return !brackets && dns_name_is_valid(url->host) ? 0 : -EINVAL;
}

static int parse_port(const char *text, size_t n, struct url *url)
{
	char digits[6];
	int64_t port;

	if (n == 0 || n >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, n);
	digits[n] = 0;
	if (parse_int64(digits, 1, UINT16_MAX, &port) < 0)
		return -EINVAL;
	url->port = (uint16_t)port;
	return 0;
}

static bool path_is_valid(const char *path)
{
	for (; *path; path++)
		if (!is_letter_or_digit(*path) && !strchr("/-._~%!$&'()*+,;=:@", *path))
			return false;
	return true;
}

int url_parse(const char *text, struct url *ret_url)
{
	struct url url = {.port = 443};
	const char *host, *port;
	size_t n, n_host;

	if (strlen(text) > LIMIT_URL_BYTES || strncmp(text, URL_SCHEME, strlen(URL_SCHEME)) != 0)
		return -EINVAL;
	host = text + strlen(URL_SCHEME);
	n = strcspn(host, "/");
	if (!path_is_valid(host + n))
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
