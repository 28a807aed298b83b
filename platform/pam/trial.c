/* SPDX-License-Identifier: Apache-2.0 */
/* trial.c - one authentication through libpam, in a process of its own; see trial.h. */
#include "platform/pam/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <security/pam_appl.h>

#include "agent/util/clock.h"
#include "agent/util/mem.h"

/* Every question is answered with the same password, as by the locker of a phone. */
static int trial_answer(int n, const struct pam_message **messages,
	struct pam_response **ret_responses, void *userdata)
{
	const char *password = userdata;
	struct pam_response *responses;

	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	responses = calloc((size_t)n, sizeof(*responses));
	if (!responses)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		if (messages[i]->msg_style != PAM_PROMPT_ECHO_OFF &&
			messages[i]->msg_style != PAM_PROMPT_ECHO_ON)
			continue;
		responses[i].resp = strdup(password);
		if (!responses[i].resp) {
			while (i-- > 0)
				free(responses[i].resp);
			free(responses);
			return PAM_BUF_ERR;
		}
	}
	*ret_responses = responses;
	return PAM_SUCCESS;
}

static void trial_no_delay(int status, unsigned delay_us, void *userdata)
{
	(void)status;
	(void)delay_us;
	(void)userdata;
}

static void trial_child(const struct trial *trial, int result_fd)
{
	const struct pam_conv conv = {trial_answer, (void *)(uintptr_t)trial->password};
	struct trial_result result = TRIAL_RESULT_NONE;
	union {
		void (*fn)(int, unsigned, void *);
		const void *item;
	} delay = {.fn = trial_no_delay};
	pam_handle_t *pamh = NULL;
	int null_fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setsid();
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0 ||
		dup2(null_fd, STDERR_FILENO) < 0)
		_exit(2);
	result.begin = pam_start_confdir(trial->service, trial->user, &conv, trial->confdir, &pamh);
	if (result.begin == PAM_SUCCESS) {
		(void)pam_set_item(pamh, PAM_FAIL_DELAY, delay.item);
		result.auth = pam_authenticate(pamh, PAM_SILENT);
		/* Without an authentication before it as well: what it says must not depend on it.
		 */
		result.account = pam_acct_mgmt(pamh, PAM_SILENT);
		if (trial->changes)
			result.change = pam_chauthtok(pamh, PAM_SILENT);
		(void)pam_end(pamh, result.auth);
	}
	_exit(write(result_fd, &result, sizeof(result)) == sizeof(result) ? 0 : 2);
}

/* Waits for the result or for the end of all who could write it. */
static int trial_read(int fd, int64_t deadline_us, struct trial_result *ret_result)
{
	struct trial_result result;
	ssize_t n;

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int64_t left_us = deadline_us - clock_boottime_us();
		int r = poll(&wait, 1, left_us <= 0 ? 0 : (int)(left_us / 1000 + 1));

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			return -ETIMEDOUT;
		if (r > 0)
			break;
	}
	/* Smaller than a pipe's page, so whole or not there. */
	n = read(fd, &result, sizeof(result));
	if (n != sizeof(result))
		return n < 0 ? -errno : -ECHILD;
	*ret_result = result;
	return 0;
}

int trial_run(const struct trial *trial, int64_t patience_us, struct trial_result *ret_result)
{
	int64_t deadline_us = clock_boottime_us() + patience_us;
	_cleanup_close_ int from = -1;
	int ends[2];
	pid_t pid;
	int r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	from = ends[0];
	pid = fork();
	if (pid < 0) {
		r = -errno;
		close(ends[1]);
		return r;
	}
	if (pid == 0)
		trial_child(trial, ends[1]);
	close(ends[1]);
	r = trial_read(from, deadline_us, ret_result);
	/* It leads a session: what modules started of programs goes as well. */
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return r;
}
