/* SPDX-License-Identifier: Apache-2.0 */
/* zerotouch.c - enrolling by itself; see zerotouch.h. Enforcer only. */
#include "agent/enforcer/zerotouch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/enforcer/checkin.h"
#include "agent/enforcer/checkin_private.h"
#include "agent/util/fs.h"
#include "agent/util/log.h"
#include "platform/hardware.h"
#include "platform/modem.h"

#define ZEROTOUCH_FILE_BYTES 4096
#define ZEROTOUCH_START_S 5 /* phones of one image, switched on together, do not come together */
#define ZEROTOUCH_BASE_S 60
#define ZEROTOUCH_CAP_S (6 * 3600)
#define ZEROTOUCH_REFUSED_BASE_S 3600
#define ZEROTOUCH_REFUSED_CAP_S (24 * 3600)

struct zerotouch {
	struct enforcer *e;
	uint8_t digest[SHA256_BYTES]; /* of the file */
	struct ticket ticket;	      /* wiped once it was used */
	sd_event_source *timer;
	struct modem_query *query;
	struct enrolment_hardware hardware;
	bool enrolling;
	uint32_t failures; /* in a row */
};

void zerotouch_free(struct zerotouch *z)
{
	if (!z)
		return;
	sd_event_source_unref(z->timer);
	modem_query_free(z->query);
	explicit_bzero(z, sizeof(*z)); /* the ticket's secret */
	free(z);
}
DEFINE_CLEANUP(struct zerotouch *, zerotouch_free)

int64_t zerotouch_delay_s(uint32_t failures, bool refused, uint64_t random)
{
	int64_t base_s = refused ? ZEROTOUCH_REFUSED_BASE_S : ZEROTOUCH_BASE_S;
	int64_t cap_s = refused ? ZEROTOUCH_REFUSED_CAP_S : ZEROTOUCH_CAP_S, span_s = base_s;

	for (uint32_t i = 1; i < failures && span_s < cap_s; i++)
		span_s *= 2;
	if (span_s > cap_s)
		span_s = cap_s;
	return base_s / 2 + (int64_t)(random % (uint64_t)span_s);
}

/* --- one attempt ------------------------------------------------------------------------- */

static void zerotouch_arm(struct zerotouch *z, int64_t delay_us);

static void zerotouch_enrol(const char *imei, void *userdata)
{
	struct zerotouch *z = userdata;
	struct enforcer *e = z->e;
	int r;

	modem_query_free(z->query);
	z->query = NULL;
	memcpy(z->hardware.imei, imei, strlen(imei) + 1);
	if (e->state.facts.enrolled)
		return;
	if (!z->hardware.serial[0] && !z->hardware.imei[0]) {
		zerotouch_ended(e, CTL_E_STATE,
			"this phone has neither a serial number nor an IMEI that is not a "
			"placeholder; enrol it by hand with a ticket of its own");
		return;
	}
	r = checkin_enrol(e, &z->ticket, &z->hardware);
	if (r == 0)
		z->enrolling = true;
	else if (r == -ENOKEY)
		zerotouch_ended(e, CTL_E_INTERNAL,
			"the user of mdm-agent-net does not exist; reinstall the package");
	else if (r != -EALREADY)
		zerotouch_ended(e, r == -EBUSY ? CTL_E_BUSY : CTL_E_INTERNAL, strerror(-r));
}

static int zerotouch_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct zerotouch *z = userdata;
	struct enforcer *e = z->e;

	(void)source;
	(void)usec;
	z->timer = sd_event_source_unref(z->timer);
	if (e->state.facts.enrolled || z->enrolling || z->query)
		return 0;
	if (z->ticket.expires_s <=
		highwater_document_now(&e->state.facts.highwater, clock_realtime_s())) {
		zerotouch_ended(e, CTL_E_INPUT,
			"its ticket has expired; the image needs a new one, or enrol this phone by "
			"hand");
		return 0;
	}
	hardware_serial(e->sysroot_fd, z->hardware.serial);
	if (modem_query_imei(e->event, zerotouch_enrol, z, &z->query) < 0)
		zerotouch_ended(e, CTL_E_INTERNAL, "out of memory");
	return 0;
}

static void zerotouch_arm(struct zerotouch *z, int64_t delay_us)
{
	int64_t now_us = clock_boottime_us();

	z->timer = sd_event_source_unref(z->timer);
	if (sd_event_add_time(z->e->event, &z->timer, CLOCK_BOOTTIME, (uint64_t)(now_us + delay_us),
		    (uint64_t)(delay_us / 8 + 1), zerotouch_on_timer, z) < 0)
		log_error("enrolling by itself could not be scheduled: out of memory; a restart of "
			  "the agent tries again");
}

