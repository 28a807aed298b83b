/* SPDX-License-Identifier: Apache-2.0 */
/* url.c - the only form of URL that this project follows; see url_is_valid() in ticket.h. Pure. */
#include <arpa/inet.h>
#include <string.h>

#include "agent/trust/ticket.h"
#include "agent/util/codec.h"

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static bool host_is_ipv4(const char *host)
{
	struct in_addr address;

	return inet_pton(AF_INET, host, &address) == 1;
}

/* Labels of letters, digits and inner hyphens (RFC 1123, 2.1). Modifies host. */
static bool host_is_name(char *host)
{
	char *label, *rest = host, *last = host;

	if (strlen(host) > 253)
		return false;
	while ((label = strsep(&rest, "."))) {
		size_t n = strlen(label);

		if (n == 0 || n > 63 || strspn(label, LETTERS DIGITS "-") != n || label[0] == '-' ||
			label[n - 1] == '-')
			return false;
		last = label;
	}
	/* A last label of digits would be an address in a form that other readers accept. */
	return strspn(last, DIGITS) != strlen(last);
}

/* host[:port] or [address][:port]. Modifies text. */
static bool authority_is_valid(char *text)
{
	struct in6_addr address;
	char *port = text;
	int64_t number;

	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end)
			return false;
		*end = 0;
		if (inet_pton(AF_INET6, text + 1, &address) != 1)
			return false;
		port = end + 1;
		if (*port && *port++ != ':')
			return false;
		if (!*port)
			return port[-1] != ':';
	} else {
		strsep(&port, ":");
		if (!host_is_ipv4(text) && !host_is_name(text))
			return false;
		if (!port)
			return true;
	}
	return *port != '0' && parse_int64(port, 1, 65535, &number) == 0;
}

/* One or more segments, none empty, none that leads upwards (RFC 3986, 3.3). Modifies path. */
static bool path_is_valid(char *path)
{
	char *segment, *rest = path;

	while ((segment = strsep(&rest, "/"))) {
		if (!*segment || strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0 ||
			strspn(segment, LETTERS DIGITS "-._~!$&'()*+,;=:@") != strlen(segment))
			return false;
	}
	return true;
}

bool url_is_valid(const char *url, bool with_path)
{
	static const char scheme[] = "https://";
	char text[LIMIT_URL_BYTES + 1];
	size_t n = strnlen(url, sizeof(text));
	char *path;

	if (n == sizeof(text) || strncmp(url, scheme, strlen(scheme)) != 0)
		return false;
	memcpy(text, url + strlen(scheme), n + 1 - strlen(scheme));
	path = strchr(text, '/');
	if (path) {
		*path++ = 0;
		if (!with_path || !path_is_valid(path))
			return false;
	}
	return authority_is_valid(text);
}
