/* SPDX-License-Identifier: Apache-2.0 */
/* apps_rules_file.c - the file of apps_rules.h, and whoever asks by it. Enforcer. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/enforcer/apps_record.h"
#include "agent/enforcer/apps_rules.h"
#include "agent/util/fs.h"

/* No line of the file may be another one by what somebody is called. */
static const char *organisation_of(const struct enforcer *e)
{
	const char *name = e->documents.keyset ? e->documents.keyset->org_name : "";

	return *name && !strpbrk(name, "\n\r") ? name : "your organisation";
}

void apps_rules_update(struct enforcer *e)
{
	_cleanup_buf_ struct buf text = {.max_bytes = APPS_RULES_BYTES};
	_cleanup_free_ char *before = NULL;
	struct apps_policy policy;
	size_t n = 0;
	int r;

	if (!e->state.facts.enrolled || !e->reconcile.has_effective)
		return;
	apps_policy_read(&e->reconcile.effective, &policy);
	buf_append(&text, "", 0);
	apps_rules_write(&policy, organisation_of(e), &text);
	if (text.error)
		return;
	if (!text.n_bytes) {
		apps_rules_forget(e);
		return;
	}
	r = fs_read(e->state.dir_fd, APPS_RULES_FILE, APPS_RULES_BYTES, &before, &n);
	if (r == 0 && n == text.n_bytes && memcmp(before, text.data, n) == 0)
		return;
	(void)enforcer_note_written(
		e, state_write(&e->state, APPS_RULES_FILE, text.data, text.n_bytes));
}

void apps_rules_forget(struct enforcer *e)
{
	(void)fs_remove(e->state.dir_fd, APPS_RULES_FILE);
}

/* 0; 1: refused; -errno: nobody can tell. */
static int ask(int dir_fd, char ret_why[2 * LIMIT_TEXT_BYTES])
{
	_cleanup_(apps_rules_done) struct apps_rules rules = {0};
	_cleanup_buf_ struct buf question = {.max_bytes = APPS_RULES_BYTES}, base = BUF_INIT;
	_cleanup_free_ char *text = NULL, *record = NULL;
	char chunk[4096];
	size_t n;
	int r = fs_read(dir_fd, APPS_RULES_FILE, APPS_RULES_BYTES, &text, &n);

	if (r < 0)
		return r;
	r = apps_rules_read(text, n, &rules);
	if (r < 0)
		return r;
	/* Without the record nothing is base but what is protected anyway. */
	if (fs_read(dir_fd, APPS_RECORD_FILE, LIMIT_STATE_BYTES, &record, &n) == 0)
		(void)apps_record_parse(record, n, &base);
	buf_append(&base, "", 0);
	buf_append(&question, "", 0);
	while ((n = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		buf_append(&question, chunk, n);
	if (question.error || base.error)
		return question.error ? question.error : base.error;
	return apps_rules_judge(&rules, base.data, question.data, ret_why);
}

int apps_rules_ask(const struct enforcer_options *options)
{
	_cleanup_close_ int dir_fd = open(options->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char why[2 * LIMIT_TEXT_BYTES];

	if (dir_fd < 0 || ask(dir_fd, why) != 1)
		return 0;
	fprintf(stderr, "%s\n", why);
	return 1;
}
