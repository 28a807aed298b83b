/* SPDX-License-Identifier: Apache-2.0 */
/* test_store_command.c - the mailbox: states, time, enrolments, limits; and what wakes a phone. */
#include "server/store_command.h"

#include <string.h>
#include <unistd.h>

#include "tests/lib/check.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const struct span document = {"a.b.c\n", 6};

static void enrol(struct store *store, const char *id, const char *enrolment)
{
	struct store_device device = {.enrolled_s = 1};
	static struct report report;
	struct store_seen seen = {.report = &report, .now_s = 2};

	strcpy(device.id, id);
	CHECK_INT(store_device_enrol(store, &device, NULL, 0), 0);
	report = (struct report){.agent = "1", .nonce = "n"};
	strcpy(report.device, id);
	strcpy(report.enrolment, enrolment);
	CHECK_INT(store_device_seen(store, &seen), 0);
}

/* With ID_A in enrolment "e1". */
static struct store *fresh_store(void)
{
	struct store *store = NULL;
	char path[256], problem[512] = "";

	close(check_tmpdir(path));
	if (store_open(path, &store, problem) < 0)
		check_fail(__FILE__, __LINE__, "%s", problem);
	enrol(store, ID_A, "e1");
	return store;
}

static struct store_command command_of(unsigned int n)
{
	struct store_command c = {.device = ID_A, .enrolment = "e1", .verb = "lock"};

	snprintf(c.id, sizeof(c.id), "%032x", n);
	c.created_s = 100;
	c.expires_s = 200;
	return c;
}

static int64_t put(struct store *store, unsigned int n)
{
	struct store_command c = command_of(n), got = {0};

	if (store_command_put(store, &c, document) != 0 ||
		store_command_get(store, c.id, 100, &got) != 0)
		check_fail(__FILE__, __LINE__, "command %u", n);
	return got.row;
}

static enum command_state state_at(struct store *store, unsigned int n, int64_t now_s)
{
	struct store_command c = command_of(n), got = {.state = COMMAND_STATE_MAX};

	if (store_command_get(store, c.id, now_s, &got) != 0)
		check_fail(__FILE__, __LINE__, "command %u", n);
	return got.state;
}

static int count_waiting(int64_t row, struct span body, void *userdata)
{
	(void)row;
	++*(int *)userdata;
	return body.n == document.n ? 0 : -1;
}

static int waiting(struct store *store, const char *device, const char *enrolment, int64_t now_s)
{
	struct store_command addressee = {.created_s = now_s};
	int n = 0;

	strcpy(addressee.device, device);
	strcpy(addressee.enrolment, enrolment);
	if (store_command_waiting(store, &addressee, count_waiting, &n) != 0)
		check_fail(__FILE__, __LINE__, "%s", store_trouble(store));
	return n;
}

static int move(struct store *store, int64_t row, enum command_state to)
{
	return store_command_move(store, row, &(struct store_step){to, "because", "of that", 150});
}

static int copy_step(const struct store_step *step, void *userdata)
{
	struct buf *out = userdata;

	buf_printf(out, "%s@%d(%s);", command_state_name(step->state), (int)step->time_s,
		step->reason);
	return out->error;
}

static void test_put(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_command c = command_of(1), got;
	_cleanup_buf_ struct buf text = BUF_INIT;

	CHECK_INT(store_command_get(store, c.id, 100, &got), STORE_E_NOT_FOUND);
	CHECK_INT(store_command_document(store, c.id, &text), STORE_E_NOT_FOUND);
	CHECK_INT(store_command_put(store, &c, document), 0);
	CHECK_INT(store_command_get(store, c.id, 100, &got), 0);
	CHECK(got.row > 0 && got.created_s == 100 && got.changed_s == 100 && got.expires_s == 200);
	CHECK_STR(got.enrolment, "e1");
	CHECK_STR(got.verb, "lock");
	CHECK_INT(got.state, COMMAND_QUEUED);
	CHECK_INT(store_command_document(store, c.id, &text), 0);
	CHECK_STR(text.data, "a.b.c\n");
	CHECK_INT(store_command_put(store, &c, document), STORE_E_EXISTS);
	CHECK_INT(store_command_put(store, &c, (struct span){"a.b.d\n", 6}), STORE_E_STALE);
	strcpy(c.device, ID_B);
	CHECK_INT(store_command_put(store, &c, document), STORE_E_STALE);
	/* A device that is not there: the foreign key holds. */
	c = command_of(2);
	strcpy(c.device, ID_B);
	CHECK(store_command_put(store, &c, document) < 0);
}

