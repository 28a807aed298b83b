/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pam_mdm.c - pam_mdm.so: the agent's place in front of pam_unix. It asks whether an attempt is
 * allowed, hands what was typed to the agent in a pipe, and leaves the verdict to whatever comes
 * next in the stack: it never lets anybody in. Whether the password was right it neither knows nor
 * says. Runs inside lockers (as the user), greeters, sshd, sudo: no global state but a counter,
 * nothing printed, errno as it was.
 *
 *   PAM_IGNORE    the stack goes on: allowed, or none of the agent's business, or nobody answers
 *   PAM_AUTH_ERR  refused. Every caller takes that for a wrong password and asks again later; with
 *                 PAM_MAXTRIES sshd would close the connection and refuse keys as well, with
 *                 PAM_AUTHINFO_UNAVAIL greeters would stop asking
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <security/pam_ext.h>
#include <security/pam_modules.h>

#include "agent/util/mem.h"
#include "platform/pam/client.h"
#include "platform/pam/words.h"

#define EXPORT __attribute__((visibility("default")))
/* A caller that asks again at once, without a person, shall not do so thousands of times. */
#define REFUSED_DELAY_US (1000 * 1000)
#define CHANGE_TRIES 3

struct options {
	const char *socket_path;
	bool refuse_unreachable, quiet, dry;
};

/* What libpam itself reads from a module's arguments when it asks for a password. */
static const char *const options_of_libpam[] = {
	"use_authtok", "use_first_pass", "try_first_pass", "authtok_type="};

static struct options options_read(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options options = {.socket_path = CLIENT_SOCKET, .quiet = flags & PAM_SILENT};

	for (int i = 0; i < argc; i++) {
		bool known = false;

		for (size_t k = 0; k < ARRAY_SIZE(options_of_libpam); k++)
			known = known || strncmp(argv[i], options_of_libpam[k],
						 strlen(options_of_libpam[k])) == 0;
		if (strncmp(argv[i], "socket=", 7) == 0)
			options.socket_path = argv[i] + 7;
		else if (strcmp(argv[i], "unreachable=refuse") == 0)
			options.refuse_unreachable = true;
		else if (strcmp(argv[i], "quiet") == 0)
			options.quiet = true;
		else if (strcmp(argv[i], "dry") == 0)
			options.dry = true;
		else if (!known)
			pam_syslog(pamh, LOG_ERR, "there is no option \"%s\"; it has no effect",
				argv[i]);
	}
	return options;
}

/*
 * Tells the person something, if that is possible: some lockers take messages for an error, which
 * is no reason to fail, nor to write so into the log as libpam's own functions do.
 */
static void say(pam_handle_t *pamh, const struct options *options, int style, const char *text)
{
	const struct pam_message message = {.msg_style = style, .msg = text};
	const struct pam_message *messages = &message;
	struct pam_response *response = NULL;
	const struct pam_conv *conv;
	const void *item = NULL;

	if (options->quiet || !text[0] || pam_get_item(pamh, PAM_CONV, &item) != PAM_SUCCESS)
		return;
	conv = item;
	if (!conv || !conv->conv)
		return;
	(void)conv->conv(1, &messages, &response, conv->appdata_ptr);
	/* Nobody was asked for anything, but some answer. */
	if (response) {
		if (response->resp)
			secret_free(response->resp, strlen(response->resp));
		free(response);
	}
}

static void say_answer(
	pam_handle_t *pamh, const struct options *options, const struct msg_auth_answer *answer)
{
	char text[WORDS_BYTES];

	words_answer(answer, text);
	say(pamh, options, answer->verdict == AUTH_UNLOCKED ? PAM_TEXT_INFO : PAM_ERROR_MSG, text);
}

static int refuse(
	pam_handle_t *pamh, const struct options *options, const struct msg_auth_answer *answer)
{
	say_answer(pamh, options, answer);
	(void)pam_fail_delay(pamh, REFUSED_DELAY_US);
	return PAM_AUTH_ERR;
}

/* The rule for an agent that is down, hangs or talks nonsense: as if this module were not there. */
static int unreachable(pam_handle_t *pamh, const struct options *options, int r)
{
	if (options->refuse_unreachable) {
		pam_syslog(pamh, LOG_ERR, "mdm-agentd does not answer (%s): refused, as configured",
			strerror(-r));
		say(pamh, options, PAM_ERROR_MSG,
			"The management agent of this device does not answer, and nobody can log "
			"in here without it.");
		(void)pam_fail_delay(pamh, REFUSED_DELAY_US);
		return PAM_AUTH_ERR;
	}
	pam_syslog(pamh, LOG_WARNING,
		"mdm-agentd does not answer (%s): going on without it, the attempt is not counted",
		strerror(-r));
	client_missed(options->socket_path);
	return PAM_IGNORE;
}

/* sshd says where somebody comes from, greeters and lockers say nothing, sudo names this machine.
 */
