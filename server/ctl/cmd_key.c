/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key.c - "mdmctl key", "mdmctl keyset": whose signatures count. Runs as the administrator. */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/jsonw.h"
#include "server/ctl/commands.h"
#include "server/ctl/signing.h"
#include "server/ctl/span.h"
#include "server/ctl/text.h"

static bool key_is_here(const struct org *org, const char *name)
{
	char path[LIMIT_NAME_BYTES + 16];

	signing_key_path(name, path, sizeof(path));
	return faccessat(org->fd, path, F_OK, 0) == 0;
}

static void key_roles(const struct keyset_key *row, struct buf *out)
{
	for (int role = 0; role < TRUST_ROLE_MAX; role++)
		if (row->roles & 1u << role)
			buf_printf(out, "%s%s", out->n_bytes ? " " : "",
				trust_role_name((enum trust_role)role));
}

static void key_write_json(struct ctl *ctl, const struct keyset_key *row, struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "name", row->name);
	jsonw_string(w, "kid", row->key.kid);
	jsonw_string(w, "alg", key_alg_name(row->key.alg));
	jsonw_array(w, "roles");
	for (int role = 0; role < TRUST_ROLE_MAX; role++)
		if (row->roles & 1u << role)
			jsonw_string(w, NULL, trust_role_name((enum trust_role)role));
	jsonw_array_end(w);
	jsonw_bool(w, "here", key_is_here(&ctl->org, row->name));
	jsonw_object_end(w);
}

static int key_print_table(struct ctl *ctl, struct fault *fault)
{
	_cleanup_table_ struct table table = {
		.headings = {"NAME", "KEY ID", "ALG", "ROLES", "WHERE"},
		.n_columns = 5,
		.flexible = 1,
		.state = 5,
	};

	for (size_t i = 0; i < ctl->org.keyset->n_keys; i++) {
		const struct keyset_key *row = &ctl->org.keyset->keys[i];
		_cleanup_buf_ struct buf roles = BUF_INIT;

		key_roles(row, &roles);
		table_add(&table, row->name);
		table_add(&table, row->key.kid);
		table_add(&table, key_alg_name(row->key.alg));
		table_add(&table, roles.data);
		table_add(&table, key_is_here(&ctl->org, row->name) ? "here" : "elsewhere");
	}
	return table_print(&table, ctl->out, ctl->colour) < 0 ? fault_errno(fault, ENOMEM, "output")
							      : 0;
}

int cmd_key_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	int r = ctl_open(ctl, fault);

	(void)args;
	if (r)
		return r;
	if (!ctl->json) {
		r = key_print_table(ctl, fault);
		return r ? r : ctl_flush(ctl, fault);
	}
	jsonw_object(&w, NULL);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < ctl->org.keyset->n_keys; i++)
		key_write_json(ctl, &ctl->org.keyset->keys[i], &w);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}

int cmd_keyset_show(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	char date[24], relative[32], digest[2 * SHA256_BYTES + 1];
	const struct keyset *keyset;
	int r = ctl_open(ctl, fault);

	(void)args;
	if (r)
		return r;
	keyset = ctl->org.keyset;
	hex_encode(ctl->org.keyset_sha256, SHA256_BYTES, digest);
	clock_format(keyset->expires_s, date);
	span_format_relative(keyset->expires_s, ctl->now_s, relative);
	if (!ctl->json) {
		fprintf(ctl->out,
			"organisation  %s (%s)\nkeyset        %" PRId64
			"\nexpires       %s (%s)\nSHA-256       %s\nsignatures    ",
			keyset->org_name, keyset->org, keyset->version, date, relative, digest);
		for (int role = 0; role < TRUST_ROLE_MAX; role++)
			fprintf(ctl->out, "%s%s %u", role ? ", " : "",
				trust_role_name((enum trust_role)role), keyset->threshold[role]);
		fprintf(ctl->out, "\n\n");
		r = key_print_table(ctl, fault);
		return r ? r : ctl_flush(ctl, fault);
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "org", keyset->org);
	jsonw_string(&w, "org_name", keyset->org_name);
	jsonw_int(&w, "version", keyset->version);
	jsonw_int(&w, "issued", keyset->issued_s);
	jsonw_int(&w, "expires", keyset->expires_s);
	jsonw_string(&w, "sha256", digest);
	jsonw_object(&w, "thresholds");
	for (int role = 0; role < TRUST_ROLE_MAX; role++)
		jsonw_int(&w, trust_role_name((enum trust_role)role), keyset->threshold[role]);
	jsonw_object_end(&w);
	jsonw_array(&w, "keys");
	for (size_t i = 0; i < keyset->n_keys; i++)
		key_write_json(ctl, &keyset->keys[i], &w);
	jsonw_array_end(&w);
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}
