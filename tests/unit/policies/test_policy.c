/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c - policy documents: what is taken, what is refused and how, what is only reported.
 */
#include "policies/policy.h"

#include <dirent.h>
#include <errno.h>

#include "tests/lib/check.h"
#include "tests/lib/policy_gen.h"

static struct policy *parse_profiles(
	const char *checkin, const char *profiles, struct json_error *error)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	gen_policy("staff", checkin, profiles, &text);
	return gen_parse(text.data, error);
}

static void test_whole(void)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct json_error error = {0};

	policy = parse_profiles("{\"interval\":300,\"jitter\":150}",
		"{\"id\":\"work\",\"comment\":\"hours\",\"when\":{\"time\":{\"days\":[\"mon\"]}},"
		"\"settings\":{\"screen_lock\":{\"idle_delay\":60,\"lock_delay\":0}}},"
		"{\"id\":\"base\",\"settings\":{\"screen_lock\":{\"enabled\":true,"
		"\"require_unlock\":false},\"encryption\":{\"storage\":true,\"swap\":true}}}",
		&error);
	CHECK_STR(error.message, "");
	CHECK(policy);
	CHECK_STR(policy->stream, "staff");
	CHECK_INT(policy->serial, 1);
	CHECK(policy->has_checkin);
	CHECK_INT(policy->checkin.interval_s, 300);
	CHECK_INT(policy->checkin.jitter_s, 150);
	CHECK_INT(policy->n_profiles, 2);
	CHECK_INT(policy->n_unsupported, 0);
	/* In order of the ids, not of the document. */
	CHECK_STR(policy->profiles[0].id, "base");
	CHECK_STR(policy->profiles[1].id, "work");
	CHECK(!policy->profiles[0].when);
	CHECK(policy->profiles[1].when);
	CHECK(!policy->profiles[0].has[SETTING_SCREEN_LOCK_IDLE_DELAY]);
	CHECK(policy->profiles[0].has[SETTING_SCREEN_LOCK_ENABLED]);
	CHECK_INT(policy->profiles[0].values[SETTING_SCREEN_LOCK_ENABLED].number, 1);
	CHECK(policy->profiles[0].has[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK]);
	CHECK_INT(policy->profiles[0].values[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK].number, 0);
	CHECK_INT(policy->profiles[0].values[SETTING_ENCRYPTION_SWAP].type, VALUE_BOOL);
	CHECK_INT(policy->profiles[1].values[SETTING_SCREEN_LOCK_IDLE_DELAY].number, 60);
	CHECK_INT(policy->profiles[1].values[SETTING_SCREEN_LOCK_IDLE_DELAY].type, VALUE_INT);
	CHECK(policy->profiles[1].has[SETTING_SCREEN_LOCK_DELAY]);
}

static void test_checkin_defaults(void)
{
	static const struct {
		const char *checkin;
		bool has;
		int64_t interval_s, jitter_s, metered_s;
		bool push, forbids_push, wake_device, long_poll;
	} cases[] = {
		{NULL, false, 3600, 360, 14400, false, false, false, false},
		{"{}", true, 3600, 360, 14400, false, false, false, false},
		{"{\"interval\":604800}", true, 604800, 60480, 604800, false, false, false, false},
		{"{\"jitter\":0}", true, 3600, 0, 14400, false, false, false, false},
		{"{\"jitter\":1800}", true, 3600, 1800, 14400, false, false, false, false},
		{"{\"interval\":301,\"jitter\":150}", true, 301, 150, 1204, false, false, false,
			false},
		{"{\"interval\":300,\"metered_interval\":300}", true, 300, 30, 300, false, false,
			false, false},
		{"{\"metered_interval\":604800,\"push\":true}", true, 3600, 360, 604800, true,
			false, false, false},
		{"{\"push\":false,\"wake_device\":true}", true, 3600, 360, 14400, false, true, true,
			false},
		{"{\"long_poll\":{\"charging\":{\"is\":true}}}", true, 3600, 360, 14400, false,
			false, false, true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_freep) struct policy *policy =
			parse_profiles(cases[i].checkin, "", NULL);

		CHECK(policy);
		CHECK_INT(policy->has_checkin, cases[i].has);
		CHECK_INT(policy->checkin.interval_s, cases[i].interval_s);
		CHECK_INT(policy->checkin.jitter_s, cases[i].jitter_s);
		CHECK_INT(policy->checkin.metered_interval_s, cases[i].metered_s);
		CHECK_INT(policy->checkin.push, cases[i].push);
		CHECK_INT(policy->checkin.forbids_push, cases[i].forbids_push);
		CHECK_INT(policy->checkin.wake_device, cases[i].wake_device);
		CHECK_INT(policy->long_poll != NULL, cases[i].long_poll);
		CHECK_INT(policy->n_profiles, 0);
	}
}

