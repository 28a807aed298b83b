/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report.h - what the phones of load_bench and herd_bench say: reports with the members and about
 * the size of a real agent's. Benchmarks only.
 */
#ifndef MDM_BENCH_REPORT_H
#define MDM_BENCH_REPORT_H

#include "agent/util/clock.h"
#include "agent/util/digest.h"
#include "agent/util/jsonw.h"
#include "bench/fleet.h"

#define REPORT_HAVE_ALL 1000000 /* above any serial the server has: nothing new */

struct report_order {
	const char *id; /* of the device */
	int64_t round;	/* reports of one device differ in their nonce */
	bool first;	/* all sections and two events, as after a restart; otherwise digests */
	bool lacks_policy;
};

static inline void report_result(
	struct jsonw *w, const char *setting, int64_t wanted, int64_t since_s)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "area", "screen_lock");
	jsonw_string(w, "setting", setting);
	jsonw_string(w, "state", "compliant");
	jsonw_string(w, "reason", "ok");
	jsonw_int(w, "desired", wanted);
	jsonw_string(w, "desired_text", "wanted");
	jsonw_int(w, "observed", wanted);
	jsonw_string(w, "observed_text", "seen");
	jsonw_string(w, "backend", "dconf");
	jsonw_string(w, "detail", "system-db:mdm_agent");
	jsonw_int(w, "since", since_s);
	jsonw_array(w, "items");
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static inline void report_storage(struct jsonw *w, const char *id, int64_t since_s)
{
	static const char *const mounts[] = {"/", "/home", "/boot", "/var/tmp"};
	char detail[64];

	jsonw_object(w, NULL);
	jsonw_string(w, "area", "encryption");
	jsonw_string(w, "setting", "storage");
	jsonw_string(w, "state", "compliant");
	jsonw_string(w, "reason", "ok");
	jsonw_bool(w, "desired", true);
	jsonw_bool(w, "observed", true);
	jsonw_string(w, "backend", "storage");
	jsonw_int(w, "since", since_s);
	jsonw_array(w, "items");
	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		snprintf(detail, sizeof(detail), "dm-%zu luks2 %.8s", i, id);
		jsonw_object(w, NULL);
		jsonw_string(w, "name", mounts[i]);
		jsonw_string(w, "state", "compliant");
		jsonw_string(w, "reason", "ok");
		jsonw_string(w, "detail", detail);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static inline void report_compliance(struct jsonw *w, const char *id)
{
	int64_t since_s = clock_realtime_s() - id[0] * 60;

	jsonw_object(w, NULL);
	jsonw_string(w, "state", "compliant");
	jsonw_array(w, "settings");
	report_result(w, "idle_delay", 120, since_s);
	report_result(w, "enabled", 1, since_s);
	report_result(w, "lock_delay", 0, since_s);
	report_result(w, "require_unlock", 1, since_s);
	report_storage(w, id, since_s);
	jsonw_array_end(w);
	jsonw_array(w, "unsupported");
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static inline void report_inventory(struct jsonw *w, const char *id)
{
	char model[64];

	snprintf(model, sizeof(model), "Phone of lot %.4s", id);
	jsonw_object(w, NULL);
	jsonw_string(w, "os", "postmarketos");
	jsonw_string(w, "os_version", "v25.06");
	jsonw_string(w, "os_name", "postmarketOS v25.06");
	jsonw_string(w, "manufacturer", "Example");
	jsonw_string(w, "model", model);
	jsonw_string(w, "codename", "example-one");
	jsonw_string(w, "kernel", "6.12.20-sdm845");
	jsonw_string(w, "arch", "aarch64");
	jsonw_string(w, "init", "systemd");
	jsonw_object_end(w);
}

static inline void report_agent(struct jsonw *w, const char *id)
{
	static const char *const backends[] = {"dconf", "plasma", "sxmo", "storage"};

	jsonw_object(w, NULL);
	jsonw_string(w, "version", MDM_VERSION);
	jsonw_string(w, "clock", "plausible");
	jsonw_array(w, "backends");
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		jsonw_object(w, NULL);
		jsonw_string(w, "name", backends[i]);
		jsonw_bool(w, "present", i != 1);
		jsonw_string(w, "detail", id);
		jsonw_object_end(w);
	}
	jsonw_array_end(w);
	jsonw_object_end(w);
}

static inline void report_section(struct jsonw *w, const char *name, const char *id, bool with_body)
{
	_cleanup_buf_ struct buf body = BUF_INIT;
	struct jsonw inner = JSONW_INIT(&body);
	uint8_t digest[SHA256_BYTES];
	char text[2 * SHA256_BYTES + 1];

	if (*name == 'c')
		report_compliance(&inner, id);
	else if (*name == 'i')
		report_inventory(&inner, id);
	else
		report_agent(&inner, id);
	(void)sha256(body.data, body.n_bytes, digest);
	hex_encode(digest, sizeof(digest), text);
	text[16] = 0;
	jsonw_object(w, name);
	jsonw_string(w, "digest", text);
	if (with_body)
		jsonw_raw(w, "body", body.data, body.n_bytes);
	jsonw_object_end(w);
}

static inline void report_event(struct jsonw *w, int64_t seq, const char *type, const char *data)
{
	jsonw_object(w, NULL);
	jsonw_int(w, "seq", seq);
	jsonw_int(w, "time", clock_realtime_s());
	jsonw_string(w, "boot", "0a1b2c3d");
	jsonw_string(w, "type", type);
	jsonw_raw(w, "data", data, strlen(data));
	jsonw_object_end(w);
}

static inline void report_have(struct jsonw *w, const struct report_order *order)
{
	jsonw_object(w, "have");
	jsonw_int(w, "keyset", 1);
	jsonw_int(w, "assignment", 1);
	jsonw_object(w, "policy");
	if (!order->lacks_policy)
		jsonw_int(w, FLEET_GROUP, REPORT_HAVE_ALL);
	jsonw_object_end(w);
	jsonw_object_end(w);
}

static inline void report_write(const struct report_order *order, struct buf *out)
{
	char nonce[BASE64URL_LENGTH(FLEET_NONCE_BYTES) + 1];
	struct jsonw w = JSONW_INIT(out);

	fleet_nonce(order->id, (uint64_t)order->round, nonce);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "v", 1);
	jsonw_string(&w, "device", order->id);
	jsonw_string(&w, "enrolment", order->id);
	jsonw_string(&w, "agent", MDM_VERSION);
	jsonw_string(&w, "nonce", nonce);
	jsonw_int(&w, "report", order->round + 1);
	report_have(&w, order);
	jsonw_object(&w, "sections");
	report_section(&w, "compliance", order->id, order->first);
	report_section(&w, "inventory", order->id, order->first);
	report_section(&w, "agent", order->id, order->first);
	jsonw_object_end(&w);
	jsonw_array(&w, "events");
	if (order->first) {
		report_event(
			&w, 2 * order->round + 1, "started", "{\"version\":\"" MDM_VERSION "\"}");
		report_event(&w, 2 * order->round + 2, "drift_repaired",
			"{\"area\":\"screen_lock\",\"setting\":\"idle_delay\",\"state\":\"compliant\"}");
	}
	jsonw_array_end(&w);
	jsonw_object_end(&w);
}

/* The same header lines as mdm-agent-net sends. */
static inline void report_request(const struct report_order *order, int port, struct buf *out)
{
	_cleanup_buf_ struct buf body = BUF_INIT;

	report_write(order, &body);
	buf_printf(out,
		"POST /v1/checkin HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		port, body.n_bytes);
	buf_append(out, body.data, body.n_bytes);
}

#endif
