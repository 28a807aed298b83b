/* SPDX-License-Identifier: Apache-2.0 */
/* auth_passwords.c - what is remembered of passwords; see auth_passwords.h. Pure. Enforcer only. */
#include "agent/enforcer/auth_passwords.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/enforcer/state_text.h"
#include "agent/util/codec.h"
#include "agent/util/mem.h"

#define PASSWORDS_LINE "mdm-agent-passwords 1"

static void hash_free(char *hash)
{
	if (hash)
		secret_free(hash, strlen(hash));
}

static void password_done(struct auth_password *row)
{
	hash_free(row->hash);
	for (size_t i = 0; i < row->n_history; i++)
		hash_free(row->history[i]);
	*row = (struct auth_password){0};
}

void auth_passwords_done(struct auth_passwords *passwords)
{
	for (size_t i = 0; i < passwords->n_rows; i++)
		password_done(&passwords->rows[i]);
	passwords->n_rows = 0;
}

struct auth_password *auth_passwords_find(struct auth_passwords *passwords, const char *user)
{
	for (size_t i = 0; i < passwords->n_rows; i++)
		if (strcmp(passwords->rows[i].user, user) == 0)
			return &passwords->rows[i];
	return NULL;
}

static bool history_trim(struct auth_password *row, uint32_t n_history)
{
	bool trimmed = row->n_history > n_history;

	while (row->n_history > n_history)
		hash_free(TAKE_PTR(row->history[--row->n_history]));
	return trimmed;
}

/* The hash in use becomes the newest of the earlier ones. */
static void history_push(struct auth_password *row, uint32_t n_history)
{
	if (!row->hash || n_history == 0)
		return;
	history_trim(row, n_history - 1);
	memmove(&row->history[1], &row->history[0], row->n_history * sizeof(row->history[0]));
	row->history[0] = TAKE_PTR(row->hash);
	row->n_history++;
}

int auth_passwords_see(
	struct auth_passwords *passwords, const char *user, const char *hash, uint32_t n_history)
{
	struct auth_password *row = auth_passwords_find(passwords, user);
	char *copy = NULL;
	uint8_t field[SHA256_BYTES];
	int r = sha256(hash, strlen(hash), field), ret = 0;

	if (n_history > LIMIT_PASSWORD_HISTORY)
		n_history = LIMIT_PASSWORD_HISTORY;
	if (r == 0 && !row && passwords->n_rows == LIMIT_ACCOUNTS)
		r = -ENOSPC;
	if (r == 0 && n_history > 0) {
		copy = strdup(hash);
		r = copy ? 0 : -ENOMEM;
	}
	if (r < 0)
		return r;
	if (!row) {
		row = &passwords->rows[passwords->n_rows++];
		snprintf(row->user, sizeof(row->user), "%s", user);
		memcpy(row->field, field, sizeof(field));
		ret = AUTH_PASSWORD_KEPT;
	} else if (memcmp(row->field, field, sizeof(field)) != 0) {
		history_push(row, n_history);
		memcpy(row->field, field, sizeof(field));
		row->judged = row->temporary = false;
		row->broken = 0;
		ret = AUTH_PASSWORD_CHANGED;
	}
	/* Kept from when a history is wanted, so that the first change is not missed. */
	if (!row->hash != !copy && ret == 0)
		ret = AUTH_PASSWORD_KEPT;
	hash_free(row->hash);
	row->hash = copy;
	if (history_trim(row, n_history) && ret == 0)
		ret = AUTH_PASSWORD_KEPT;
	return ret;
}

bool auth_passwords_keep(struct auth_passwords *passwords,
	bool (*keep)(const char *user, void *userdata), void *userdata)
{
	bool forgot = false;

	for (size_t i = passwords->n_rows; i-- > 0;) {
		if (keep(passwords->rows[i].user, userdata))
			continue;
		password_done(&passwords->rows[i]);
		passwords->rows[i] = passwords->rows[--passwords->n_rows];
		passwords->rows[passwords->n_rows] = (struct auth_password){0};
		forgot = true;
	}
	return forgot;
}

/* --- text -------------------------------------------------------------------------------- */

