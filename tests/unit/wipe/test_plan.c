/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan.c - the plan of a wipe: one text for each plan, and nothing else is one. */
#include <errno.h>
#include <string.h>

#include "agent/wipe/plan.h"
#include "tests/lib/check.h"

#define HEAD "mdm-agent-wipe 1\nid wipe-1\nfinish poweroff\n"
#define LUKS "device luks 179:2 /dev/mmcblk0p2 uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca427\n"
#define PLAIN "device plain 179:3 /dev/mmcblk0p3 size=1073741824 uuid=-\n"
#define FILES "device files 179:4 /home inode=2\n"

static bool is_plan(const char *text)
{
	struct wipe_plan plan;
	const char *reason = NULL;
	int r = wipe_plan_parse(text, strlen(text), &plan, &reason);

	return r == 0 || !reason; /* a refusal has a reason */
}

static void test_everything(void)
{
	static const char text[] = HEAD "linger 10\n" LUKS PLAIN FILES "tpm 81000001\nend\n";
	_cleanup_buf_ struct buf again = BUF_INIT;
	struct wipe_plan plan;
	const char *reason = NULL;

	CHECK_INT(wipe_plan_parse(text, strlen(text), &plan, &reason), 0);
	CHECK_STR(plan.id, "wipe-1");
	CHECK_INT(plan.finish, WIPE_FINISH_POWEROFF);
	CHECK_INT(plan.linger_s, 10);
	CHECK(!plan.test);
	CHECK_INT(plan.n_devices, 3);
	CHECK_INT(plan.devices[0].kind, WIPE_KIND_LUKS);
	CHECK_INT(plan.devices[0].major, 179);
	CHECK_INT(plan.devices[0].minor, 2);
	CHECK_STR(plan.devices[0].path, "/dev/mmcblk0p2");
	CHECK_STR(plan.devices[0].uuid, "1b4e28ba-2fa1-11d2-883f-0016d3cca427");
	CHECK_INT(plan.devices[1].size_bytes, 1073741824);
	CHECK_STR(plan.devices[1].uuid, "");
	CHECK_INT(plan.devices[2].inode, 2);
	CHECK_INT(plan.n_tpm_handles, 1);
	CHECK_INT(plan.tpm_handles[0], 0x81000001);
	wipe_plan_write(&plan, &again);
	CHECK_INT(again.error, 0);
	CHECK_STR(again.data, text);
}

static void test_refused(void)
{
	static const char *const texts[] = {
		"",
		"mdm-agent-wipe 1\n",
		HEAD "end\n", /* nothing to destroy */
		HEAD LUKS,
		HEAD LUKS "end",
		HEAD LUKS "end\n\n",
		HEAD LUKS "end\nend\n",
		HEAD LUKS "\nend\n",
		HEAD LUKS LUKS "end\n",
		HEAD "tpm 81000001\n" LUKS "end\n",
		HEAD LUKS "tpm 80000001\nend\n",
		HEAD LUKS "tpm 8100000G\nend\n",
		HEAD LUKS "tpm 81000001 \nend\n",
		HEAD "linger 0\n" LUKS "end\n",
		HEAD "linger 61\n" LUKS "end\n",
		HEAD "linger 010\n" LUKS "end\n",
		HEAD "test\n" LUKS "end\n", /* would end the system */
		HEAD "finish none\n" LUKS "end\n",
		"mdm-agent-wipe 1\nid -x\nfinish none\n" LUKS "end\n",
		"mdm-agent-wipe 1\nid a b\nfinish none\n" LUKS "end\n",
		"mdm-agent-wipe 1\nid a\nfinish halt\n" LUKS "end\n",
		"mdm-agent-wipe 1\nid a\nfinish none\ntest\n" LUKS "tpm 81000001\nend\n",
		HEAD "device luks 179 /dev/a uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca427\nend\n",
		HEAD "device luks 4096:2 /dev/a uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca427\nend\n",
		HEAD "device luks 1:1048576 /a uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca427\nend\n",
		HEAD "device luks 1:+2 /dev/a uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca427\nend\n",
		HEAD "device luks 1:2 dev/a uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca427\nend\n",
		HEAD "device luks 1:2 /dev/a uuid=1B4E28BA-2fa1-11d2-883f-0016d3cca427\nend\n",
		HEAD "device luks 1:2 /dev/a uuid=1b4e28ba-2fa1-11d2-883f-0016d3cca42\nend\n",
		HEAD "device luks 1:2 /dev/a uuid=-\nend\n",
		HEAD "device luks 1:2 /dev/a\nend\n",
		HEAD "device plain 1:2 /dev/a size=0 uuid=-\nend\n",
		HEAD "device plain 1:2 /dev/a uuid=- size=1\nend\n",
		HEAD "device files 1:2 / inode=2\nend\n",
		HEAD "device files 1:2 /home/ inode=2\nend\n",
		HEAD "device files 1:2 /home//a inode=2\nend\n",
		HEAD "device files 1:2 /home/../etc inode=2\nend\n",
		HEAD "device files 1:2 /home/. inode=2\nend\n",
		HEAD "device files 1:2 /home inode=0\nend\n",
		HEAD "device files 1:2 /home inode=18446744073709551616\nend\n",
		HEAD "device other 1:2 /home inode=2\nend\n",
		HEAD "device  files 1:2 /home inode=2\nend\n",
		HEAD "device files 1:2 /h\303\266me inode=2\nend\n",
		HEAD LUKS "end\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct wipe_plan plan = {.id = "untouched"};
		const char *reason = NULL;

		if (wipe_plan_parse(texts[i], strlen(texts[i]), &plan, &reason) != -EBADMSG ||
			!reason || strcmp(plan.id, "untouched") != 0) {
			check_fail(__FILE__, __LINE__, "accepted, or no reason: %s", texts[i]);
			return;
		}
	}
}

