/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when_network.c - the condition "network": whether there is one, what it costs, and which links
 * carry it. Pure; enforcer and tools.
 */
#include <errno.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"
#include "policies/doc_path.h"
#include "policies/when_wish.h"

static enum truth fact_online(const struct when_facts *facts)
{
	return facts->online;
}

static enum truth fact_metered(const struct when_facts *facts)
{
	return facts->metered;
}

static enum truth fact_roaming(const struct when_facts *facts)
{
	return facts->roaming;
}

static const struct wish network_wishes[] = {
	{"online", "online", "offline", fact_online},
	{"metered", "metered", "unmetered", fact_metered},
	{"roaming", "roaming", "not roaming", fact_roaming},
	{0},
};

/* "wifi:Staff": a link of that kind, and for Wi-Fi of that name. */
struct link_wish {
	enum when_link kind;		 /* WHEN_LINK_MAX: one that this agent does not know */
	struct when_wifi wifi;		 /* without name: any */
	char text[LIMIT_NAME_BYTES + 1]; /* as it was written */
};

struct network {
	struct wishes wishes;
	struct link_wish *links; /* owned; one of them is enough */
	size_t n_links;
};

const char *when_link_name(enum when_link link)
{
	static const char *const names[WHEN_LINK_MAX] = {
		[WHEN_LINK_WIFI] = "wifi",
		[WHEN_LINK_ETHERNET] = "ethernet",
		[WHEN_LINK_MOBILE] = "mobile",
		[WHEN_LINK_BLUETOOTH] = "bluetooth",
		[WHEN_LINK_VPN] = "vpn",
	};

	return link < WHEN_LINK_MAX ? names[link] : NULL;
}

static void network_free(void *data)
{
	struct network *network = data;

	if (!network)
		return;
	free(network->links);
	free(network);
}
DEFINE_CLEANUP(struct network *, network_free)

/* What is wrong with the text of a link; NULL: nothing. */
static const char *link_read(const char *text, size_t n_bytes, struct link_wish *ret_wish)
{
	static const char prefix[] = "wifi:";
	const size_t n_prefix = sizeof(prefix) - 1;
	struct link_wish wish = {.kind = WHEN_LINK_MAX};

	if (n_bytes == 0 || n_bytes >= sizeof(wish.text) || !text_is_valid(text, n_bytes))
		return "must be a link: wifi, wifi:NAME, ethernet, mobile, bluetooth, vpn";
	memcpy(wish.text, text, n_bytes);
	if (n_bytes >= n_prefix && memcmp(text, prefix, n_prefix) == 0) {
		wish.kind = WHEN_LINK_WIFI;
		if (n_bytes == n_prefix || n_bytes - n_prefix > FIX_SSID_BYTES)
			return "must name a Wi-Fi network of 1 to 32 bytes";
		wish.wifi.n_ssid = (uint8_t)(n_bytes - n_prefix);
		memcpy(wish.wifi.ssid, text + n_prefix, n_bytes - n_prefix);
	} else if (!name_is_valid(wish.text)) {
		return "must be a link: wifi, wifi:NAME, ethernet, mobile, bluetooth, vpn";
	}
	for (size_t i = 0; wish.wifi.n_ssid == 0 && i < WHEN_LINK_MAX; i++)
		if (strcmp(wish.text, when_link_name((enum when_link)i)) == 0)
			wish.kind = (enum when_link)i;
	*ret_wish = wish;
	return NULL;
}

static int links_parse(struct json_object *arguments, const char *path, struct network *network,
	struct json_error *error)
{
	char link_path[DOC_PATH_BYTES];
	struct json_object *array;
	size_t n;
	int r = json_get_array(arguments, path, "connected", &array, error);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	n = json_object_array_length(array);
	doc_path(link_path, "%s.connected", path);
	if (n < 1 || n > WHEN_LINKS_MAX)
		return json_fail(
			error, link_path, "must hold 1 to %d links, holds %zu", WHEN_LINKS_MAX, n);
	network->links = calloc(n, sizeof(*network->links));
	if (!network->links)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct json_object *element = json_object_array_get_idx(array, i);
		const char *why = "must be text";

		doc_path(link_path, "%s.connected[%zu]", path, i);
		if (json_object_is_type(element, json_type_string))
			why = link_read(json_object_get_string(element),
				(size_t)json_object_get_string_len(element), &network->links[i]);
		if (why)
			return json_fail(error, link_path, "%s", why);
		for (size_t k = 0; k < i; k++)
			if (strcmp(network->links[k].text, network->links[i].text) == 0)
				return json_fail(
					error, link_path, "must be distinct, is %zu again", k);
		network->n_links++;
	}
	return 0;
}

static int network_parse(
	struct json_object *arguments, const char *path, void **ret_data, struct json_error *error)
{
	static const char *const members[] = {"online", "metered", "roaming", "connected", NULL};
	_cleanup_(network_freep) struct network *network = calloc(1, sizeof(*network));
	int r;

