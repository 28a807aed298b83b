/* SPDX-License-Identifier: Apache-2.0 */
/* guard.c - who may ask how often; see guard.h. mdm-server only. */
#include "server/guard.h"

#include <errno.h>

#include "agent/util/clock.h"

static const char *const guard_names[GUARD_MAX] = {
	[GUARD_STRANGERS] = "address_connections",
	[GUARD_CONNECTIONS] = "device_connections",
	[GUARD_ADDRESS_RATE] = "address_rate",
	[GUARD_DEVICE_RATE] = "device_rate",
	[GUARD_ENROL_ADDRESS] = "enrol_address",
	[GUARD_ENROL_TICKET] = "enrol_ticket",
	[GUARD_HANDSHAKE] = "handshake",
	[GUARD_CREDENTIALS] = "credentials",
};

const char *guard_refusal_name(enum guard_refusal refusal)
{
	return guard_names[refusal];
}

int guard_init(struct guard *guard, const struct config *config)
{
	int r;

	*guard = (struct guard){.config = config};
	r = rate_tally_init(&guard->strangers[GUARD_DEVICES]);
	if (r == 0)
		r = rate_tally_init(&guard->strangers[GUARD_ADMINS]);
	if (r == 0)
		r = rate_tally_init(&guard->connections);
	if (r == 0)
		r = rate_table_new(BOUND_RATE_BUCKETS, &guard->addresses);
	if (r == 0)
		r = rate_table_new(BOUND_RATE_BUCKETS, &guard->devices);
	if (r == 0)
		r = rate_table_new(BOUND_RATE_BUCKETS, &guard->failures);
	return r;
}

void guard_done(struct guard *guard)
{
	rate_table_free(guard->addresses);
	rate_table_free(guard->devices);
	rate_table_free(guard->failures);
}

static bool guard_refuse(struct guard *guard, enum guard_refusal why)
{
	guard->refused[why]++;
	return false;
}

bool guard_admits_stranger(struct guard *guard, enum guard_listener listener, int max_connections,
	const struct sockaddr_storage *address, struct rate_place *ret_place)
{
	struct rate_key key = rate_key_address(address);
	int64_t limit = max_connections / BOUND_STRANGERS_SHARE;

	if (limit < BOUND_STRANGERS_MIN)
		limit = BOUND_STRANGERS_MIN;
	if (limit > guard->config->strangers_per_address)
		limit = guard->config->strangers_per_address;
	return rate_tally_add(&guard->strangers[listener], &key, limit, ret_place) ||
	       guard_refuse(guard, GUARD_STRANGERS);
}

bool guard_admits_device(struct guard *guard, const char *device, struct rate_place *ret_place)
{
	struct rate_key key = rate_key_text(device);

	return rate_tally_add(&guard->connections, &key, guard->config->connections_per_device,
		       ret_place) ||
	       guard_refuse(guard, GUARD_CONNECTIONS);
}

/* Whole seconds, rounded up: a client that waits so long is let in. */
static int64_t guard_seconds(int64_t wait_us)
{
	return (wait_us + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

bool guard_admits_request(
	struct guard *guard, const struct guard_asker *asker, int64_t now_us, int64_t *ret_wait_s)
{
	struct rate_limit address = {
		.n = guard->config->address_rate,
		.period_us = 60 * USEC_PER_SEC,
		.burst = guard->config->address_burst,
	};
	struct rate_limit device = {
		.n = guard->config->device_rate,
		.period_us = 60 * USEC_PER_SEC,
		.burst = guard->config->device_burst,
	};
	struct rate_key key = rate_key_address(asker->address);
	int64_t wait_us;
	bool ok;

	/* The phone first: what it asks too much must not use up what its neighbours may ask. */
	if (*asker->device) {
		struct rate_key id = rate_key_text(asker->device);

		if (!rate_take(guard->devices, &id, &device, now_us, &wait_us)) {
			*ret_wait_s = guard_seconds(wait_us);
			return guard_refuse(guard, GUARD_DEVICE_RATE);
		}
	}
	ok = rate_take(guard->addresses, &key, &address, now_us, &wait_us);
	*ret_wait_s = guard_seconds(wait_us);
	return ok || guard_refuse(guard, GUARD_ADDRESS_RATE);
}

static struct rate_limit guard_failure_limit(int64_t an_hour)
{
	return (struct rate_limit){
		.n = an_hour,
		.period_us = 3600 * USEC_PER_SEC,
		.burst = an_hour,
	};
}

bool guard_admits_enrolment(
	struct guard *guard, const struct guard_asker *asker, int64_t now_us, int64_t *ret_wait_s)
{
	struct rate_limit by_address = guard_failure_limit(guard->config->enrol_address_failures);
	struct rate_limit by_ticket = guard_failure_limit(guard->config->enrol_ticket_failures);
	struct rate_key address = rate_key_address(asker->address);
	struct rate_key ticket = rate_key_text(asker->ticket);
	int64_t wait_us;

	if (!rate_has(guard->failures, &address, &by_address, now_us, &wait_us)) {
		*ret_wait_s = guard_seconds(wait_us);
		return guard_refuse(guard, GUARD_ENROL_ADDRESS);
	}
	if (!rate_has(guard->failures, &ticket, &by_ticket, now_us, &wait_us)) {
		*ret_wait_s = guard_seconds(wait_us);
		return guard_refuse(guard, GUARD_ENROL_TICKET);
	}
	return true;
}

void guard_count_failure(struct guard *guard, const struct guard_asker *asker, int64_t now_us)
{
	struct rate_limit by_address = guard_failure_limit(guard->config->enrol_address_failures);
	struct rate_limit by_ticket = guard_failure_limit(guard->config->enrol_ticket_failures);
	struct rate_key address = rate_key_address(asker->address);
	struct rate_key ticket = rate_key_text(asker->ticket);
	int64_t wait_us;

	guard->refused[GUARD_CREDENTIALS]++;
	(void)rate_take(guard->failures, &address, &by_address, now_us, &wait_us);
	if (*asker->ticket)
		(void)rate_take(guard->failures, &ticket, &by_ticket, now_us, &wait_us);
}