/* Malformed known things refuse the document and name what is wrong. */
static void test_refused_profiles(void)
{
	static const struct {
		const char *profiles, *path, *message;
	} cases[] = {
		{"1", "profiles[0]", "must be an object"},
		{"null", "profiles[0]", "must be an object"},
		{"{}", "profiles[0].id", "missing"},
		{"{\"id\":\"a\"}", "profiles[0].settings", "missing"},
		{"{\"id\":\"\",\"settings\":{}}", "profiles[0].id", "must be a name"},
		{"{\"id\":\".a\",\"settings\":{}}", "profiles[0].id", "must be a name"},
		{"{\"id\":\"a b\",\"settings\":{}}", "profiles[0].id", "must be a name"},
		{"{\"id\":1,\"settings\":{}}", "profiles[0].id", "text"},
		{"{\"id\":\"a\",\"settings\":[]}", "profiles[0].settings", "must be an object"},
		{"{\"id\":\"a\",\"settings\":{\"screen_lock\":1}}",
			"profiles[0].settings.screen_lock", "must be an object"},
		{"{\"id\":\"a\",\"settings\":{}},{\"id\":\"b\",\"settings\":{}},"
		 "{\"id\":\"c\",\"settings\":{\"screen_lock\":{\"idle_delay\":14}}}",
			"profiles[2].settings.screen_lock.idle_delay",
			"must be an integer from 15 to 3600"},
		{"{\"id\":\"a\",\"settings\":{\"screen_lock\":{\"idle_delay\":3601}}}",
			"profiles[0].settings.screen_lock.idle_delay",
			"must be an integer from 15 to 3600"},
		{"{\"id\":\"a\",\"settings\":{\"screen_lock\":{\"lock_delay\":-1}}}",
			"profiles[0].settings.screen_lock.lock_delay",
			"must be an integer from 0 to 3600"},
		{"{\"id\":\"a\",\"settings\":{\"encryption\":{\"storage\":1}}}",
			"profiles[0].settings.encryption.storage", "true or false"},
		{"{\"id\":\"a\",\"settings\":{\"encryption\":{\"storage\":null}}}",
			"profiles[0].settings.encryption.storage", "true or false"},
		{"{\"id\":\"a\",\"settings\":{\"bad name\":{}}}", "profiles[0].settings",
			"valid names"},
		{"{\"id\":\"a\",\"settings\":{\"screen_lock\":{\"-x\":1}}}",
			"profiles[0].settings.screen_lock", "valid names"},
		{"{\"id\":\"a\",\"settings\":{},\"\":1}", "profiles[0]", "valid names"},
		{"{\"id\":\"a\",\"settings\":{},\"comment\":1}", "profiles[0].comment", "text"},
		{"{\"id\":\"a\",\"settings\":{},\"when\":[]}", "profiles[0].when",
			"must be an object"},
		{"{\"id\":\"a\",\"settings\":{},\"when\":null}", "profiles[0].when",
			"must be an object"},
		{"{\"id\":\"a\",\"settings\":{},\"when\":{\"all\":[{\"time\":{}}]}}",
			"profiles[0].when.all[0].time", "days, or from and to"},
		{"{\"id\":\"a\",\"settings\":{}},{\"id\":\"b\",\"settings\":{}},"
		 "{\"id\":\"a\",\"settings\":{}}",
			"profiles", "distinct ids, two are \"a\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_error error = {0};
		_cleanup_(policy_freep) struct policy *policy =
			parse_profiles(NULL, cases[i].profiles, &error);

		if (policy || strcmp(error.path, cases[i].path) ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %s \"%s\": \"%s\"", cases[i].profiles,
				policy ? "taken" : "refused", error.path, error.message);
	}
}

static void test_refused_payloads(void)
{
#define TARGET "\"target\":{\"stream\":\"s\"},"
	static const struct {
		const char *text, *path, *message;
	} cases[] = {
		{"{}", "target", "missing"},
		{"{\"target\":{},\"serial\":1,\"profiles\":[]}", "target.stream", "missing"},
		{"{\"target\":[],\"serial\":1,\"profiles\":[]}", "target", "must be an object"},
		{"{\"target\":{\"stream\":\"a/b\"},\"serial\":1,\"profiles\":[]}", "target.stream",
			"must be a name"},
		{"{" TARGET "\"profiles\":[]}", "serial", "missing"},
		{"{" TARGET "\"serial\":0,\"profiles\":[]}", "serial", "integer"},
		{"{" TARGET "\"serial\":9007199254740992,\"profiles\":[]}", "serial", "integer"},
		{"{" TARGET "\"serial\":1}", "profiles", "missing"},
		{"{" TARGET "\"serial\":1,\"profiles\":{}}", "profiles", "must be an array"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":[]}", "checkin",
			"must be an object"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"interval\":299}}",
			"checkin.interval", "must be an integer from 300 to 604800"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"interval\":604801}}",
			"checkin.interval", "must be an integer from 300 to 604800"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"interval\":300,"
		 "\"jitter\":151}}",
			"checkin.jitter", "must be an integer from 0 to 150"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"interval\":301,"
		 "\"metered_interval\":300}}",
			"checkin.metered_interval", "must be an integer from 301 to 604800"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"metered_interval\":"
		 "604801}}",
			"checkin.metered_interval", "must be an integer from 3600 to 604800"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"push\":1}}",
			"checkin.push", "true or false"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"wake_device\":{}}}",
			"checkin.wake_device", "true or false"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"long_poll\":true}}",
			"checkin.long_poll", "must be an object"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"long_poll\":"
		 "{\"not\":{\"charging\":{}}}}}",
			"checkin.long_poll.not.charging.is", "missing"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"checkin\":{\"a b\":1}}", "checkin",
			"valid names"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"comment\":[]}", "comment", "text"},
		{"{" TARGET "\"serial\":1,\"profiles\":[],\"a b\":1}", "", "valid names"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_error error = {0};
		_cleanup_(policy_freep) struct policy *policy = gen_parse(cases[i].text, &error);

		if (policy || strcmp(error.path, cases[i].path) ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %s \"%s\": \"%s\"", cases[i].text,
				policy ? "taken" : "refused", error.path, error.message);
	}
}

/* A policy with this "escrow". */
static struct policy *parse_escrow(const char *escrow, struct json_error *error)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text,
		"{\"target\":{\"stream\":\"s\"},\"serial\":1,\"profiles\":[],\"escrow\":%s}",
		escrow);
	return gen_parse(text.data, error);
}

