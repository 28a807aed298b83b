/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render_journal.h - the sentences of a record of the journal, by its type. As with all pages any
 * JSON may be given: what is missing is left out, and no JSON reaches people. Pure; agentctl.
 */
#ifndef MDM_CTL_RENDER_JOURNAL_H
#define MDM_CTL_RENDER_JOURNAL_H

#include "agent/ctl/page.h"
#include "agent/json/json_read.h"

/* One or more whole paragraphs. */
typedef void journal_words_fn(struct page *p, struct json_object *data);

/* Whether there are words of its own for a type ("app_found"). */
bool render_journal_has_words(const char *type);
/* Those, or the members of data one after the other, whatever they are. data may be NULL. */
void render_journal_words(struct page *p, const char *type, struct json_object *data);

/* --- pieces */

/* A value without braces, brackets and quotes: "a, b", "name: x, size: 3". */
void journal_value(struct page *p, struct json_object *value);
/* " (reason)" with spaces for underscores, unless there is none or it is "ok". */
void journal_reason(struct page *p, struct json_object *data);
/* ": detail" and a full stop, or the full stop alone. */
void journal_end(struct page *p, const char *detail);
/* The number of a member, 0 where there is none; and "s" for all but 1. */
int64_t journal_count(struct json_object *data, const char *name);
const char *journal_s(int64_t n);

/* --- words by type; render_journal_apps.c, render_journal_access.c,
 * render_journal_places.c */

journal_words_fn journal_app, journal_app_found, journal_exec_denied, journal_guard;
journal_words_fn journal_profile, journal_place, journal_position, journal_action;
journal_words_fn journal_auth_failed, journal_auth_locked_out, journal_auth_unlocked,
	journal_auth_missed, journal_password_changed, journal_recovery_key, journal_crypto_lock,
	journal_wipe;

#endif
