/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: pam */
/*
 * pam_bench.c - what pam_mdm.so adds to a successful authentication: pam_bench CONFDIR USER
 * PASSWORD. The services "plain", with the module and an agent that counts, and "bare", without,
 * take turns; medians of the time that pam_authenticate(3) takes. Prints "NAME VALUE" lines.
 * Benchmarks only.
 */
#include <unistd.h>

#include <security/pam_appl.h>

#include "bench/sample.h"

#define ROUNDS 41
/* The verification goes on behind the person's back; nobody logs in twice within it. */
#define PAUSE_US (250 * 1000)

static int converse(int n, const struct pam_message **messages, struct pam_response **ret_responses,
	void *userdata)
{
	struct pam_response *responses = calloc((size_t)n, sizeof(*responses));

	for (int i = 0; responses && i < n; i++)
		if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
			responses[i].resp = strdup(userdata);
	*ret_responses = responses;
	return responses ? PAM_SUCCESS : PAM_BUF_ERR;
}

static double authenticate_us(
	const char *confdir, const char *service, const char *user, char *password)
{
	const struct pam_conv conv = {converse, password};
	pam_handle_t *pamh;
	double start;
	int r;

	usleep(PAUSE_US);
	r = pam_start_confdir(service, user, &conv, confdir, &pamh);
	start = sample_clock_us(CLOCK_MONOTONIC);
	if (r == PAM_SUCCESS)
		r = pam_authenticate(pamh, 0);
	start = sample_clock_us(CLOCK_MONOTONIC) - start;
	if (r != PAM_SUCCESS) {
		fprintf(stderr, "pam_bench: %s: %s\n", service, pam_strerror(NULL, r));
		exit(1);
	}
	pam_end(pamh, r);
	return start;
}

int main(int argc, char **argv)
{
	double with[ROUNDS], without[ROUNDS];

	if (argc != 4) {
		fprintf(stderr, "Usage: pam_bench CONFDIR USER PASSWORD\n");
		return 2;
	}
	for (int i = -1; i < ROUNDS; i++) {
		/* The first loads modules and warms up. */
		with[i < 0 ? 0 : i] = authenticate_us(argv[1], "plain", argv[2], argv[3]);
		without[i < 0 ? 0 : i] = authenticate_us(argv[1], "bare", argv[2], argv[3]);
	}
	printf("pam.with_ms %.3f\n", sample_median(with, ROUNDS) / 1000);
	printf("pam.bare_ms %.3f\n", sample_median(without, ROUNDS) / 1000);
	printf("pam.added_ms %.3f\n",
		sample_median(with, ROUNDS) / 1000 - sample_median(without, ROUNDS) / 1000);
	return 0;
}