static void test_moves(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct store_command c = command_of(1), got;
	int64_t row = put(store, 1);

	CHECK_INT(move(store, row, COMMAND_DONE), STORE_E_STALE);
	CHECK_INT(move(store, row, COMMAND_ACCEPTED), STORE_E_STALE);
	CHECK_INT(move(store, row + 1, COMMAND_DELIVERED), STORE_E_NOT_FOUND);
	CHECK_INT(move(store, row, COMMAND_DELIVERED), 0);
	CHECK_INT(move(store, row, COMMAND_DELIVERED), STORE_E_STALE);
	CHECK_INT(move(store, row, COMMAND_CANCELLED), STORE_E_STALE);
	CHECK_INT(move(store, row, COMMAND_REFUSED), 0);
	CHECK_INT(move(store, row, COMMAND_ACCEPTED), STORE_E_STALE);
	CHECK_INT(store_command_get(store, c.id, 1000, &got), 0);
	CHECK_INT(got.state, COMMAND_REFUSED);
	CHECK_STR(got.reason, "because");
	CHECK_INT(got.changed_s, 150);
	CHECK_INT(store_command_history(store, &got, copy_step, &text), 0);
	CHECK_STR(text.data, "queued@100();delivered@150(because);refused@150(because);");
}

/* Only what was never delivered ends by time, and only from its last second on. */
static void test_expiry(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct store_command c = command_of(1), got;

	put(store, 1);
	CHECK_INT(move(store, put(store, 2), COMMAND_DELIVERED), 0);
	CHECK_INT(state_at(store, 1, 199), COMMAND_QUEUED);
	CHECK_INT(state_at(store, 1, 200), COMMAND_EXPIRED);
	CHECK_INT(state_at(store, 2, 200), COMMAND_DELIVERED);
	CHECK_INT(waiting(store, ID_A, "e1", 199), 2);
	CHECK_INT(waiting(store, ID_A, "e1", 200), 0);
	CHECK_INT(store_command_get(store, c.id, 300, &got), 0);
	CHECK_INT(store_command_history(store, &got, copy_step, &text), 0);
	CHECK_STR(text.data, "queued@100();expired@200();");
}

static void test_waiting(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	int64_t row = put(store, 1);

	put(store, 2);
	CHECK_INT(waiting(store, ID_A, "e1", 150), 2);
	CHECK_INT(waiting(store, ID_A, "e2", 150), 0);
	CHECK_INT(waiting(store, ID_B, "e1", 150), 0);
	CHECK_INT(move(store, row, COMMAND_DELIVERED), 0);
	CHECK_INT(waiting(store, ID_A, "e1", 150), 2);
	CHECK_INT(move(store, row, COMMAND_ACCEPTED), 0);
	CHECK_INT(waiting(store, ID_A, "e1", 150), 1);
}

static void test_limit(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_command c = command_of(1000);

	for (unsigned int i = 0; i < LIMIT_COMMANDS; i++)
		put(store, i);
	CHECK_INT(store_command_put(store, &c, document), STORE_E_FULL);
	strcpy(c.enrolment, "e2");
	CHECK_INT(store_command_put(store, &c, document), 0);
	/* When the others are over, there is room again. */
	c = command_of(1001);
	c.created_s = 200;
	c.expires_s = 300;
	CHECK_INT(store_command_put(store, &c, document), 0);
}