	if (!network)
		return -ENOMEM;
	r = json_only(arguments, path, members, error);
	if (r == 0)
		r = wishes_parse(network_wishes, arguments, path, &network->wishes, error);
	if (r == 0)
		r = links_parse(arguments, path, network, error);
	if (r < 0)
		return r;
	if (wishes_count(&network->wishes) == 0 && network->n_links == 0)
		return json_fail(error, path, "must have online, metered, roaming or connected");
	*ret_data = TAKE_PTR(network);
	return 0;
}

/* The name of an open network proves nothing: anybody can give it to his own. */
static bool link_holds(const struct link_wish *wish, const struct when_links *links)
{
	if (!(links->kinds & 1u << wish->kind))
		return false;
	if (wish->wifi.n_ssid == 0)
		return true;
	for (size_t i = 0; i < links->n_wifi; i++) {
		const struct when_wifi *wifi = &links->wifi[i];

		if (wifi->secured && wifi->n_ssid == wish->wifi.n_ssid &&
			memcmp(wifi->ssid, wish->wifi.ssid, wifi->n_ssid) == 0)
			return true;
	}
	return false;
}

static enum truth links_evaluate(const struct network *network, const struct when_links *links)
{
	enum truth result = TRUTH_FALSE;

	if (!links->known)
		return TRUTH_UNKNOWN;
	for (size_t i = 0; i < network->n_links; i++) {
		if (network->links[i].kind == WHEN_LINK_MAX)
			result = TRUTH_UNKNOWN;
		else if (link_holds(&network->links[i], links))
			return TRUTH_TRUE;
	}
	return result;
}

static enum truth network_evaluate(const void *data, const struct when_facts *facts)
{
	const struct network *network = data;
	enum truth truth = wishes_evaluate(&network->wishes, facts), connected = TRUTH_TRUE;

	if (network->n_links > 0)
		connected = links_evaluate(network, &facts->links);
	if (truth == TRUTH_FALSE || connected == TRUTH_FALSE)
		return TRUTH_FALSE;
	return truth == TRUTH_UNKNOWN ? truth : connected;
}

static void network_each_unknown(
	const void *data, void (*visit)(void *userdata, const char *kind), void *userdata)
{
	const struct network *network = data;
	char kind[2 * LIMIT_NAME_BYTES];

	for (size_t i = 0; i < network->n_links; i++) {
		if (network->links[i].kind != WHEN_LINK_MAX)
			continue;
		snprintf(kind, sizeof(kind), "network.connected.%s", network->links[i].text);
		visit(userdata, kind);
	}
}

static void network_format(const void *data, struct buf *out)
{
	const struct network *network = data;
	const char *separator = "";

	wishes_format(&network->wishes, &separator, out);
	for (size_t i = 0; i < network->n_links; i++)
		buf_printf(out, "%s%s",
			i	       ? " or "
			: separator[0] ? " and connected by "
				       : "connected by ",
			network->links[i].text);
}

static void network_schema(struct jsonw *w, const char *key)
{
	jsonw_object(w, key);
	jsonw_string(w, "type", "object");
	jsonw_int(w, "minProperties", 1);
	jsonw_bool(w, "additionalProperties", false);
	jsonw_object(w, "properties");
	wishes_schema(network_wishes, w);
	jsonw_object(w, "connected");
	jsonw_string(w, "type", "array");
	jsonw_int(w, "minItems", 1);
	jsonw_int(w, "maxItems", WHEN_LINKS_MAX);
	jsonw_bool(w, "uniqueItems", true);
	jsonw_object(w, "items");
	jsonw_string(w, "type", "string");
	jsonw_string(w, "pattern",
		"^(?:wifi:[^\\u0000-\\u001f\\u007f]{1,32}|[A-Za-z0-9_][A-Za-z0-9._-]{0,63})$");
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static unsigned int network_needs(const void *data)
{
	return ((const struct network *)data)->n_links > 0 ? WHEN_NEEDS_LINKS : 0;
}

const struct when_leaf_row when_leaf_network = {
	.name = "network",
	.help = "True while the network is as said; at least one of `online`, `metered`, "
		"`roaming` (each true or false) and `connected`, and all that are there must fit. "
		"Metered is what NetworkManager says or guesses of the connection in use, roaming "
		"what ModemManager says of it. `connected`: a list of links of which one must be "
		"in use, `wifi`, `ethernet`, `mobile`, `bluetooth`, `vpn`, or `wifi:NAME`, which "
		"counts only if that network asks for a key: anybody can name an open one as he "
		"likes. Unknown where a fact is asked for that nobody on the phone tells.",
	.example = "{\"network\":{\"metered\":false,\"roaming\":false}}",
	.parse = network_parse,
	.evaluate = network_evaluate,
	.next = wish_next_never,
	.each_unknown = network_each_unknown,
	.format = network_format,
	.free = network_free,
	.schema = network_schema,
	.needs = network_needs,
};
