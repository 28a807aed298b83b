/* SPDX-License-Identifier: Apache-2.0 */
/* tool-layer: enforcer */
/*
 * apps_bench.c - a full inventory of a phone (everything read, what is an app told from the rest,
 * base marked, the section of the report written, with its digest) beside reading its database of
 * packages and looking for the ends of its lines. Both sides take turns; medians of the time that
 * passes. Prints "NAME VALUE" lines. Benchmarks only.
 */
#include "agent/enforcer/apps_list.h"
#include "bench/apk_phone.h"
#include "bench/sample.h"
#include "platform/apps.h"
#include "policies/apps_base.h"

#define ROUNDS 41
#define REPEATS 5

struct bench {
	int root_fd;
	struct buf base;
	size_t n_lines, n_apps, n_packages, n_bytes;
};

static bool is_protected(const char *name)
{
	return strcmp(name, "package-0600") < 0;
}

static void bench_init(struct bench *b, char *path)
{
	struct apps_request request;
	struct apps_snapshot *s;

	apk_phone_must(mkdtemp(path) != NULL);
	*b = (struct bench){.root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
	apk_phone_must(b->root_fd >= 0);
	apk_phone_make(b->root_fd);
	request = (struct apps_request){.root_fd = b->root_fd};
	apk_phone_must(apps_collect(&request, &s) == 0);
	apk_phone_must(apps_base_make(&s->db, s->world, is_protected, &b->base) == 0);
	apps_snapshot_free(s);
}

static void bench_done(struct bench *b, const char *path)
{
	static const char *const below[] = {"bin", "etc", "home", "lib", "usr"};

	for (size_t i = 0; i < ARRAY_SIZE(below); i++)
		apk_phone_must(fs_remove_tree(b->root_fd, below[i]) == 0);
	apk_phone_must(rmdir(path) == 0);
	buf_done(&b->base);
	close(b->root_fd);
}

static void run_inventory(struct bench *b)
{
	const struct apps_request request = {
		.root_fd = b->root_fd, .base = {b->base.data, b->base.n_bytes}};
	_cleanup_(apps_snapshot_freep) struct apps_snapshot *s = NULL;
	_cleanup_apps_section_ struct apps_section section = {0};
	_cleanup_apps_list_ struct apps_list list = {0};
	_cleanup_free_ struct apps_entry *entries = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct apps_about about = {.manager = "apk"};

	apk_phone_must(apps_collect(&request, &s) == 0);
	about.n_packages = s->db.n_packages;
	about.n_base = s->n_base;
	apk_phone_must(apps_list_copy(s->apps, s->n_apps, NULL, NULL, &list) == 0);
	entries = calloc(list.n_apps + 1, sizeof(*entries));
	apk_phone_must(entries != NULL);
	for (size_t i = 0; i < list.n_apps; i++)
		entries[i] = (struct apps_entry){&list.apps[i], -1};
	apk_phone_must(apps_section_make(&about, entries, list.n_apps, &section) == 0);
	apps_section_write(&section, &out);
	apk_phone_must(!out.error && s->n_base >= APK_PHONE_PACKAGES / 2);
	b->n_apps = s->n_apps;
	b->n_packages = s->db.n_packages;
}

static void run_bare(struct bench *b)
{
	int fd = openat(b->root_fd, "lib/apk/db/installed", O_RDONLY | O_CLOEXEC);
	struct stat st;
	const char *at, *end;
	char *text;

	apk_phone_must(fd >= 0 && fstat(fd, &st) == 0);
	text = malloc((size_t)st.st_size);
	apk_phone_must(text && read(fd, text, (size_t)st.st_size) == st.st_size);
	b->n_bytes = (size_t)st.st_size;
	b->n_lines = 0;
	for (at = text, end = text + st.st_size; at < end; at++, b->n_lines++) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (!at)
			break;
	}
	free(text);
	close(fd);
}

static void run_identity(struct bench *b)
{
	uint8_t identity[SHA256_BYTES];

	apk_phone_must(apps_identity(b->root_fd, identity) == 0);
}

static const struct {
	const char *name;
	void (*run)(struct bench *b);
} rows[] = {
	{"apps.inventory_us", run_inventory},
	{"apps.bare_us", run_bare},
	{"apps.unchanged_us", run_identity},
};

int main(void)
{
	static double us[ARRAY_SIZE(rows)][ROUNDS];
	const char *tmp = getenv("TMPDIR");
	char path[256];
	struct bench b;

	snprintf(path, sizeof(path), "%s/apps-bench-XXXXXX", tmp ? tmp : "/tmp");
	bench_init(&b, path);
	for (size_t round = 0; round < ROUNDS; round++)
		for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
			double start = sample_clock_us(CLOCK_PROCESS_CPUTIME_ID);

			for (int i = 0; i < REPEATS; i++)
				rows[row].run(&b);
			us[row][round] =
				(sample_clock_us(CLOCK_PROCESS_CPUTIME_ID) - start) / REPEATS;
		}
	bench_done(&b, path);
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
		printf("%s %.1f\n", rows[row].name, sample_median(us[row], ROUNDS));
	printf("apps.packages %zu\napps.apps %zu\napps.lines %zu\napps.bytes %zu\n", b.n_packages,
		b.n_apps, b.n_lines, b.n_bytes);
	return 0;
}
