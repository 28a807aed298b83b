/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_key.c - "mdmctl key list": whose signatures count and where the keys are. Runs as the
 * administrator. */
#include <inttypes.h>

#include "agent/util/clock.h"
#include "server/ctl/commands.h"
#include "server/ctl/keyset_sign.h"
#include "server/ctl/key_table.h"
#include "server/ctl/keyset_words.h"
#include "server/ctl/span.h"

static int list_note_old(void *userdata, const char *path)
{
	struct buf *out = userdata;

	buf_printf(out, "%s%s", out->n_bytes ? ", " : "", path);
	return 0;
}

static int key_list_print(struct ctl *ctl, const struct keyset *draft, struct fault *fault)
{
	const struct keyset *keyset = ctl->org.keyset;
	_cleanup_buf_ struct buf old = BUF_INIT;
	char date[24], relative[32];
	int r = key_table_print(ctl, keyset, fault);

	if (r)
		return r;
	clock_format(keyset->expires_s, date);
	span_format_relative(keyset->expires_s, ctl->now_s, relative);
	fprintf(ctl->out, "\nkeyset %" PRId64 ", expires %s (%s)\n", keyset->version, date,
		relative);
	if (draft) {
		fprintf(ctl->out, "draft of keyset %" PRId64 ":\n", draft->version);
		keyset_tell_difference(ctl, ctl->out, draft);
	}
	keyring_each_old(&ctl->org, draft, NULL, list_note_old, &old);
	if (old.n_bytes)
		fprintf(ctl->out, "no longer needed: %s ('mdmctl key forget NAME')\n", old.data);
	keyset_words_warn(ctl->err, keyset, ctl->now_s);
	return ctl_flush(ctl, fault);
}

int cmd_key_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(keyset_freep) struct keyset *draft = NULL;
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct jsonw w = JSONW_INIT(&json);
	int r = ctl_open(ctl, fault);

	(void)args;
	if (r)
		return r;
	draft = draft_peek(&ctl->org);
	if (!ctl->json)
		return key_list_print(ctl, draft, fault);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "version", ctl->org.keyset->version);
	jsonw_int(&w, "expires", ctl->org.keyset->expires_s);
	key_table_json(ctl, ctl->org.keyset, &w);
	key_table_json_risks(ctl, ctl->org.keyset, &w);
	jsonw_object_end(&w);
	return ctl_print_json(ctl, &json, fault);
}
