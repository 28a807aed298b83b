/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-agent-session, started by mdm-agentd to do something in the session of a user:
 * becomes that user before it reads a byte. It shows one notification, answers with one word and
 * ends; or it stays with the user's push service until mdm-agentd ends it. Runs as root for as long
 * as it takes to stop being root; of no use by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/ipc/channel.h"
#include "agent/sandbox/privilege.h"
#include "agent/util/codec.h"
#include "agent/util/log.h"
#include "platform/helper/connector.h"
#include "platform/helper/notify.h"

#define SESSION_SECONDS 12 /* longer than mdm-agentd waits */
#define SESSION_TEXTS 3	   /* application, title, text; each ended by NUL */

static const char usage[] =
	"Usage: mdm-agent-session notify UID GID\n"
	"       mdm-agent-session push UID GID\n"
	"\n"
	"Shows a notification for mdm-agentd, which starts it and writes the text to its\n"
	"standard input; or listens to the push service of the session, with a channel to\n"
	"mdm-agentd on descriptor 3. It is of no use by itself.\n";

/* 0 or -errno; the process must exit then. */
static int session_become(const struct sandbox_role *role, uid_t uid, gid_t gid)
{
	const struct privilege_user user = {.uid = uid, .gid = gid};
	struct sandbox_error error = {0};
	unsigned int n_limits;
	bool root = geteuid() == 0;
	int r;

	/* Nobody's session is root's, whatever was asked for. */
	if (uid == 0 || gid == 0 || (!root && geteuid() != uid)) {
		log_error("user %" PRIu32 " with group %" PRIu32 " cannot be told anything",
			(uint32_t)uid, (uint32_t)gid);
		return -EPERM;
	}
	r = privilege_limit(role, false, &n_limits, &error);
	if (r == 0)
		r = privilege_drop(role, root ? &user : NULL, &error);
	if (r < 0) {
		log_error("%s", error.message);
		return r;
	}
	/* Both are lost with the user: the session's programs are not to look into this process,
	 * and it is to end with its parent. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return -errno;
	return 0;
}

/* Exactly three texts. 0 or -EBADMSG. */
static int session_read(char *buffer, size_t size_bytes, const char *ret_texts[SESSION_TEXTS])
{
	size_t n = 0, at = 0;
	ssize_t got;

	while (n < size_bytes && (got = read(STDIN_FILENO, buffer + n, size_bytes - n)) > 0)
		n += (size_t)got;
	for (size_t i = 0; i < SESSION_TEXTS; i++) {
		size_t length = strnlen(buffer + at, n - at);

		if (at + length >= n || !text_is_valid(buffer + at, length))
			return -EBADMSG;
		ret_texts[i] = buffer + at;
		at += length + 1;
	}
	return at == n ? 0 : -EBADMSG;
}

static int session_notify(void)
{
	static const char *const words[NOTIFY_RESULT_MAX] = {
		[NOTIFY_NO_BUS] = "bus",
		[NOTIFY_NO_SERVICE] = "service",
		[NOTIFY_NO_ANSWER] = "answer",
		[NOTIFY_REFUSED] = "refused",
	};
	char buffer[LIMIT_CHILD_INPUT_BYTES];
	const char *texts[SESSION_TEXTS];
	enum notify_result result;
	uint32_t id = 0;

	if (session_read(buffer, sizeof(buffer), texts) < 0) {
		log_error("standard input does not hold three texts");
		return 2;
	}
	result = notify_show(texts[0], texts[1], texts[2], &id);
	if (result == NOTIFY_SHOWN)
		printf("shown %" PRIu32 "\n", id);
	else
		printf("none %s\n", words[result]);
	return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct sandbox_role *role = &sandbox_role_session;
	int64_t uid, gid;

	log_setup("mdm-agent-session", LOG_LEVEL_WARNING);
	if (argc != 4 || (strcmp(argv[1], "notify") != 0 && strcmp(argv[1], "push") != 0) ||
		parse_int64(argv[2], 0, UINT32_MAX - 1, &uid) < 0 ||
		parse_int64(argv[3], 0, UINT32_MAX - 1, &gid) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (strcmp(argv[1], "push") == 0)
		role = &sandbox_role_push;
	if (session_become(role, (uid_t)uid, (gid_t)gid) < 0)
		return 1;
	if (role == &sandbox_role_push)
		return connector_run(CHANNEL_FD);
	alarm(SESSION_SECONDS);
	return session_notify();
}