static bool host_is_remote(const char *host)
{
	char own[HOST_NAME_MAX + 1] = "";

	(void)gethostname(own, sizeof(own) - 1);
	return *host && strcmp(host, own) != 0;
}

/* Who it is about. 0, or what the module returns at once. */
static int client_begin(
	pam_handle_t *pamh, const struct options *options, struct client *ret_client)
{
	const void *service = NULL, *host = NULL;
	int r;

	*ret_client = (struct client){.socket_path = options->socket_path};
	r = pam_get_user(pamh, &ret_client->user, NULL);
	if (r == PAM_CONV_AGAIN)
		return PAM_INCOMPLETE;
	if (r != PAM_SUCCESS)
		return r;
	(void)pam_get_item(pamh, PAM_SERVICE, &service);
	ret_client->service = service;
	(void)pam_get_item(pamh, PAM_RHOST, &host);
	ret_client->is_remote = host && host_is_remote(host);
	return client_user_fits(ret_client->user) ? PAM_SUCCESS : PAM_IGNORE;
}

/* No attempts are left: what is typed now counts as an unlock code only, and lets nobody in. */
static int ask_code(pam_handle_t *pamh, const struct options *options, struct client *client,
	struct msg_auth_answer *locked_out)
{
	struct msg_auth_answer answer;
	const void *typed = NULL;
	char *response = NULL;
	bool is_code;
	int r = 0;

	if (locked_out->wait_s)
		return refuse(pamh, options, locked_out);
	/* Somebody before us may have asked already: one prompt is enough. */
	(void)pam_get_item(pamh, PAM_AUTHTOK, &typed);
	if (!typed) {
		say_answer(pamh, options, locked_out);
		r = pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &response, "Unlock code: ");
		if (r != PAM_SUCCESS || !response)
			return PAM_AUTH_ERR;
	}
	/* A password that was typed out of habit is no wrong code, and stays here. */
	is_code = words_is_code(typed ? typed : response);
	if (is_code)
		r = client_ask(client, MESSAGE_AUTH_ATTEMPT, typed ? typed : response,
			CLIENT_VERIFY_PATIENCE_US, &answer);
	if (response)
		secret_free(response, strlen(response));
	if (!is_code) {
		if (typed)
			return refuse(pamh, options, locked_out);
		(void)pam_fail_delay(pamh, REFUSED_DELAY_US);
		return PAM_AUTH_ERR;
	}
	/*
	 * That no attempts are left was said a moment ago by an agent that was there. If it is gone
	 * now, the next authentication finds that out.
	 */
	if (r < 0) {
		pam_syslog(
			pamh, LOG_WARNING, "an unlock code could not be tried: %s", strerror(-r));
		return PAM_AUTH_ERR;
	}
	switch ((enum auth_verdict)answer.verdict) {
	case AUTH_UNLOCKED:
		say_answer(pamh, options, &answer);
		return PAM_AUTH_ERR;
	case AUTH_GO:
	case AUTH_UNCOUNTED:
		/* Unlocked from elsewhere in the meantime; what was typed was meant as a code. */
		return PAM_AUTH_ERR;
	case AUTH_WAIT:
	case AUTH_LOCKED_OUT:
	case AUTH_WRONG_CODE:
		return refuse(pamh, options, &answer);
	case AUTH_REFUSED:
	case AUTH_VERDICT_MAX:
		break;
	}
	return PAM_AUTH_ERR;
}

/* One attempt at the password that the item holds or asks for. */
static int attempt(
	pam_handle_t *pamh, const struct options *options, struct client *client, int item)
{
	struct msg_auth_answer answer;
	const char *token = NULL;
	int r;

	if (!options->dry) {
		r = client_ask(client, MESSAGE_AUTH_CHECK, NULL, CLIENT_PATIENCE_US, &answer);
		if (r < 0)
			return unreachable(pamh, options, r);
		switch ((enum auth_verdict)answer.verdict) {
		case AUTH_GO:
			break;
		case AUTH_UNCOUNTED:
			return PAM_IGNORE;
		case AUTH_WAIT:
			return refuse(pamh, options, &answer);
		case AUTH_LOCKED_OUT:
			return item == PAM_AUTHTOK ? ask_code(pamh, options, client, &answer)
						   : refuse(pamh, options, &answer);
		case AUTH_UNLOCKED:
		case AUTH_WRONG_CODE:
		case AUTH_REFUSED:
		case AUTH_VERDICT_MAX:
			return unreachable(pamh, options, -EPROTO);
		}
	}
	/* libpam keeps it for whoever comes next, and wipes it: nobody is asked twice. */
	r = pam_get_authtok(pamh, item, &token, NULL);
	if (r != PAM_SUCCESS)
		return r == PAM_CONV_AGAIN ? PAM_INCOMPLETE : r;
	if (options->dry || !token || !token[0])
		return PAM_IGNORE;
	r = client_ask(client, MESSAGE_AUTH_ATTEMPT, token, CLIENT_PATIENCE_US, &answer);
	if (r < 0)
		return unreachable(pamh, options, r);
	switch ((enum auth_verdict)answer.verdict) {
	case AUTH_GO:
	case AUTH_UNCOUNTED:
		return PAM_IGNORE;
	case AUTH_WAIT:
	case AUTH_LOCKED_OUT:
	case AUTH_UNLOCKED:
	case AUTH_WRONG_CODE:
		return refuse(pamh, options, &answer);
	case AUTH_REFUSED:
	case AUTH_VERDICT_MAX:
		break;
	}
	return unreachable(pamh, options, -EPROTO);
}

