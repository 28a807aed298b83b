/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_mounts_watch.c - changes of a table are passed on, but not as often as they come. A socket
 * with urgent data stands in for the table: it signals the same condition, all the time.
 */
#include "platform/mounts_watch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/lib/check.h"

static unsigned int n_changes, n_turns;

static void count(void *userdata)
{
	(void)userdata;
	n_changes++;
}

static void make_pair(int pair[2])
{
	_cleanup_close_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(address);

	pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, n) < 0 || listen(listener, 1) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &n) < 0 ||
		connect(pair[0], (struct sockaddr *)&address, n) < 0)
		abort();
	pair[1] = accept(listener, NULL, NULL);
}

static void test_storm(void)
{
	struct mounts_watch *watch;
	sd_event *event;
	int pair[2];
	char byte;

	make_pair(pair);
	CHECK(sd_event_new(&event) >= 0);
	CHECK_INT(mounts_watch_new(event, pair[1], count, NULL, &watch), 0);
	CHECK(sd_event_run(event, 0) == 0);
	CHECK(send(pair[0], "!", 1, MSG_OOB) == 1);
	/* It is busy only as long as that is passed on, then it sleeps until the next turn. */
	while (n_changes < MOUNTS_WATCH_BURST && sd_event_run(event, 10 * 1000000) > 0)
		n_turns++;
	while (sd_event_run(event, 100000) > 0)
		n_turns++;
	CHECK_INT(n_changes, MOUNTS_WATCH_BURST);
	CHECK(n_turns < 4 * MOUNTS_WATCH_BURST);
	/* The storm is over, and its last change is not lost. */
	CHECK(recv(pair[1], &byte, 1, MSG_OOB) == 1);
	while (n_changes == MOUNTS_WATCH_BURST && sd_event_run(event, 60 * 1000000) > 0)
		;
	CHECK_INT(n_changes, MOUNTS_WATCH_BURST + 1);
	CHECK(sd_event_run(event, 100000) == 0);
	/* And it listens again. */
	CHECK(send(pair[0], "!", 1, MSG_OOB) == 1);
	while (n_changes == MOUNTS_WATCH_BURST + 1 && sd_event_run(event, 60 * 1000000) > 0)
		;
	CHECK_INT(n_changes, MOUNTS_WATCH_BURST + 2);
	mounts_watch_free(watch);
	mounts_watch_free(NULL);
	sd_event_unref(event);
	close(pair[0]);
	close(pair[1]);
}

static const struct check_test tests[] = {
	{"storm", test_storm},
};
CHECK_MAIN(tests)
