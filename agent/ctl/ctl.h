/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.h - what every verb of agentctl shares: options, terminal, the request to the agent, and the
 * way to say how it ended. Holds no privilege; the agent decides who may do what.
 */
#ifndef MDM_CTL_CTL_H
#define MDM_CTL_CTL_H

#include "agent/ctl/client.h"
#include "agent/ctl/exit.h"
#include "agent/ctl/options.h"
#include "agent/ctl/page.h"

#define CTL_SOCKET MDM_RUN_DIR "/agent.sock"
#define CTL_GROUP "mdm-admin"
#define CTL_SERVICE "mdm-agentd"

struct ctl {
	struct options options;
	unsigned width; /* of standard output */
	bool colour;	/* on standard output */
	bool out_is_tty;
	int64_t now_s;
	bool interrupted; /* a signal ended the wait: the program shall end by it */
};

/* The whole program. Returns the exit status. */
int ctl_main(int argc, char **argv);

/*
 * Asks the agent. CTL_EXIT_OK with *ret_answer set, or the exit code with the message printed; an
 * answer that is a refusal is printed too. body NULL stands for an empty one.
 */
enum ctl_exit ctl_ask(struct ctl *ctl, enum message_type type, const void *body, uint32_t timeout_s,
	struct client_answer *ret_answer);
/* The same, and an answer without JSON is an error. */
enum ctl_exit ctl_ask_json(
	struct ctl *ctl, enum message_type type, struct client_answer *ret_answer);

/* The same without a word: whether an answer with JSON came. */
bool ctl_ask_quietly(struct ctl *ctl, enum message_type type, struct client_answer *ret_answer);

/* Says what went wrong on standard error (and as JSON on standard output with --json). Returns
 * code. */
enum ctl_exit ctl_fail(struct ctl *ctl, enum ctl_exit code, const char *format, ...) _printf_(3, 4);
/* Prints a wrapped line to standard error: progress, hints. */
void ctl_note(struct ctl *ctl, const char *format, ...) _printf_(2, 3);

/* Writes to standard output, then returns code, or CTL_EXIT_FAILURE if that failed. */
enum ctl_exit ctl_write(struct ctl *ctl, const struct buf *out, enum ctl_exit code);
/* JSON as one document and a newline; on a terminal harmless there. */
enum ctl_exit ctl_write_json(struct ctl *ctl, const char *json, size_t n_bytes, enum ctl_exit code);

#endif
