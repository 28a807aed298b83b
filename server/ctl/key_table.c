/* SPDX-License-Identifier: Apache-2.0 */
/* key_table.c - lists keys; see key_table.h. Opens no key. */
#include "server/ctl/key_table.h"

#include <errno.h>

#include "server/ctl/keyring.h"
#include "server/ctl/keyset_words.h"
#include "server/ctl/text.h"

int key_table_print(struct ctl *ctl, const struct keyset *keyset, struct fault *fault)
{
	_cleanup_table_ struct table table = {
		.headings = {"NAME", "KEY ID", "ALG", "ROLES", "WHERE"},
		.n_columns = 5,
		.flexible = 1,
		.state = 5,
	};

	for (size_t i = 0; i < keyset->n_keys; i++) {
		const struct keyset_key *row = &keyset->keys[i];
		_cleanup_buf_ struct buf roles = BUF_INIT;
		char path[KEYRING_PATH_BYTES];

		keyset_words_roles(row->roles, &roles);
		keyring_path(&ctl->org, row, path);
		table_add(&table, row->name);
		table_add(&table, row->key.kid);
		table_add(&table, key_alg_name(row->key.alg));
		table_add(&table, roles.data);
		table_add(&table, keyring_is_here(&ctl->org, row) ? path : "elsewhere");
	}
	return table_print(&table, ctl->out, ctl->colour) < 0 ? fault_errno(fault, ENOMEM, "output")
							      : 0;
}

void key_table_json(struct ctl *ctl, const struct keyset *keyset, struct jsonw *w)
{
	jsonw_array(w, "keys");
	for (size_t i = 0; i < keyset->n_keys; i++) {
		const struct keyset_key *row = &keyset->keys[i];
		char path[KEYRING_PATH_BYTES];

		keyring_path(&ctl->org, row, path);
		jsonw_object(w, NULL);
		jsonw_string(w, "name", row->name);
		jsonw_string(w, "kid", row->key.kid);
		jsonw_string(w, "alg", key_alg_name(row->key.alg));
		jsonw_array(w, "roles");
		for (int role = 0; role < TRUST_ROLE_MAX; role++)
			if (row->roles & 1u << role)
				jsonw_string(w, NULL, trust_role_name((enum trust_role)role));
		jsonw_array_end(w);
		jsonw_bool(w, "here", keyring_is_here(&ctl->org, row));
		if (keyring_is_here(&ctl->org, row))
			jsonw_string(w, "file", path);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
}

void key_table_json_risks(struct ctl *ctl, const struct keyset *keyset, struct jsonw *w)
{
	jsonw_array(w, "warnings");
	for (size_t n = 0;; n++) {
		_cleanup_buf_ struct buf words = BUF_INIT;

		if (!keyset_words_risk(keyset, ctl->now_s, n, &words))
			break;
		jsonw_string(w, NULL, words.data ? words.data : "");
	}
	jsonw_array_end(w);
}