static void test_cancel_all(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_step step = {COMMAND_CANCELLED, "withdrawn", "", 150};

	CHECK_INT(store_command_cancel_all(store, ID_A, &step), 0);
	put(store, 1);
	CHECK_INT(move(store, put(store, 2), COMMAND_DELIVERED), 0);
	put(store, 3);
	CHECK_INT(store_command_cancel_all(store, ID_B, &step), 0);
	CHECK_INT(state_at(store, 1, 150), COMMAND_QUEUED);
	CHECK_INT(store_command_cancel_all(store, ID_A, &step), 0);
	CHECK_INT(state_at(store, 1, 150), COMMAND_CANCELLED);
	CHECK_INT(state_at(store, 2, 150), COMMAND_DELIVERED);
	CHECK_INT(state_at(store, 3, 150), COMMAND_CANCELLED);
}

static void test_rate(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	int64_t created_s = -1;

	CHECK_INT(store_command_rate(store, 1, &created_s), 0);
	CHECK_INT(created_s, 0);
	for (unsigned int i = 0; i < 3; i++) {
		struct store_command c = command_of(i);

		c.created_s += i;
		CHECK_INT(store_command_put(store, &c, document), 0);
	}
	CHECK_INT(store_command_rate(store, 1, &created_s), 0);
	CHECK_INT(created_s, 102);
	CHECK_INT(store_command_rate(store, 3, &created_s), 0);
	CHECK_INT(created_s, 100);
	CHECK_INT(store_command_rate(store, 4, &created_s), 0);
	CHECK_INT(created_s, 0);
}

static void put_braked(struct store *store, unsigned int n, enum store_brake brake, int64_t at_s)
{
	struct store_command c = command_of(n);

	c.brake = brake;
	c.created_s = at_s;
	strcpy(c.given_by, "alice");
	strcpy(c.given_certificate, "01");
	strcpy(c.detail, brake == STORE_BRAKE_HELD ? "waits" : "");
	CHECK_INT(store_command_put(store, &c, document), 0);
}

/* Those that passed count, and no others: not what was held, nor what somebody approved. */
static void test_passed(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_step step = {COMMAND_QUEUED, "", "approved", 130};
	struct store_command c = command_of(4), got;
	int64_t n = -1;

	CHECK_INT(store_command_passed(store, 0, &n), 0);
	CHECK_INT(n, 0);
	put_braked(store, 1, STORE_BRAKE_PASSED, 100);
	put_braked(store, 2, STORE_BRAKE_PASSED, 110);
	put_braked(store, 3, STORE_BRAKE_NONE, 120);
	put_braked(store, 4, STORE_BRAKE_HELD, 120);
	put_braked(store, 5, STORE_BRAKE_HELD, 120);
	CHECK_INT(store_command_passed(store, 99, &n), 0);
	CHECK_INT(n, 2);
	CHECK_INT(store_command_passed(store, 100, &n), 0);
	CHECK_INT(n, 1);
	CHECK_INT(store_command_passed(store, 110, &n), 0);
	CHECK_INT(n, 0);
	CHECK_INT(store_command_get(store, c.id, 120, &got), 0);
	CHECK_INT(store_command_approve(store, got.row, "bob", &step), 0);
	/* One that was cancelled had passed. */
	CHECK_INT(store_command_cancel_all(
			  store, ID_A, &(struct store_step){COMMAND_CANCELLED, "", "", 150}),
		0);
	CHECK_INT(store_command_passed(store, 99, &n), 0);
	CHECK_INT(n, 2);
}

