/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: pam */
/*
 * pam_tool.c - authenticates as lockers, greeters and hostile programs do, and tells what was said:
 * pam_tool [OPTION...] SERVICE USER STEP...
 *
 *   --confdir DIR   service files of one's own instead of the system's
 *   --style STYLE   plain: as login(1); phosh: one answer for every prompt, messages are an error,
 *                   silent; ssh: prompts without echo only; odd: answers messages, too, and with
 *                   junk; broken: every conversation fails
 *   --no-fds        without descriptors 0, 1 and 2 during the steps
 *   --search        how often the first answer is in this process's memory afterwards
 *   --delays        as they are; otherwise none
 *
 * STEPs: authenticate account setcred chauthtok. The answers are lines of standard input, the last
 * one for all that follow. Prints "prompt: TEXT", "info: TEXT", "error: TEXT", "STEP: CODE WORDS".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <security/pam_appl.h>

#include "agent/util/mem.h"

#define ANSWERS_BYTES 8192
#define MASK 0x5a /* answers are kept so that a search does not find these */

enum style {
	STYLE_PLAIN,
	STYLE_PHOSH,
	STYLE_SSH,
	STYLE_ODD,
	STYLE_BROKEN,
	STYLE_MAX
};
static const char *const style_names[STYLE_MAX] = {"plain", "phosh", "ssh", "odd", "broken"};

struct talk {
	enum style style;
	FILE *out;
	unsigned char *answers; /* masked, one after the other, each ended by a masked NUL */
	size_t n_answers, next;
};

/* The next answer, which libpam wipes and frees. */
static char *talk_answer(struct talk *talk)
{
	const unsigned char *masked = talk->answers + talk->next;
	size_t n = 0;
	char *answer;

	while (masked[n] != MASK)
		n++;
	answer = malloc(n + 1);
	if (!answer)
		abort();
	for (size_t i = 0; i <= n; i++)
		answer[i] = (char)(masked[i] ^ MASK);
	if (talk->next + n + 1 < talk->n_answers && talk->style != STYLE_PHOSH)
		talk->next += n + 1;
	return answer;
}

static bool style_is_prompt(int msg_style)
{
	return msg_style == PAM_PROMPT_ECHO_OFF || msg_style == PAM_PROMPT_ECHO_ON;
}

static int talk_converse(int n, const struct pam_message **messages,
	struct pam_response **ret_responses, void *userdata)
{
	struct talk *talk = userdata;
	struct pam_response *responses = calloc((size_t)n, sizeof(*responses));
	bool any_prompt = false;

	if (!responses)
		abort();
	for (int i = 0; i < n; i++) {
		bool prompt = style_is_prompt(messages[i]->msg_style);

		fprintf(talk->out, "%s: %s\n",
			prompt					  ? "prompt"
			: messages[i]->msg_style == PAM_ERROR_MSG ? "error"
								  : "info",
			messages[i]->msg);
		any_prompt = any_prompt || prompt;
		if (prompt && talk->style != STYLE_BROKEN)
			responses[i].resp = talk_answer(talk);
		else if (talk->style == STYLE_ODD)
			responses[i].resp = strdup("nobody asked for this");
		responses[i].resp_retcode = talk->style == STYLE_ODD ? 77 : 0;
	}
	if (talk->style == STYLE_BROKEN || (talk->style == STYLE_PHOSH && !any_prompt)) {
		free(responses);
		return PAM_CONV_ERR;
	}
	*ret_responses = responses;
	return PAM_SUCCESS;
}

static void no_delay(int status, unsigned delay_us, void *userdata)
{
	(void)status;
	(void)delay_us;
	(void)userdata;
}

static void answers_read(struct talk *talk)
{
	unsigned char *p = mmap(
		NULL, ANSWERS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t n = 0;
	ssize_t r;

	if (p == MAP_FAILED)
		abort();
	while (n < ANSWERS_BYTES - 1 && (r = read(STDIN_FILENO, p + n, ANSWERS_BYTES - 1 - n)) > 0)
		n += (size_t)r;
	if (n == 0 || p[n - 1] != '\n')
		p[n++] = '\n';
	for (size_t i = 0; i < n; i++)
		p[i] = p[i] == '\n' ? MASK : p[i] ^ MASK;
	talk->answers = p;
	talk->n_answers = n;
}

/* In all that this process can write to. */
static size_t memory_search(const unsigned char *masked, FILE *maps)
{
	size_t n = 0, n_found = 0;
	char line[512];

	while (masked[n] != MASK)
		n++;
	while (n && fgets(line, sizeof(line), maps)) {
		uintptr_t from, to;
		char mode[8];

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &from, &to, mode) != 3 ||
			strncmp(mode, "rw", 2) != 0)
			continue;
		for (const unsigned char *p = (const unsigned char *)from;
			p + n <= (const unsigned char *)to; p++) {
			size_t i = 0;

			while (i < n && (p[i] ^ MASK) == masked[i])
				i++;
			n_found += i == n;
		}
	}
	return n_found;
}

