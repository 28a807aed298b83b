/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_bus_peer.c - services on a bus whose owners close and open them while they hear that it went
 * away. The bus is this process itself, which answers what a bus is asked for first. With real
 * ones: tests/system/location.py, tests/system/restrictions.py.
 */
#include "platform/bus_peer.h"

#include <stddef.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/platform/fixture.h"

#define TURNS_MAX 500

struct rig {
	struct fixture f;
	sd_event_source *listener;
	sd_bus *server; /* the end of the bus of the last connection */
	char address[160];
};

struct service {
	struct bus_peer peer;
	int appeared, vanished;
	struct bus_peer *closes[2], *opens;
};

static struct rig *rig;

static int on_call(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
	int r;

	(void)userdata;
	(void)error;
	if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus", NULL))
		return 0;
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0 && sd_bus_message_is_method_call(m, NULL, "Hello"))
		r = sd_bus_message_append(reply, "s", ":1.1");
	else if (r >= 0 && sd_bus_message_is_method_call(m, NULL, "GetNameOwner"))
		r = sd_bus_message_append(reply, "s", ":1.2");
	if (r >= 0)
		r = sd_bus_message_set_sender(reply, "org.freedesktop.DBus");
	if (r >= 0)
		r = sd_bus_send(sd_bus_message_get_bus(m), reply, NULL);
	if (r < 0)
		abort();
	return 1;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	sd_id128_t id = {.bytes = {1}};
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	(void)userdata;
	if (connection < 0)
		abort();
	sd_bus_close_unref(rig->server);
	rig->server = NULL;
	if (sd_bus_new(&rig->server) < 0 ||
		sd_bus_set_fd(rig->server, connection, connection) < 0 ||
		sd_bus_set_server(rig->server, 1, id) < 0 ||
		sd_bus_set_anonymous(rig->server, 1) < 0 ||
		sd_bus_add_filter(rig->server, NULL, on_call, NULL) < 0 ||
		sd_bus_start(rig->server) < 0 ||
		sd_bus_attach_event(rig->server, rig->f.platform.event, 0) < 0)
		abort();
	return 0;
}

static void rig_open(struct rig *r)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	static int n;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*r = (struct rig){.server = NULL};
	rig = r;
	fixture_open(&r->f);
	/* A name without a place: nothing is left of it. */
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "mdm-test-bus-%d-%d",
		(int)getpid(), n++);
	CHECK(fd >= 0);
	CHECK_INT(bind(fd, (struct sockaddr *)&address,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				      strlen(address.sun_path + 1))),
		0);
	CHECK_INT(listen(fd, 4), 0);
	CHECK(sd_event_add_io(
		      r->f.platform.event, &r->listener, fd, EPOLLIN, on_connection, NULL) >= 0);
	CHECK(sd_event_source_set_io_fd_own(r->listener, 1) >= 0);
	snprintf(r->address, sizeof(r->address), "unix:abstract=%s", address.sun_path + 1);
	CHECK_INT(setenv("DBUS_SYSTEM_BUS_ADDRESS", r->address, 1), 0);
}

/* Whatever is left to be done is done; connections are closed in another turn. */
static void rest(void)
{
	for (int i = 0; i < 20; i++)
		CHECK(sd_event_run(rig->f.platform.event, 1000) >= 0);
}

static void rig_close(struct rig *r)
{
	rest();
	sd_bus_close_unref(r->server);
	sd_event_source_unref(r->listener);
	CHECK(!r->f.platform.bus_link);
	fixture_close(&r->f);
}

static void turn(int *count, int wanted)
{
	for (int i = 0; i < TURNS_MAX && *count < wanted; i++)
		CHECK(sd_event_run(rig->f.platform.event, 100000) >= 0);
	CHECK_INT(*count, wanted);
}

static void on_appeared(struct bus_peer *peer)
{
	((struct service *)peer->userdata)->appeared++;
}

static void on_vanished(struct bus_peer *peer)
{
	struct service *s = peer->userdata;

	s->vanished++;
	for (size_t i = 0; i < ARRAY_SIZE(s->closes); i++)
		if (s->closes[i])
			bus_peer_close(s->closes[i]);
	if (s->opens)
		CHECK_INT(bus_peer_open(s->opens, &rig->f.platform), 0);
}