/* One step above each limit. */
static void test_limits(void)
{
	_cleanup_buf_ struct buf most = BUF_INIT, more = BUF_INIT;
	char path[LIMIT_WIPE_PATH_BYTES + 2];

	buf_puts(&most, HEAD);
	for (int i = 0; i < LIMIT_WIPE_DEVICES; i++)
		buf_printf(&most, "device files 1:2 /home/%d inode=2\n", i);
	buf_puts(&more, most.data);
	buf_puts(&more, "device files 1:2 /home/more inode=2\nend\n");
	for (int i = 0; i < LIMIT_WIPE_TPM_HANDLES; i++)
		buf_puts(&most, "tpm 81000001\n");
	buf_puts(&most, "end\n");
	CHECK(is_plan(most.data));
	{
		struct wipe_plan plan;
		const char *reason;

		CHECK_INT(wipe_plan_parse(most.data, most.n_bytes, &plan, &reason), 0);
		CHECK_INT(wipe_plan_parse(more.data, more.n_bytes, &plan, &reason), -EBADMSG);
		most.n_bytes -= strlen("end\n");
		buf_puts(&most, "tpm 81000001\nend\n");
		CHECK_INT(wipe_plan_parse(most.data, most.n_bytes, &plan, &reason), -EBADMSG);

		memset(path, 'a', sizeof(path));
		path[0] = '/';
		path[LIMIT_WIPE_PATH_BYTES] = 0;
		buf_reset(&most);
		buf_printf(&most, HEAD "device files 1:2 %s inode=2\nend\n", path);
		CHECK_INT(wipe_plan_parse(most.data, most.n_bytes, &plan, &reason), 0);
		path[LIMIT_WIPE_PATH_BYTES] = 'a';
		path[LIMIT_WIPE_PATH_BYTES + 1] = 0;
		buf_reset(&most);
		buf_printf(&most, HEAD "device files 1:2 %s inode=2\nend\n", path);
		CHECK_INT(wipe_plan_parse(most.data, most.n_bytes, &plan, &reason), -EBADMSG);

		buf_reset(&most);
		while (most.n_bytes <= LIMIT_WIPE_PLAN_BYTES)
			buf_puts(&most, HEAD);
		CHECK_INT(wipe_plan_parse(most.data, most.n_bytes, &plan, &reason), -EBADMSG);
		CHECK_STR(reason, "it is too long");
	}
}

static void test_names(void)
{
	for (size_t i = 0; i < WIPE_KIND_MAX; i++)
		CHECK(wipe_kind_names[i] != NULL);
	for (size_t i = 0; i < WIPE_FINISH_MAX; i++)
		CHECK(wipe_finish_names[i] != NULL);
}

static const struct check_test tests[] = {
	{"everything", test_everything},
	{"refused", test_refused},
	{"limits", test_limits},
	{"names", test_names},
};
CHECK_MAIN(tests)