static void test_held(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_step step = {COMMAND_QUEUED, "", "approved by bob", 130};
	struct store_command c = command_of(1), got;
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct store_counts counts;
	int64_t mark;
	bool changed;

	put_braked(store, 1, STORE_BRAKE_HELD, 100);
	CHECK_INT(store_mark(store, &mark), 0);
	CHECK_INT(store_command_get(store, c.id, 150, &got), 0);
	CHECK(store_command_is_held(&got) && got.state == COMMAND_QUEUED);
	CHECK_STR(got.given_by, "alice");
	CHECK_STR(got.given_certificate, "01");
	CHECK_STR(got.approved_by, "");
	CHECK_STR(got.detail, "waits");
	CHECK_INT(waiting(store, ID_A, "e1", 150), 0);
	CHECK_INT(store_changed_since(store, ID_A, "", 0, &changed), 0);
	CHECK(!changed);
	CHECK_INT(store_counts(store, 199, &counts), 0);
	CHECK_INT(counts.commands_held, 1);
	CHECK_INT(store_counts(store, 200, &counts), 0);
	CHECK_INT(counts.commands_held, 0);

	CHECK_INT(store_command_approve(store, got.row + 1, "bob", &step), STORE_E_STALE);
	CHECK_INT(store_command_approve(store, got.row, "bob", &step), 0);
	CHECK_INT(store_command_approve(store, got.row, "eve", &step), STORE_E_STALE);
	CHECK_INT(store_command_get(store, c.id, 150, &got), 0);
	CHECK(!store_command_is_held(&got) && got.state == COMMAND_QUEUED);
	CHECK_STR(got.approved_by, "bob");
	CHECK_STR(got.detail, "approved by bob");
	CHECK_INT(got.expires_s, 200);
	CHECK_INT(got.changed_s, 130);
	CHECK_INT(waiting(store, ID_A, "e1", 150), 1);
	CHECK_INT(store_changed_since(store, ID_A, "", mark, &changed), 0);
	CHECK(changed);
	CHECK_INT(store_counts(store, 150, &counts), 0);
	CHECK_INT(counts.commands_held, 0);
	CHECK_INT(store_command_history(store, &got, copy_step, &text), 0);
	CHECK_STR(text.data, "queued@100();queued@130();");
}

/* What ended cannot be approved any more, and what nobody approved says why it ended. */
static void test_held_until_its_end(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	struct store_step step = {COMMAND_QUEUED, "", "", 130};
	struct store_command c = command_of(1), got;

	put_braked(store, 1, STORE_BRAKE_HELD, 100);
	CHECK_INT(store_command_get(store, c.id, 200, &got), 0);
	CHECK(!store_command_is_held(&got) && got.state == COMMAND_EXPIRED);
	CHECK(strstr(got.detail, "no other administrator approved it"));
	CHECK_INT(move(store, got.row, COMMAND_CANCELLED), 0);
	CHECK_INT(store_command_approve(store, got.row, "bob", &step), STORE_E_STALE);
	CHECK_INT(store_command_get(store, c.id, 150, &got), 0);
	CHECK(!store_command_is_held(&got) && got.state == COMMAND_CANCELLED);
	/* Held ones take a place like all that wait. */
	for (unsigned int i = 10; i < 10 + LIMIT_COMMANDS; i++)
		put_braked(store, i, STORE_BRAKE_HELD, 100);
	c = command_of(2);
	CHECK_INT(store_command_put(store, &c, document), STORE_E_FULL);
}

/* A command is news for its phone until it was taken, and for nobody else. */
static void test_is_a_change(void)
{
	_cleanup_(store_closep) struct store *store = fresh_store();
	int64_t mark, row;
	bool changed;

	enrol(store, ID_B, "e1");
	CHECK_INT(store_mark(store, &mark), 0);
	row = put(store, 1);
	CHECK_INT(store_changed_since(store, ID_A, "", mark, &changed), 0);
	CHECK(changed);
	CHECK_INT(store_changed_since(store, ID_B, "", mark, &changed), 0);
	CHECK(!changed);
	CHECK_INT(store_changed_since(store, ID_A, "", mark + 1, &changed), 0);
	CHECK(!changed);
	CHECK(!move(store, row, COMMAND_DELIVERED) && !move(store, row, COMMAND_ACCEPTED));
	CHECK_INT(store_changed_since(store, ID_A, "", mark, &changed), 0);
	CHECK(!changed);
	put(store, 2);
	enrol(store, ID_A, "e2"); /* it is somebody else's now */
	CHECK_INT(store_changed_since(store, ID_A, "", mark, &changed), 0);
	CHECK(!changed);
}

static const struct check_test tests[] = {
	{"put", test_put},
	{"moves", test_moves},
	{"expiry", test_expiry},
	{"waiting", test_waiting},
	{"limit", test_limit},
	{"cancel_all", test_cancel_all},
	{"rate", test_rate},
	{"passed", test_passed},
	{"held", test_held},
	{"held_until_its_end", test_held_until_its_end},
	{"is_a_change", test_is_a_change},
};
CHECK_MAIN(tests)