/* A field of shadow(5) as state files carry it. */
static bool hash_is_valid(const char *hash)
{
	size_t n = strlen(hash);

	return n > 0 && n <= LIMIT_HASH_BYTES && text_is_valid(hash, n);
}

static int password_take_verdict(struct auth_password *row, char *value)
{
	char *broken = strchr(value, ' ');
	int64_t number;

	if (!broken)
		return -EBADMSG;
	*broken++ = 0;
	if (hex_decode(value, row->rules, SHA256_BYTES) < 0 ||
		parse_int64(broken, 0, UINT32_MAX, &number) < 0)
		return -EBADMSG;
	row->judged = true;
	row->broken = (uint32_t)number;
	return 0;
}

static int password_take_hash(char **slot, const char *value)
{
	if (*slot || !hash_is_valid(value))
		return -EBADMSG;
	*slot = strdup(value);
	return *slot ? 0 : -ENOMEM;
}

static int password_begin(struct auth_passwords *passwords, char *value)
{
	struct auth_password *row;
	char *user = strchr(value, ' ');

	if (!user)
		return -EBADMSG;
	*user++ = 0;
	if (passwords->n_rows == LIMIT_ACCOUNTS || !*user || strlen(user) > LIMIT_USER_BYTES ||
		auth_passwords_find(passwords, user))
		return -EBADMSG;
	row = &passwords->rows[passwords->n_rows];
	*row = (struct auth_password){0};
	if (hex_decode(value, row->field, SHA256_BYTES) < 0)
		return -EBADMSG;
	snprintf(row->user, sizeof(row->user), "%s", user);
	passwords->n_rows++;
	return 0;
}

/* "name value" lines; those of an account stand behind its "account" line. */
static int password_take(char *line, void *userdata)
{
	struct auth_passwords *passwords = userdata;
	struct auth_password *row =
		passwords->n_rows ? &passwords->rows[passwords->n_rows - 1] : NULL;
	char *value = strchr(line, ' ');

	if (value)
		*value++ = 0;
	if (value && strcmp(line, "account") == 0)
		return password_begin(passwords, value);
	if (!row)
		return -EBADMSG;
	if (strcmp(line, "temporary") == 0 && !value) {
		row->temporary = true;
		return 0;
	}
	if (!value)
		return -EBADMSG;
	if (strcmp(line, "hash") == 0)
		return password_take_hash(&row->hash, value);
	if (strcmp(line, "verdict") == 0 && !row->judged)
		return password_take_verdict(row, value);
	if (strcmp(line, "history") == 0 && row->n_history < LIMIT_PASSWORD_HISTORY) {
		int r = password_take_hash(&row->history[row->n_history], value);

		if (r == 0)
			row->n_history++;
		return r;
	}
	return -EBADMSG;
}

int auth_passwords_parse(const char *text, size_t n_bytes, struct auth_passwords *ret_passwords)
{
	struct auth_passwords passwords = {0};
	int r = state_text_parse(text, n_bytes, PASSWORDS_LINE, password_take, &passwords);

	if (r < 0) {
		auth_passwords_done(&passwords);
		return r;
	}
	*ret_passwords = passwords;
	return 0;
}

int auth_passwords_write(const struct auth_passwords *passwords, struct buf *out)
{
	char hex[2 * SHA256_BYTES + 1];

	buf_puts(out, PASSWORDS_LINE "\n");
	for (size_t i = 0; i < passwords->n_rows; i++) {
		const struct auth_password *row = &passwords->rows[i];

		hex_encode(row->field, SHA256_BYTES, hex);
		buf_printf(out, "account %s %s\n", hex, row->user);
		if (row->hash)
			buf_printf(out, "hash %s\n", row->hash);
		if (row->judged) {
			hex_encode(row->rules, SHA256_BYTES, hex);
			buf_printf(out, "verdict %s %u\n", hex, row->broken);
		}
		if (row->temporary)
			buf_puts(out, "temporary\n");
		for (size_t k = 0; k < row->n_history; k++)
			buf_printf(out, "history %s\n", row->history[k]);
	}
	return state_text_close(out);
}
