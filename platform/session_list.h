/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session_list.h - the sessions of logind or elogind as they are and as they change: read once,
 * then kept up to date by its signals until it is freed. What an operation of session.h looks at.
 * Enforcer only.
 */
#ifndef MDM_PLATFORM_SESSION_LIST_H
#define MDM_PLATFORM_SESSION_LIST_H

#include <systemd/sd-bus.h>

#include "platform/session.h"

#define LOGIN_NAME "org.freedesktop.login1"
#define LOGIN_PATH "/org/freedesktop/login1"
#define LOGIN_MANAGER "org.freedesktop.login1.Manager"
#define LOGIN_SESSION "org.freedesktop.login1.Session"
#define LOGIN_USER "org.freedesktop.login1.User"

#define LOGIN_OWNER_BYTES 64			 /* ":1.234" */
#define LOGIN_TIMEOUT_US (5 * UINT64_C(1000000)) /* for one answer of logind */

struct session_list;

struct session_row {
	struct session_list *list;
	char id[LIMIT_NAME_BYTES + 1];
	char path[LIMIT_TEXT_BYTES + 1];
	char user_path[LIMIT_TEXT_BYTES + 1];
	uint32_t uid;
	char class[24], type[24], state[24];
	bool active, remote, locked;
	bool known;	   /* its properties were read */
	bool stale;	   /* they changed while they were being read */
	sd_bus_slot *read; /* they are being read */
	/* Of the operation. */
	unsigned int n_asked;
	bool asked;
	sd_bus_slot *ask;
};

struct session_list {
	sd_bus *bus;
	/* Whose signals and answers count, as the bus itself says; "": nobody's. */
	char owner[LOGIN_OWNER_BYTES];
	sd_bus_slot *match_owner, *match_new, *match_removed, *match_changed, *owner_call, *call;
	struct session_row *rows[LIMIT_SESSIONS];
	size_t n_rows;
	bool listed;   /* the list of the present login service was read */
	bool too_many; /* some did not fit */
	/* After every change, and after every row that was read. May free the list. */
	void (*changed)(struct session_list *list, void *userdata);
	/* The list could not be read. May free the list. */
	void (*failed)(struct session_list *list, enum session_result result, const char *detail,
		void *userdata);
	void *userdata;
};

/*
 * The system bus of the phone, on its loop. SESSION_DONE; SESSION_NO_LOGIND; SESSION_TROUBLE.
 * Another root than "/" has no bus but the one that DBUS_SYSTEM_BUS_ADDRESS names: tests must not
 * reach the machine they run on.
 */
enum session_result session_bus(
	struct platform *platform, sd_bus **ret_bus, char ret_detail[LIMIT_TEXT_BYTES + 1]);
/* What an error of a call to logind means. */
enum session_result session_error(const sd_bus_error *error, char ret_detail[LIMIT_TEXT_BYTES + 1]);

/* Starts to read. The caller has set changed, failed and userdata. Results as of session_bus(). */
enum session_result session_list_open(struct session_list *list, struct platform *platform,
	char ret_detail[LIMIT_TEXT_BYTES + 1]);
void session_list_close(struct session_list *list);

/*
 * Whether the login service sent the message. The match of a signal on its name is no proof: it
 * lets everybody pass, and every user may send signals to the agent.
 */
bool session_list_is_from(const struct session_list *list, sd_bus_message *m);
/* Reads the properties of every session again. */
void session_list_reread(struct session_list *list);
/* Whether a row is still being read. */
bool session_list_is_reading(const struct session_list *list);

/* The session of a person in front of the screen, graphical ones first; NULL: there is none. */
const struct session_row *session_list_front(const struct session_list *list);

/* A person's own session that has not ended, as opposed to greeters and background services. */
bool session_is_of_user(const struct session_row *row);
bool session_is_graphical(const struct session_row *row);

/* The end of an operation: frees it, then tells. */
void session_finish(const struct session_start *start, enum session_result result,
	const char *detail_format, ...) _printf_(3, 4);
/* An operation that had ended before it began: tells from the loop. 0 or -errno. */
int session_finish_later(
	const struct session_start *start, enum session_result result, const char *detail);

/* The operations; see session.h. */
int session_lock(const struct session_start *start);
int session_notify(const struct session_start *start, const struct session_note *note);
int session_reboot(const struct session_start *start);
int session_end(const struct session_start *start);

#endif
