/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl.h - what every command of mdmctl gets: options that all commands know, the organisation,
 * where to print, and the passphrase once it was entered.
 */
#ifndef MDM_MDMCTL_CTL_H
#define MDM_MDMCTL_CTL_H

#include <stdio.h>

#include "server/ctl/args.h"
#include "server/ctl/keyfile.h"
#include "server/ctl/org.h"

struct ctl {
	FILE *out, *err;	     /* results; notes */
	char *org_path;		     /* owned; NULL: no home directory and no --org */
	const char *passphrase_file; /* NULL: ask */
	bool json, colour, yes;
	int64_t now_s;
	struct org org;		    /* open after ctl_open() */
	struct secret passphrase;   /* the one that opened a key last */
	bool warned, warned_server; /* expiry.h */
};

struct command_row {
	const char *name;     /* "policy sign" */
	const char *operands; /* "FILE", for the synopsis */
	const char *help;     /* one line */
	const char *text;     /* more for `mdmctl help COMMAND`; may be NULL */
	size_t min_operands, max_operands;
	const struct option_row *options; /* ended by a row without name; NULL: none */
	/* 0 or FAULT_* with the fault filled. */
	int (*run)(struct ctl *ctl, const struct args *args, struct fault *fault);
	void (*help_rows)(FILE *out); /* a table of its own in the help; NULL: none */
};

void ctl_done(struct ctl *ctl);

/* Opens the organisation; its newest keyset too. */
int ctl_open(struct ctl *ctl, struct fault *fault);

/*
 * Decrypts a key file of the organisation, asking for the passphrase where the one known does not
 * open it (three times at most). what is for the prompt: "signing key admin".
 */
int ctl_unlock(struct ctl *ctl, const char *name, const char *what, EVP_PKEY **ret_pkey,
	struct fault *fault);

/* The passphrase for new keys: the file's, or asked twice. */
int ctl_new_passphrase(
	struct ctl *ctl, const char *prompt, struct secret *ret_secret, struct fault *fault);

/* Asks a yes-or-no question on the terminal; --yes answers it. FAULT_FAILURE if it is no. */
int ctl_confirm(struct ctl *ctl, const char *question, struct fault *fault);

/* Prints a JSON text (--json) and checks that it got out. */
int ctl_print_json(struct ctl *ctl, struct buf *json, struct fault *fault);

/* Flushes out; a full disk or a closed pipe is a failure that must be seen. */
int ctl_flush(struct ctl *ctl, struct fault *fault);

/* A file of the administrator's, "-" is standard input. */
int ctl_read_file(const char *path, size_t max_bytes, char **ret_data, size_t *ret_n_bytes,
	struct fault *fault);
/* Replaces a file of the administrator's atomically, mode 0644: documents are not secret. */
int ctl_write_file(const char *path, const void *data, size_t n_bytes, struct fault *fault);
/* The same with mode 0600, for what nobody else may read. */
int ctl_write_secret(const char *path, const void *data, size_t n_bytes, struct fault *fault);

/* Option --NAME as a span of time, or the default. */
int ctl_span_option(const struct args *args, const char *name, const char *default_span,
	int64_t *ret_seconds, struct fault *fault);

#endif
