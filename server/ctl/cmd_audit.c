/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_audit.c - "mdmctl audit": who did what on the server, and whether the record is whole. Runs
 * as the administrator. */
#include <errno.h>
#include <inttypes.h>

#include "agent/util/clock.h"
#include "agent/util/codec.h"
#include "agent/util/fs.h"
#include "server/ctl/api.h"
#include "server/ctl/audit.h"
#include "server/ctl/commands.h"
#include "server/ctl/paging.h"
#include "server/ctl/text.h"

#define AUDIT_PAGE 200
#define AUDIT_HEAD "audit-head" /* in the organisation directory */

static int audit_page_get(struct api *api, struct paging *paging, int64_t after,
	struct audit_page *ret_page, struct fault *fault)
{
	_cleanup_answer_ struct api_answer answer = {0};
	char path[128];
	struct api_request request = {.method = "GET", .path = path};
	int r;

	snprintf(path, sizeof(path), "/v1/admin/audit?after=%" PRId64 "&limit=%d", after,
		AUDIT_PAGE);
	r = api_call(api, &request, &answer, fault);
	if (!r)
		r = paging_page(paging, answer.n_body, fault);
	return r ? r : audit_page_read(answer.body, answer.n_body, ret_page, fault);
}

/* Calls visit for every entry behind after, in order. */
static int audit_each(struct api *api, int64_t after,
	int (*visit)(const struct audit_entry *entry, void *userdata, struct fault *fault),
	void *userdata, struct fault *fault)
{
	struct paging paging = {.row = after};

	for (;;) {
		_cleanup_(audit_page_done) struct audit_page page = {0};
		int r = audit_page_get(api, &paging, after, &page, fault);

		for (size_t i = 0; i < page.n_rows && !r; i++) {
			r = paging_row(&paging, page.rows[i].n, fault);
			if (!r)
				r = visit(&page.rows[i], userdata, fault);
		}
		if (r)
			return r;
		if (!page.n_rows || page.next <= after)
			return 0;
		after = page.next;
	}
}

static int audit_open(struct ctl *ctl, struct api **ret_api, struct fault *fault)
{
	int r = ctl_open(ctl, fault);

	return r ? r : api_open(ctl, ret_api, fault);
}

static int audit_print(const struct audit_entry *entry, void *userdata, struct fault *fault)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	struct ctl *ctl = userdata;
	char date[24];

	(void)fault;
	if (ctl->json) {
		fprintf(ctl->out, "%s\n",
			json_object_to_json_string_ext(entry->json,
				JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		return 0;
	}
	clock_format(entry->time_s, date);
	text_plain(&plain, entry->who);
	buf_puts(&plain, " (");
	text_plain(&plain, entry->role);
	buf_puts(&plain, ")  ");
	text_plain(&plain, entry->method);
	buf_puts(&plain, " ");
	text_plain(&plain, entry->target);
	fprintf(ctl->out, "%6" PRId64 "  %s  %3" PRId64 "  %s\n", entry->n, date, entry->status,
		plain.error ? "?" : plain.data);
	return 0;
}

int cmd_audit_list(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	const char *text = args_get(args, "after");
	int64_t after = 0;
	int r;

	if (text && parse_int64(text, 0, INT64_MAX, &after) < 0)
		return fault_set(fault, FAULT_USAGE, "--after must be a number of an entry");
	r = audit_open(ctl, &api, fault);
	if (!r)
		r = audit_each(api, after, audit_print, ctl, fault);
	return r ? r : ctl_flush(ctl, fault);
}

/* Where the last check ended; from the beginning if there was none. */
static int audit_remembered(struct ctl *ctl, struct audit_head *ret_head, struct fault *fault)
{
	_cleanup_free_ char *text = NULL;
	size_t n;
	int r = fs_read(ctl->org.fd, AUDIT_HEAD, 96, &text, &n);

	*ret_head = (struct audit_head){0};
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return fault_errno(fault, r, "cannot read %s/%s", ctl->org.path, AUDIT_HEAD);
	if (audit_head_parse(text, ret_head) < 0)
		return fault_set(fault, FAULT_FAILURE,
			"%s/%s is damaged; remove it to check the log from its beginning",
			ctl->org.path, AUDIT_HEAD);
	return 0;
}

struct audit_check {
	struct audit_head head;	 /* so far */
	struct audit_head known; /* of the last check */
};

static int audit_changed(const struct audit_check *check, struct fault *fault)
{
	return fault_set(fault, FAULT_REFUSED,
		"entry %" PRId64
		" of the audit log is not what it was at the last check: the log was altered, or an old "
		"backup was restored",
		check->known.n);
}

static int audit_visit(const struct audit_entry *entry, void *userdata, struct fault *fault)
{
	struct audit_check *check = userdata;
	int r = audit_follow(&check->head, entry, fault);

	if (!r && check->head.n == check->known.n &&
		memcmp(check->head.chain, check->known.chain, SHA256_BYTES) != 0)
		r = audit_changed(check, fault);
	return r;
}

/* From the first entry, as the log is shown from there, too: what was checked once may have been
 * altered since. Nor can anything be cut off the end that the last check saw. */
int cmd_audit_verify(struct ctl *ctl, const struct args *args, struct fault *fault)
{
	_cleanup_(api_freep) struct api *api = NULL;
	struct audit_check check = {0};
	int64_t n_new;
	char text[96];
	int r = audit_open(ctl, &api, fault);

	(void)args;
	if (!r)
		r = audit_remembered(ctl, &check.known, fault);
	if (!r)
		r = audit_each(api, 0, audit_visit, &check, fault);
	if (!r && check.head.n < check.known.n)
		r = audit_changed(&check, fault);
	if (r)
		return r;
	n_new = check.head.n - check.known.n;
	if (n_new) {
		audit_head_format(&check.head, text);
		r = org_write(ctl->org.fd, AUDIT_HEAD, text, strlen(text), fault);
	}
	if (r)
		return r;
	if (ctl->json)
		fprintf(ctl->out, "{\"ok\":true,\"entries\":%" PRId64 ",\"new\":%" PRId64 "}\n",
			check.head.n, n_new);
	else
		fprintf(ctl->out,
			"The audit log is whole: %" PRId64 " entries, %" PRId64
			" of them new since the last check.\n",
			check.head.n, n_new);
	return ctl_flush(ctl, fault);
}