static const struct bus_peer_row row = {
	.bus_name = "org.example.Service",
	.appeared = on_appeared,
	.vanished = on_vanished,
};

static void service_open(struct service *s)
{
	*s = (struct service){.peer = {.row = &row}};
	s->peer.userdata = s;
	CHECK_INT(bus_peer_open(&s->peer, &rig->f.platform), 0);
	turn(&s->appeared, 1);
	CHECK_STR(s->peer.owner, ":1.2");
}

static void bus_goes(struct rig *r)
{
	sd_bus_close_unref(r->server);
	r->server = NULL;
}

/* The last of all, by its own callback: nothing is left that could be looked at afterwards. */
static void test_the_last_closes_itself(void)
{
	struct service a;
	struct rig r;

	rig_open(&r);
	service_open(&a);
	a.closes[0] = &a.peer;
	bus_goes(&r);
	turn(&a.vanished, 1);
	CHECK(!r.f.platform.bus_link);
	rest();
	CHECK_INT(a.vanished, 1);
	rig_close(&r);
}

/* One closes all, whichever comes first in the list. */
static void test_one_closes_others(void)
{
	for (int first = 0; first < 2; first++) {
		struct service a, b;
		struct service *closer = first ? &a : &b;
		struct rig r;

		rig_open(&r);
		service_open(&a);
		service_open(&b);
		closer->closes[0] = &a.peer;
		closer->closes[1] = &b.peer;
		bus_goes(&r);
		turn(&closer->vanished, 1);
		rest();
		CHECK_INT(a.vanished, 1);
		CHECK_INT(b.vanished, 1);
		CHECK(!r.f.platform.bus_link);
		rig_close(&r);
	}
}

/* One that is opened meanwhile is told when the bus is back, as are those that were there. */
static void test_opened_meanwhile(void)
{
	struct service a, b, c = {.peer = {.row = &row}};
	struct rig r;

	rig_open(&r);
	service_open(&a);
	service_open(&b);
	c.peer.userdata = &c;
	b.opens = &c.peer;
	bus_goes(&r);
	turn(&a.vanished, 1);
	CHECK_INT(b.vanished, 1);
	CHECK_INT(c.appeared, 0);
	turn(&a.appeared, 2);
	turn(&b.appeared, 2);
	turn(&c.appeared, 1);
	rest();
	CHECK_INT(a.appeared, 2);
	CHECK_INT(b.appeared, 2);
	CHECK_INT(c.appeared, 1);
	bus_peer_close(&c.peer);
	b.opens = NULL;
	bus_peer_close(&b.peer);
	bus_peer_close(&a.peer);
	rig_close(&r);
}

static void owner_changes(struct rig *r)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;

	CHECK(sd_bus_message_new_signal(r->server, &m, "/org/freedesktop/DBus",
		      "org.freedesktop.DBus", "NameOwnerChanged") >= 0);
	CHECK(sd_bus_message_append(m, "sss", row.bus_name, ":1.2", ":1.3") >= 0);
	CHECK(sd_bus_message_set_sender(m, "org.freedesktop.DBus") >= 0);
	CHECK(sd_bus_send(r->server, m, NULL) >= 0);
}

/* Another owner: one that was closed by that is nobody's, and is asked for anew when it opens. */
static void test_another_owner(void)
{
	struct service a, b;
	struct rig r;

	rig_open(&r);
	service_open(&a);
	service_open(&b);
	b.closes[0] = &b.peer;
	owner_changes(&r);
	turn(&a.appeared, 2);
	rest();
	CHECK_STR(a.peer.owner, ":1.3");
	CHECK(!b.peer.link);
	CHECK_STR(b.peer.owner, "");
	CHECK_INT(b.appeared, 1);
	CHECK_INT(bus_peer_open(&b.peer, &r.f.platform), 0);
	turn(&b.appeared, 2);
	b.closes[0] = NULL;
	bus_peer_close(&a.peer);
	bus_peer_close(&b.peer);
	rig_close(&r);
}

static const struct check_test tests[] = {
	{"the_last_closes_itself", test_the_last_closes_itself},
	{"one_closes_others", test_one_closes_others},
	{"opened_meanwhile", test_opened_meanwhile},
	{"another_owner", test_another_owner},
};

CHECK_MAIN(tests)