static void test_escrow(void)
{
	_cleanup_(policy_freep) struct policy *none = parse_profiles(NULL, "", NULL);
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct json_error error = {0};

	CHECK(none && none->n_escrow == 0 && !none->escrow);
	policy = parse_escrow("{\"certificates\":[\"MIIB\",\"AAECAw==\",\"AAEC\"],"
			      "\"colour\":1}",
		&error);
	CHECK_STR(error.message, "");
	CHECK(policy);
	CHECK_INT(policy->n_escrow, 3);
	CHECK_INT(policy->escrow[0].n_der, 3);
	CHECK(memcmp(policy->escrow[0].der, "0\x82\x01", 3) == 0);
	CHECK_INT(policy->escrow[1].n_der, 4);
	CHECK(memcmp(policy->escrow[1].der, "\0\1\2\3", 4) == 0);
	/* The beginning of another is another. */
	CHECK_INT(policy->escrow[2].n_der, 3);
	CHECK_INT(policy->n_unsupported, 1);
	CHECK_STR(policy->unsupported[0], "member:escrow.colour");
}

static void test_escrow_refused(void)
{
	static const struct {
		const char *escrow, *path, *message;
	} cases[] = {
		{"[]", "escrow", "must be an object"},
		{"null", "escrow", "must be an object"},
		{"{}", "escrow.certificates", "missing"},
		{"{\"certificates\":{}}", "escrow.certificates", "must be an array"},
		{"{\"certificates\":[]}", "escrow.certificates", "1 to 4 certificates, has 0"},
		{"{\"certificates\":[\"AAAA\",\"AAAB\",\"AAAC\",\"AAAD\",\"AAAE\"]}",
			"escrow.certificates", "1 to 4 certificates, has 5"},
		{"{\"certificates\":[\"AAAA\",\"AAAB\",\"AAAA\"]}", "escrow.certificates",
			"distinct, 2 is 0 again"},
		{"{\"certificates\":[\"AAAA\",1]}", "escrow.certificates[1]", "must be text"},
		{"{\"certificates\":[null]}", "escrow.certificates[0]", "must be text"},
		{"{\"certificates\":[\"\"]}", "escrow.certificates[0]", "in base64"},
		{"{\"certificates\":[\"AAA\"]}", "escrow.certificates[0]", "in base64"},
		{"{\"certificates\":[\"AB==\"]}", "escrow.certificates[0]", "in base64"},
		{"{\"certificates\":[\"AAAA\\n\"]}", "escrow.certificates[0]", "in base64"},
		{"{\"certificates\":[\"AA AA\"]}", "escrow.certificates[0]", "in base64"},
		{"{\"certificates\":[\"-_-_\"]}", "escrow.certificates[0]", "in base64"},
		{"{\"certificates\":[\"AAAA\"],\"a b\":1}", "escrow", "valid names"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_error error = {0};
		_cleanup_(policy_freep) struct policy *policy =
			parse_escrow(cases[i].escrow, &error);

		if (policy || strcmp(error.path, cases[i].path) ||
			!strstr(error.message, cases[i].message))
			check_fail(__FILE__, __LINE__, "%s: %s \"%s\": \"%s\"", cases[i].escrow,
				policy ? "taken" : "refused", error.path, error.message);
	}
}

static void test_escrow_size(void)
{
	/* 2046, 2048 and 2049 bytes of zeros. */
	static const struct {
		size_t n_a;
		const char *end;
		size_t n_der;
	} cases[] = {{2728, "", 2046}, {2731, "=", 2048}, {2732, "", 0}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct json_error error = {0};

		buf_puts(&text, "{\"certificates\":[\"");
		for (size_t k = 0; k < cases[i].n_a; k++)
			buf_puts(&text, "A");
		buf_printf(&text, "%s\"]}", cases[i].end);
		policy = parse_escrow(text.data, &error);
		CHECK_INT(policy ? policy->escrow[0].n_der : 0, cases[i].n_der);
		CHECK(policy || strstr(error.message, "at most 2048 bytes"));
	}
}

static void test_refusal_leaves_output(void)
{
	_cleanup_json_ struct json_object *payload = json_object_new_object();
	struct policy *policy = (struct policy *)payload;

	CHECK_INT(policy_parse(payload, &policy, NULL), -EBADMSG);
	CHECK(policy == (struct policy *)payload);
	policy_free(NULL);
}

/* A newer document on an older agent: the known part counts, the rest is named once. */
static void test_unsupported(void)
{
	static const char *const expected[] = {"member:checkin.colour", "when:tide", "gadgets",
		"member:profiles.priority", "screen_lock.colour", "when:noncompliant.gadgets",
		"member:weather"};
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct json_error error = {0};

	policy = gen_parse(
		"{\"target\":{\"stream\":\"s\"},\"serial\":7,\"weather\":[],"
		"\"checkin\":{\"colour\":true},\"profiles\":["
		"{\"id\":\"a\",\"when\":{\"not\":{\"tide\":5}},\"settings\":{\"gadgets\":[1]},"
		"\"priority\":1},"
		"{\"id\":\"b\",\"when\":{\"any\":[{\"tide\":{}},{\"noncompliant\":{\"area\":"
		"\"gadgets\",\"for\":1}}]},\"priority\":2,\"settings\":{\"gadgets\":{},\"screen_lock\":"
		"{\"colour\":null,\"enabled\":true}}}]}",
		&error);
	CHECK_STR(error.message, "");
	CHECK(policy);
	CHECK_INT(policy->n_unsupported, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		size_t k = 0;

		while (k < policy->n_unsupported && strcmp(policy->unsupported[k], expected[i]))
			k++;
		if (k == policy->n_unsupported)
			check_fail(__FILE__, __LINE__, "%s is not reported", expected[i]);
	}
	CHECK_INT(policy->n_unsupported_dropped, 0);
	CHECK(policy->profiles[1].has[SETTING_SCREEN_LOCK_ENABLED]);
}

static void test_unsupported_limit(void)
{
	for (int extra = 0; extra <= 2; extra++) {
		_cleanup_buf_ struct buf profiles = BUF_INIT;
		_cleanup_(policy_freep) struct policy *policy = NULL;

		buf_puts(&profiles, "{\"id\":\"a\",\"settings\":{");
		for (int i = 0; i < LIMIT_UNSUPPORTED + extra; i++)
			buf_printf(&profiles, "%s\"area%d\":{}", i ? "," : "", i);
		buf_puts(&profiles, "}}");
		policy = parse_profiles(NULL, profiles.data, NULL);
		CHECK(policy);
		CHECK_INT(policy->n_unsupported, LIMIT_UNSUPPORTED);
		CHECK_INT(policy->n_unsupported_dropped, extra);
	}
}

/* The longest names that are allowed fit everywhere; one character more refuses. */
static void test_name_limits(void)
{
	for (int n = LIMIT_NAME_BYTES; n <= LIMIT_NAME_BYTES + 1; n++) {
		static const char *const forms[] = {
			"{\"id\":\"%0*d\",\"settings\":{}}",
			"{\"id\":\"a\",\"settings\":{\"screen_lock\":{\"%0*d\":1}}}",
			"{\"id\":\"a\",\"settings\":{\"%0*d\":1}}",
			"{\"id\":\"a\",\"settings\":{},\"%0*d\":1}",
			"{\"id\":\"a\",\"settings\":{},\"when\":{\"%0*d\":1}}",
			("{\"id\":\"a\",\"settings\":{},\"when\":{\"noncompliant\":"
			 "{\"area\":\"%0*d\",\"for\":1}}}"),
		};

		for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
			_cleanup_(policy_freep) struct policy *policy = NULL;
			char profile[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(profile, sizeof(profile), forms[i], n, 0);
#pragma GCC diagnostic pop
			policy = parse_profiles(NULL, profile, NULL);
			CHECK_INT(!!policy, n == LIMIT_NAME_BYTES);
			if (policy && policy->n_unsupported == 1)
				CHECK(strlen(policy->unsupported[0]) >= LIMIT_NAME_BYTES);
		}
	}
}

static void test_comment_limit(void)
{
	for (int n = LIMIT_TEXT_BYTES; n <= LIMIT_TEXT_BYTES + 1; n++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf profile = BUF_INIT;

		buf_printf(&profile, "{\"id\":\"a\",\"settings\":{},\"comment\":\"%0*d\"}", n, 0);
		policy = parse_profiles(NULL, profile.data, NULL);
		CHECK_INT(!!policy, n == LIMIT_TEXT_BYTES);
	}
}

static void test_profile_limit(void)
{
	for (int n = LIMIT_PROFILES; n <= LIMIT_PROFILES + 1; n++) {
		_cleanup_buf_ struct buf profiles = BUF_INIT;
		_cleanup_(policy_freep) struct policy *policy = NULL;
		struct json_error error = {0};

		for (int i = 0; i < n; i++)
			buf_printf(
				&profiles, "%s{\"id\":\"p%d\",\"settings\":{}}", i ? "," : "", i);
		policy = parse_profiles(NULL, profiles.data, &error);
		CHECK_INT(!!policy, n == LIMIT_PROFILES);
		if (!policy)
			CHECK_STR(error.path, "profiles");
		for (int i = 1; policy && i < n; i++)
			CHECK(strcmp(policy->profiles[i - 1].id, policy->profiles[i].id) < 0);
	}
}

/* What the agent writes of settings, it reads. */
static void test_random(void)
{
	struct gen gen = {6};

	for (int i = 0; i < 300; i++) {
		_cleanup_buf_ struct buf profiles = BUF_INIT;
		_cleanup_(policy_freep) struct policy *policy = NULL;
		struct json_error error = {0};
		uint64_t n = gen_below(&gen, 6);

		buf_puts(&profiles, "");
		for (uint64_t k = 0; k < n; k++) {
			char id[32];

			snprintf(id, sizeof(id), "p%u", (unsigned int)k);
			if (k)
				buf_puts(&profiles, ",");
			gen_profile(&gen, id, &profiles);
		}
		policy = parse_profiles(NULL, profiles.data, &error);
		if (!policy)
			check_fail(__FILE__, __LINE__, "%s: %s: %s", profiles.data, error.path,
				error.message);
		CHECK(policy);
		CHECK_INT(policy->n_profiles, n);
		/* The generator's only unknown things: a condition and a link. */
		CHECK(policy->n_unsupported <= 2);
	}
}

static int read_file(const char *path, struct buf *out)
{
	_cleanup_(fclosep) FILE *file = fopen(path, "re");
	char chunk[4096];
	size_t n;

	if (!file)
		return -errno;
	while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0)
		buf_append(out, chunk, n);
	return out->error;
}