void zerotouch_ended(struct enforcer *e, enum ctl_code code, const char *message)
{
	struct zerotouch *z = e->zerotouch;
	bool refused = code == CTL_E_REFUSED || code == CTL_E_INPUT || code == CTL_E_STATE;

	if (!z)
		return;
	z->enrolling = false;
	if (code == CTL_OK) {
		z->failures = 0;
		/* An attempt that waits for its time would come after the phone has left again. */
		z->timer = sd_event_source_unref(z->timer);
		modem_query_free(TAKE_PTR(z->query));
		explicit_bzero(&z->ticket.secret, sizeof(z->ticket.secret));
		enforcer_problem(e, PROBLEM_ZERO_TOUCH, NULL, NULL);
		return;
	}
	if (z->failures < UINT32_MAX)
		z->failures++;
	if (z->failures == 1)
		log_warning("enrolling by itself at %s failed: %s", z->ticket.server, message);
	enforcer_problem(e, PROBLEM_ZERO_TOUCH,
		"The agent tries again by itself; `agentctl enroll` with a ticket works at any time.",
		"this phone is prepared to enrol at %s but could not: %s", z->ticket.server,
		message);
	zerotouch_arm(z, zerotouch_delay_s(z->failures, refused, checkin_random()) * USEC_PER_SEC);
}

bool zerotouch_is_enrolling(const struct enforcer *e)
{
	return e->zerotouch && e->zerotouch->enrolling;
}

void zerotouch_update(struct enforcer *e)
{
	struct zerotouch *z = e->zerotouch;

	if (!z || e->state.facts.enrolled || z->enrolling || z->query)
		return;
	/* A network is a reason to try soon, a refusal of the server is not undone by it. */
	if (z->failures == 0 || e->last_error_code == CTL_E_REFUSED)
		return;
	zerotouch_arm(z, (int64_t)(checkin_random() % (ZEROTOUCH_START_S * USEC_PER_SEC)));
}

/* --- the file ---------------------------------------------------------------------------- */

/* Whoever can write the file decides whom this phone obeys: root alone may. */
static int zerotouch_check_owner(struct enforcer *e, const char *path)
{
	struct stat st;

	if (fstatat(e->sysroot_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return -EPERM;
	return 0;
}

/* The text is the caller's, and secret. */
static int zerotouch_read(struct enforcer *e, const char *path, char **ret_text,
	size_t *ret_n_bytes, uint8_t ret_digest[SHA256_BYTES])
{
	char *text;
	size_t n_bytes;
	int r = zerotouch_check_owner(e, path);

	if (r == 0)
		r = fs_read(e->sysroot_fd, path, ZEROTOUCH_FILE_BYTES, &text, &n_bytes);
	if (r < 0)
		return r;
	r = sha256(text, n_bytes, ret_digest);
	if (r < 0) {
		secret_free(text, n_bytes);
		return r;
	}
	*ret_text = text;
	*ret_n_bytes = n_bytes;
	return 0;
}

void zerotouch_remember(struct enforcer *e, uint8_t digest[SHA256_BYTES])
{
	const char *path = e->options.zero_touch;
	char *text;
	size_t n_bytes;

	if (zerotouch_is_enrolling(e)) {
		memcpy(digest, e->zerotouch->digest, SHA256_BYTES);
		return;
	}
	if (path && zerotouch_read(e, path + strspn(path, "/"), &text, &n_bytes, digest) == 0)
		secret_free(text, n_bytes);
}

static int zerotouch_load(struct zerotouch *z, const char *path)
{
	struct enforcer *e = z->e;
	_cleanup_free_ char *text = NULL;
	struct ticket_error error = {0};
	size_t n_bytes = 0;
	int r;

	/* Below the root that the agent looks after, whatever that is. */
	path += strspn(path, "/");
	r = zerotouch_read(e, path, &text, &n_bytes, z->digest);
	if (r == -ENOENT)
		return r;
	if (r < 0) {
		enforcer_problem(e, PROBLEM_ZERO_TOUCH,
			"It must be a file of root's that nobody else can write.",
			"/%s is not used: %s", path, strerror(-r));
	} else if (ticket_parse(text, n_bytes, &z->ticket, &error) < 0) {
		r = -EBADMSG;
		enforcer_problem(e, PROBLEM_ZERO_TOUCH,
			"`mdmctl ticket new --zero-touch` makes a good one.", "/%s is not used: %s",
			path, error.message);
	}
	if (text)
		explicit_bzero(text, n_bytes);
	return r;
}

int zerotouch_new(struct enforcer *e, struct zerotouch **ret_zerotouch)
{
	_cleanup_(zerotouch_freep) struct zerotouch *z = NULL;
	int r;

	*ret_zerotouch = NULL;
	if (e->state.facts.enrolled || !e->options.zero_touch)
		return 0;
	z = calloc(1, sizeof(*z));
	if (!z)
		return -ENOMEM;
	z->e = e;
	r = zerotouch_load(z, e->options.zero_touch);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return 0;
	if (memcmp(z->digest, e->state.facts.zero_touch, SHA256_BYTES) == 0) {
		log_info("this phone left %s; it does not enrol there by itself again",
			z->ticket.server);
		return 0;
	}
	log_info("this phone enrols at %s by itself", z->ticket.server);
	zerotouch_arm(z, (int64_t)(checkin_random() % (ZEROTOUCH_START_S * USEC_PER_SEC)));
	*ret_zerotouch = TAKE_PTR(z);
	return 0;
}
