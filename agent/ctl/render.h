/* SPDX-License-Identifier: Apache-2.0 */
/*
 * render.h - the answers of the agent (docs/protocol.md, section 6) as pages for people. Any JSON
 * object may be given: what is missing or odd is left out or named, nothing is trusted. Pure.
 */
#ifndef MDM_CTL_RENDER_H
#define MDM_CTL_RENDER_H

#include "agent/ctl/page.h"
#include "agent/json/json_read.h"

/* compliance: the answer of CTL_COMPLIANCE, for the list of settings; NULL: areas only. */
void render_status(
	struct page *p, struct json_object *answer, struct json_object *compliance, int64_t now_s);
void render_policy_show(struct page *p, struct json_object *answer, int64_t now_s);
/* area and setting select; NULL: all. Returns how many settings were shown. */
size_t render_policy_explain(
	struct page *p, struct json_object *answer, const char *area, const char *setting);
void render_compliance(struct page *p, struct json_object *answer, int64_t now_s);
void render_journal(struct page *p, struct json_object *answer, int64_t now_s);
void render_journal_verify(struct page *p, struct json_object *answer);
void render_privacy(struct page *p, struct json_object *answer, int64_t now_s);
void render_commands(struct page *p, struct json_object *answer, int64_t now_s);
/* What is reported of apps, with what the policy says of each. */
void render_apps(struct page *p, struct json_object *answer, int64_t now_s);
/* Places of the policies; one of them (0: there is none of that name, nothing was shown). */
/* A source of positions as people know it: the agent calls /etc/geolocation "file". */
const char *render_location_source(const char *source);
void render_places(struct page *p, struct json_object *answer, int64_t now_s);
size_t render_place(struct page *p, struct json_object *answer, const char *name, int64_t now_s);
/* Recovery keys, disk by disk. */
void render_escrow(struct page *p, struct json_object *answer);
/* Lines of the status page: what runs, and what ended badly lately. */
void render_commands_status(struct page *p, struct json_object *status, int64_t now_s);
/* The same of passwords: what is known of those in use, and attempts at them. */
void render_passwords_status(struct page *p, struct json_object *status);
/* What is being installed or removed. */
void render_apps_status(struct page *p, struct json_object *status, int64_t now_s);
/* Which programs may start, and what was stopped lately. */
void render_guard_status(struct page *p, struct json_object *status, int64_t now_s);

/* Whether the organisation hears where the phone is; nothing where it does not. */
void render_location_status(struct page *p, struct json_object *status, int64_t now_s);
/* The same in full, with each position that it was told. */
void render_location_privacy(struct page *p, struct json_object *answer, int64_t now_s);
/* Whether it may hear of it, now or once the phone counts as lost. */
bool render_location_is_told(struct json_object *answer);

/* --- pieces that several pages use */

/*
 * A state of docs/protocol.md in words; a state of a newer agent as it came. The reason tells what
 * was not looked at yet from what was looked at in vain; NULL where the answer gives none.
 */
struct render_words {
	const char *text;
	enum page_style style;
	const char *sentence; /* the same of everything that is asked for */
};
struct render_words render_state(const char *state, const char *reason);
/*
 * The reason for the state of everything together: that of a setting in this state. A setting that
 * was looked at in vain counts before those whose turn comes. NULL if there is none.
 */
const char *render_reason(struct json_object *settings, const char *state);
/* The answer says that nobody manages this phone; render_unmanaged() says so, too. */
bool render_is_unmanaged(struct json_object *answer);
bool render_unmanaged(struct page *p, struct json_object *answer);
/* Whether the answer says that everything is in force. */
bool render_is_compliant(struct json_object *compliance);
/* "screen lock" of "screen_lock", for people. */
void render_spaced(const char *name, char *ret_text, size_t size_bytes);
/* A state of a command (docs/protocol.md, section 7). */
struct render_words render_command_state(const char *state);
/* Why a program was not started: "is blocked by the organisation". */
const char *render_guard_reason(const char *reason);
/* A value of a policy: its text if there is one, else its JSON. ret_text holds at least 16 bytes.
 */
void render_value(struct json_object *object, const char *value, const char *text, char *ret_text,
	size_t size_bytes);

#endif