/* The sample policies in docs/examples/ are taken as mdmctl signs them, with nothing unknown in
 * them. */
static void test_examples(void)
{
	const char *source = getenv("MDM_SOURCE_DIR");
	_cleanup_(closedirp) DIR *dir = NULL;
	char path[4096];
	size_t n = 0;

	snprintf(path, sizeof(path), "%s/docs/examples", source ? source : ".");
	dir = opendir(path);
	CHECK(dir);
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		const char *ending = strrchr(entry->d_name, '.');
		_cleanup_(policy_freep) struct policy *policy = NULL;
		_cleanup_buf_ struct buf text = BUF_INIT, whole = BUF_INIT;
		struct json_error error = {0};

		if (!ending || strcmp(ending, ".json") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/docs/examples/%s", source ? source : ".",
			entry->d_name);
		CHECK_INT(read_file(path, &text), 0);
		CHECK(text.data[0] == '{');
		buf_printf(&whole,
			"{\"type\":\"policy\",\"org\":\"5d1f0c6be8a94b7c9e2f4a3b8c7d6e50\",\"serial\":1,"
			"\"issued\":1793491200,\"expires\":1888185600,\"target\":{\"stream\":\"staff\"},%s",
			text.data + 1);
		policy = gen_parse(whole.data, &error);
		if (!policy)
			check_fail(
				__FILE__, __LINE__, "%s: %s: %s", path, error.path, error.message);
		CHECK(policy);
		CHECK_INT(policy->n_unsupported, 0);
		CHECK(policy->n_profiles > 0);
		n++;
	}
	CHECK(n >= 3);
}

static const struct check_test tests[] = {
	{"whole", test_whole},
	{"checkin_defaults", test_checkin_defaults},
	{"refused_profiles", test_refused_profiles},
	{"refused_payloads", test_refused_payloads},
	{"escrow", test_escrow},
	{"escrow_refused", test_escrow_refused},
	{"escrow_size", test_escrow_size},
	{"refusal_leaves_output", test_refusal_leaves_output},
	{"unsupported", test_unsupported},
	{"unsupported_limit", test_unsupported_limit},
	{"name_limits", test_name_limits},
	{"comment_limit", test_comment_limit},
	{"profile_limit", test_profile_limit},
	{"random", test_random},
	{"examples", test_examples},
};

CHECK_MAIN(tests)