static size_t fds_count(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static int step_run(pam_handle_t *pamh, const char *step, int flags)
{
	if (strcmp(step, "authenticate") == 0)
		return pam_authenticate(pamh, flags);
	if (strcmp(step, "account") == 0)
		return pam_acct_mgmt(pamh, flags);
	if (strcmp(step, "setcred") == 0)
		return pam_setcred(pamh, flags | PAM_ESTABLISH_CRED);
	if (strcmp(step, "chauthtok") == 0)
		return pam_chauthtok(pamh, flags);
	fprintf(stderr, "pam_tool: there is no step %s\n", step);
	exit(2);
}

struct tool {
	const char *confdir, *host;
	bool no_fds, search, delays;
	struct talk talk;
};

static int steps_run(struct tool *tool, char **names)
{
	const struct pam_conv conv = {talk_converse, &tool->talk};
	int flags = tool->talk.style == STYLE_PHOSH ? PAM_SILENT : 0;
	union {
		void (*fn)(int, unsigned, void *);
		const void *item;
	} delay = {.fn = no_delay};
	struct sigaction before, after;
	pam_handle_t *pamh;
	size_t n_fds;
	int r;

	r = tool->confdir ? pam_start_confdir(names[0], names[1], &conv, tool->confdir, &pamh)
			  : pam_start(names[0], names[1], &conv, &pamh);
	if (r != PAM_SUCCESS) {
		fprintf(tool->talk.out, "start: %d %s\n", r, pam_strerror(NULL, r));
		return 1;
	}
	if (tool->host)
		(void)pam_set_item(pamh, PAM_RHOST, tool->host);
	if (!tool->delays)
		(void)pam_set_item(pamh, PAM_FAIL_DELAY, delay.item);
	(void)sigaction(SIGPIPE, NULL, &before);
	n_fds = fds_count();
	for (char **step = names + 2; *step; step++) {
		r = step_run(pamh, *step, flags);
		fprintf(tool->talk.out, "%s: %d %s\n", *step, r, pam_strerror(pamh, r));
	}
	(void)sigaction(SIGPIPE, NULL, &after);
	if (fds_count() != n_fds)
		fprintf(tool->talk.out, "descriptors: %zu before, %zu after\n", n_fds, fds_count());
	if (before.sa_handler != after.sa_handler)
		fprintf(tool->talk.out, "signals: changed\n");
	if (tool->search) {
		FILE *maps = fopen("/proc/self/maps", "re");

		if (!maps)
			abort();
		fprintf(tool->talk.out, "copies: %zu\n", memory_search(tool->talk.answers, maps));
		fclose(maps);
	}
	(void)pam_end(pamh, r);
	return r == PAM_SUCCESS ? 0 : 1;
}

static bool options_read(struct tool *tool, char ***argv)
{
	for (; **argv && strncmp(**argv, "--", 2) == 0; (*argv)++) {
		if (strcmp(**argv, "--confdir") == 0 && (*argv)[1]) {
			tool->confdir = *++*argv;
		} else if (strcmp(**argv, "--host") == 0 && (*argv)[1]) {
			tool->host = *++*argv;
		} else if (strcmp(**argv, "--style") == 0 && (*argv)[1]) {
			++*argv;
			for (tool->talk.style = 0; tool->talk.style < STYLE_MAX; tool->talk.style++)
				if (strcmp(style_names[tool->talk.style], **argv) == 0)
					break;
			if (tool->talk.style == STYLE_MAX)
				return false;
		} else if (strcmp(**argv, "--no-fds") == 0) {
			tool->no_fds = true;
		} else if (strcmp(**argv, "--search") == 0) {
			tool->search = true;
		} else if (strcmp(**argv, "--delays") == 0) {
			tool->delays = true;
		} else {
			return false;
		}
	}
	return (*argv)[0] && (*argv)[1] && (*argv)[2];
}

int main(int argc, char **argv)
{
	struct tool tool = {.talk.style = STYLE_PLAIN};

	(void)argc;
	argv++;
	if (!options_read(&tool, &argv)) {
		fprintf(stderr, "Usage: pam_tool [--confdir DIR] [--style STYLE] [--no-fds] "
				"[--search] [--delays] SERVICE USER STEP...\n");
		return 2;
	}
	answers_read(&tool.talk);
	tool.talk.out = fdopen(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 64), "w");
	if (!tool.talk.out)
		abort();
	setvbuf(tool.talk.out, NULL, _IOLBF, 0);
	if (tool.no_fds)
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			close(fd);
	return steps_run(&tool, argv);
}
