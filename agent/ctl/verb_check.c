/* SPDX-License-Identifier: Apache-2.0 */
/* verb_check.c - policy check and policy schema: work without the agent. Any user; agentctl. */
#include <errno.h>

#include "agent/ctl/check.h"
#include "agent/ctl/ctl.h"
#include "agent/ctl/input.h"
#include "agent/ctl/verbs.h"
#include "policies/schema.h"

enum ctl_exit verb_policy_check(struct ctl *ctl)
{
	const char *name = ctl->options.arguments[0];
	_cleanup_(check_done) struct check check = {0};
	_cleanup_(page_done) struct page page = {0};
	_cleanup_free_ char *text = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json_error error = {{0}, {0}};
	size_t n_text;
	int r;

	page_init(&page, &out, ctl->width, ctl->colour);
	text = malloc(LIMIT_DOCUMENT_BYTES + 1);
	r = text ? input_read(name, LIMIT_DOCUMENT_BYTES, text, &n_text) : -ENOMEM;
	if (r == -EFBIG)
		return ctl_fail(ctl, CTL_EXIT_REFUSED,
			"%.200s is larger than any document may be "
			"(%d bytes).",
			name, LIMIT_DOCUMENT_BYTES);
	if (r < 0)
		return ctl_fail(
			ctl, CTL_EXIT_FAILURE, "%.200s could not be read: %s.", name, strerror(-r));
	r = check_document(text, n_text, &check, &error);
	if (r == -EBADMSG)
		return ctl_fail(ctl, CTL_EXIT_REFUSED, "A phone would refuse %.200s: %s%s%s.", name,
			error.path, error.path[0] ? " " : "", error.message);
	if (r < 0)
		return ctl_fail(ctl, CTL_EXIT_FAILURE, "%.200s could not be checked: %s.", name,
			strerror(-r));
	if (!options_given(&ctl->options, OPTION_JSON)) {
		check_render(&page, &check, ctl->now_s);
		return ctl_write(ctl, &out, CTL_EXIT_OK);
	}
	check_write_json(&check, &out);
	buf_puts(&out, "\n");
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}

enum ctl_exit verb_policy_schema(struct ctl *ctl)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (options_given(&ctl->options, OPTION_MARKDOWN) &&
		options_given(&ctl->options, OPTION_JSON))
		return ctl_fail(ctl, CTL_EXIT_USAGE, "--json and --markdown exclude each other.");
	if (options_given(&ctl->options, OPTION_MARKDOWN))
		reference_write(&out);
	else
		schema_write(&out);
	return ctl_write(ctl, &out, CTL_EXIT_OK);
}