/* One new password. PAM_TRY_AGAIN: refused, and another one may be asked for. */
static int change_once(
	pam_handle_t *pamh, const struct options *options, struct client *client, bool asks_agent)
{
	struct msg_auth_answer answer;
	const char *token = NULL;
	int r;

	/*
	 * pam_unix behind this line uses what is set and asks for nothing itself (use_authtok), so
	 * this has to be set whatever the agent says.
	 */
	r = pam_get_authtok(pamh, PAM_AUTHTOK, &token, NULL);
	if (r != PAM_SUCCESS)
		return r == PAM_CONV_AGAIN ? PAM_INCOMPLETE : r;
	/* An empty one: pam_unix knows what it thinks of that, and compliance sees it. */
	if (!asks_agent || !token)
		return PAM_IGNORE;
	r = client_ask(client, MESSAGE_AUTH_CHANGE, token, CLIENT_VERIFY_PATIENCE_US, &answer);
	if (r < 0)
		return unreachable(pamh, options, r);
	switch ((enum auth_verdict)answer.verdict) {
	case AUTH_GO:
	case AUTH_UNCOUNTED:
		return PAM_IGNORE;
	case AUTH_REFUSED:
		say_answer(pamh, options, &answer);
		return PAM_TRY_AGAIN;
	case AUTH_WAIT:
	case AUTH_LOCKED_OUT:
		say_answer(pamh, options, &answer);
		return PAM_AUTHTOK_ERR;
	case AUTH_UNLOCKED:
	case AUTH_WRONG_CODE:
	case AUTH_VERDICT_MAX:
		break;
	}
	return unreachable(pamh, options, -EPROTO);
}

static int change(pam_handle_t *pamh, const struct options *options, struct client *client)
{
	struct msg_auth_answer answer;
	const void *given = NULL;
	bool asks_agent = false;
	int r;

	if (!options->dry && client_user_fits(client->user)) {
		r = client_ask(client, MESSAGE_AUTH_CHECK, NULL, CLIENT_PATIENCE_US, &answer);
		/* A change helps out of every wait, so that only "none of our business" counts. */
		asks_agent = r == 0 && answer.verdict != AUTH_UNCOUNTED;
		if (r < 0) {
			r = unreachable(pamh, options, r);
			if (r != PAM_IGNORE)
				return r;
		}
	}
	/* What a module before us asked for is judged once: it has to be that one which asks anew.
	 */
	(void)pam_get_item(pamh, PAM_AUTHTOK, &given);
	for (int i = 0; i < CHANGE_TRIES; i++) {
		r = change_once(pamh, options, client, asks_agent);
		if (r != PAM_TRY_AGAIN)
			return r;
		(void)pam_set_item(pamh, PAM_AUTHTOK, NULL);
		if (given)
			break;
	}
	return PAM_AUTHTOK_ERR;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options options = options_read(pamh, flags, argc, argv);
	int saved = errno;
	struct client client;
	int r;

	r = client_begin(pamh, &options, &client);
	if (r == PAM_SUCCESS)
		r = attempt(pamh, &options, &client, PAM_AUTHTOK);
	errno = saved;
	return r;
}

/* This module establishes nothing; as in pam_sm_authenticate() it has no say in the result. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_IGNORE;
}

/* No account ever fails here: lockers of phones have no way to change an expired password. */
EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	(void)pamh;
	(void)flags;
	(void)argc;
	(void)argv;
	return PAM_SUCCESS;
}

EXPORT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
	struct options options = options_read(pamh, flags, argc, argv);
	int saved = errno;
	struct client client;
	int r;

	r = client_begin(pamh, &options, &client);
	if (r == PAM_SUCCESS || r == PAM_IGNORE) {
		if (flags & PAM_UPDATE_AUTHTOK)
			r = change(pamh, &options, &client);
		/*
		 * Who has to say the old password first, as pam_unix has it, makes an attempt like
		 * any other; otherwise passwd(1) would be the place to guess.
		 */
		else if (r == PAM_SUCCESS && !options.dry &&
			 (getuid() != 0 || flags & PAM_CHANGE_EXPIRED_AUTHTOK))
			r = attempt(pamh, &options, &client, PAM_OLDAUTHTOK);
		else
			r = PAM_IGNORE;
	}
	errno = saved;
	return r;
}
