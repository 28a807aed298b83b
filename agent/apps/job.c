/* SPDX-License-Identifier: Apache-2.0 */
/*
 * job.c - orders to mdm-agent-apps and their progress, as text. Pure: it reads and writes memory.
 * Both the enforcer and mdm-agent-apps run it, each on what the other wrote.
 */
#include "agent/apps/job.h"

#include <errno.h>
#include <string.h>

#include "agent/util/codec.h"
#include "agent/util/mem.h"

#define HEAD "mdm-agent-apps 1\n"
#define PROGRESS_HEAD "mdm-agent-apps-progress 1\n"
#define DEADLINE_MIN_S 10
#define DEADLINE_MAX_S 7200

const char *const apps_step_names[APPS_STEP_KIND_MAX] = {
	[APPS_STEP_POLICY] = "policy",
	[APPS_STEP_ADD] = "add",
	[APPS_STEP_REMOVE] = "remove",
	[APPS_STEP_UPGRADE] = "upgrade",
	[APPS_STEP_FLATPAK_INSTALL] = "flatpak-install",
	[APPS_STEP_FLATPAK_REMOVE] = "flatpak-remove",
	[APPS_STEP_FLATPAK_UPDATE] = "flatpak-update",
	[APPS_STEP_FLATPAK_REMOTE_DISABLE] = "flatpak-remote-disable",
	[APPS_STEP_FLATPAK_REMOTE_ENABLE] = "flatpak-remote-enable",
	[APPS_STEP_FLATPAK_REMOTE_FILTER] = "flatpak-remote-filter",
	[APPS_STEP_FLATPAK_REMOTE_UNFILTER] = "flatpak-remote-unfilter",
	[APPS_STEP_NOEXEC] = "noexec",
	[APPS_STEP_EXEC] = "exec",
	[APPS_STEP_KEEP] = "keep",
};

const char *const apps_result_names[APPS_RESULT_MAX] = {
	[APPS_DONE] = "done",
	[APPS_NOTHING_TO_DO] = "nothing_to_do",
	[APPS_E_UNKNOWN] = "unknown_package",
	[APPS_E_CONFLICT] = "conflict",
	[APPS_E_NEEDED] = "needed",
	[APPS_E_NETWORK] = "no_network",
	[APPS_E_UNTRUSTED] = "untrusted",
	[APPS_E_DISK_FULL] = "disk_full",
	[APPS_E_BUSY] = "busy",
	[APPS_E_HOOK] = "hook",
	[APPS_E_SCRIPT] = "script",
	[APPS_E_NO_MANAGER] = "no_manager",
	[APPS_E_READ_ONLY] = "read_only",
	[APPS_E_DEADLINE] = "deadline",
	[APPS_E_FAILED] = "failed",
};

/* Words that a step of each kind has: at least and at most; whether it stands once. */
static const struct {
	size_t min, max;
	bool once;
} kinds[APPS_STEP_KIND_MAX] = {
	[APPS_STEP_POLICY] = {0, SIZE_MAX, true},
	[APPS_STEP_ADD] = {1, SIZE_MAX, false},
	[APPS_STEP_REMOVE] = {1, SIZE_MAX, false},
	[APPS_STEP_UPGRADE] = {0, SIZE_MAX, true},
	[APPS_STEP_FLATPAK_INSTALL] = {2, 2, false},
	[APPS_STEP_FLATPAK_REMOVE] = {1, 1, false},
	[APPS_STEP_FLATPAK_UPDATE] = {0, SIZE_MAX, true},
	[APPS_STEP_FLATPAK_REMOTE_DISABLE] = {1, 1, false},
	[APPS_STEP_FLATPAK_REMOTE_ENABLE] = {1, 1, false},
	[APPS_STEP_FLATPAK_REMOTE_FILTER] = {1, 1, false},
	[APPS_STEP_FLATPAK_REMOTE_UNFILTER] = {1, 2, false},
	[APPS_STEP_NOEXEC] = {0, 0, true},
	[APPS_STEP_EXEC] = {0, 0, true},
	[APPS_STEP_KEEP] = {1, SIZE_MAX, true},
};

void apps_job_done(struct apps_job *job)
{
	for (size_t i = 0; i < job->n_steps; i++)
		free(job->steps[i].words);
	free(job->steps);
	*job = (struct apps_job){0};
}

/* Printable ASCII without a space, and nothing that a program could take for an option or a file.
 */
bool apps_word_is_valid(const char *word, size_t n_bytes)
{
	const char *name = n_bytes && *word == '!' ? word + 1 : word;

	if (n_bytes > LIMIT_TEXT_BYTES || name == word + n_bytes || strchr("-/!", *name))
		return false;
	for (size_t i = 0; i < n_bytes; i++)
		if (word[i] <= ' ' || word[i] >= 0x7f)
			return false;
	return true;
}

void apps_step_write(const struct apps_step *step, struct buf *out)
{
	buf_printf(out, "%s%s%s\n", apps_step_names[step->kind], step->words[0] ? " " : "",
		step->words);
}

void apps_job_write(const struct apps_job *job, struct buf *out)
{
	buf_printf(out, HEAD "id %s\ndeadline %u\n", job->id, job->deadline_s);
	for (size_t i = 0; i < job->n_steps; i++)
		apps_step_write(&job->steps[i], out);
	buf_puts(out, "end\n");
}

/* Lines of a text that ends with one; each is ended by NUL in place. NULL: no more, or no line. */
static char *next_line(char **rest)
{
	char *line = *rest, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	*rest = end + 1;
	return line;
}

/* The text behind "word " at the beginning of the line, "" behind "word" alone; NULL: another. */
static char *after_word(char *line, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(line, word, n) != 0)
		return NULL;
	if (line[n] == '\0')
		return line + n;
	return line[n] == ' ' && line[n + 1] ? line + n + 1 : NULL;
}

/* Cuts the first word off; *rest is "" behind the last one. False: no word there. */
static bool cut_word(char **rest, char **ret_word)
{
	char *word = *rest, *end = word + strcspn(word, " ");

	if (end == word)
		return false;
	if (*end) {
		*end = '\0';
		if (!end[1])
			return false;
		end++;
	}
	*ret_word = word;
	*rest = end;
	return true;
}

static int find_name(const char *const *names, int max, const char *name)
{
	for (int i = 0; i < max; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -EBADMSG;
}

static int read_step(char *line, struct apps_job *job)
{
	struct apps_step *step = &job->steps[job->n_steps];
	char *words = line + strcspn(line, " ");
	size_t n_words = 0;
	int kind;

	if (*words) {
		*words++ = '\0';
		if (!*words)
			return -EBADMSG;
	}
	kind = find_name(apps_step_names, APPS_STEP_KIND_MAX, line);
	if (kind < 0)
		return kind;
	for (size_t i = 0; kinds[kind].once && i < job->n_steps; i++)
		if (job->steps[i].kind == (enum apps_step_kind)kind)
			return -EBADMSG;
	for (const char *at = words; *at; n_words++) {
		size_t n = strcspn(at, " ");

		if (!apps_word_is_valid(at, n) || (*at == '!' && kind != APPS_STEP_POLICY))
			return -EBADMSG;
		at += n;
		if (*at == ' ' && !*++at)
			return -EBADMSG;
	}
	if (n_words < kinds[kind].min || n_words > kinds[kind].max)
		return -EBADMSG;
	step->kind = (enum apps_step_kind)kind;
	step->words = strdup(words);
	if (!step->words)
		return -ENOMEM;
	job->n_steps++;
	return 0;
}

/* A copy that may be cut, if the bytes are text without NUL and end a line. */
static int copy_text(const char *text, size_t n_bytes, size_t max_bytes, char **ret_copy)
{
	char *copy;

	if (n_bytes > max_bytes)
		return -EFBIG;
	if (n_bytes == 0 || text[n_bytes - 1] != '\n' || memchr(text, '\0', n_bytes))
		return -EBADMSG;
	copy = malloc(n_bytes + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, n_bytes);
	copy[n_bytes] = '\0';
	*ret_copy = copy;
	return 0;
}

static int read_head(char **rest, const char *head, char *ret_id)
{
	const char *id;
	char *line;

	if (strncmp(*rest, head, strlen(head)) != 0)
		return -EBADMSG;
	*rest += strlen(head);
	line = next_line(rest);
	id = line ? after_word(line, "id") : NULL;
	if (!id || !name_is_valid(id))
		return -EBADMSG;
	memcpy(ret_id, id, strlen(id) + 1);
	return 0;
}

static int read_deadline(char **rest, uint32_t *ret_s)
{
	char *line = next_line(rest);
	const char *number = line ? after_word(line, "deadline") : NULL;
	int64_t value;

	if (!number || *number == '0' ||
		parse_int64(number, DEADLINE_MIN_S, DEADLINE_MAX_S, &value) < 0)
		return -EBADMSG;
	*ret_s = (uint32_t)value;
	return 0;
}

static int read_steps(char **rest, struct apps_job *job)
{
	char *line;
	int r;

	while ((line = next_line(rest)) && strcmp(line, "end") != 0) {
		if (job->n_steps == LIMIT_APPS_STEPS)
			return -E2BIG;
		r = read_step(line, job);
		if (r < 0)
			return r;
	}
	return line && !**rest ? 0 : -EBADMSG;
}

int apps_job_read(const char *text, size_t n_bytes, struct apps_job *ret_job)
{
	_cleanup_(apps_job_done) struct apps_job job = {0};
	_cleanup_free_ char *copy = NULL;
	char *rest;
	int r = copy_text(text, n_bytes, LIMIT_APPS_JOB_BYTES, &copy);

	if (r < 0)
		return r;
	rest = copy;
	r = read_head(&rest, HEAD, job.id);
	if (r == 0)
		r = read_deadline(&rest, &job.deadline_s);
	if (r < 0)
		return r;
	job.steps = calloc(LIMIT_APPS_STEPS, sizeof(*job.steps));
	if (!job.steps)
		return -ENOMEM;
	r = read_steps(&rest, &job);
	if (r < 0)
		return r;
	*ret_job = job;
	job = (struct apps_job){0};
	return 0;
}

void apps_progress_done(struct apps_progress *progress)
{
	free(progress->outcomes);
	*progress = (struct apps_progress){.percent = -1};
}

/* As much as fits of what a program said: one line of ASCII without spaces at its ends. */
static void clean_text(const char *text, char *ret_text, size_t size_bytes)
{
	size_t n = 0;

	for (; *text && n + 1 < size_bytes; text++) {
		bool is_plain = *text >= ' ' && *text < 0x7f;

		if (n == 0 && (*text == ' ' || *text == '\n' || *text == '\t'))
			continue;
		ret_text[n++] = is_plain ? *text : *text == '\n' || *text == '\t' ? ' ' : '?';
	}
	while (n > 0 && ret_text[n - 1] == ' ')
		n--;
	ret_text[n] = '\0';
}

int apps_progress_add(struct apps_progress *progress, enum apps_step_kind kind, const char *name,
	enum apps_result result, const char *detail)
{
	struct apps_outcome *more, *outcome;
	size_t n = progress->n_outcomes;

	if (n == LIMIT_APPS_OUTCOMES)
		return -E2BIG;
	if ((n & (n - 1)) == 0) { /* room is doubled at every power of two */
		more = reallocarray(progress->outcomes, n ? 2 * n : 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		progress->outcomes = more;
	}
	outcome = &progress->outcomes[progress->n_outcomes++];
	*outcome = (struct apps_outcome){.kind = kind, .result = result};
	clean_text(name, outcome->name, sizeof(outcome->name));
	for (char *at = outcome->name; *at; at++)
		if (*at == ' ')
			*at = '_';
	clean_text(detail, outcome->detail, sizeof(outcome->detail));
	return 0;
}

void apps_progress_write(const struct apps_progress *progress, struct buf *out)
{
	char doing[LIMIT_TEXT_BYTES + 1];

	buf_printf(out, PROGRESS_HEAD "id %s\n", progress->id);
	for (size_t i = 0; i < progress->n_outcomes; i++) {
		const struct apps_outcome *o = &progress->outcomes[i];

		buf_printf(out, "%s %s%s%s %s%s%s\n", o->name[0] ? "item" : "step",
			apps_step_names[o->kind], o->name[0] ? " " : "", o->name,
			apps_result_names[o->result], o->detail[0] ? " " : "", o->detail);
	}
	if (progress->is_running) {
		clean_text(progress->doing, doing, sizeof(doing));
		buf_printf(out, "step %s running %d%s%s\n", apps_step_names[progress->step],
			progress->percent, doing[0] ? " " : "", doing);
	}
	if (progress->is_over)
		buf_puts(out, "end\n");
}

static bool is_detail(const char *text)
{
	size_t n = strlen(text);

	return n <= LIMIT_TEXT_BYTES && (n == 0 || (*text != ' ' && text[n - 1] != ' '));
}

/* "running PERCENT DOING" */
static int read_running(int kind, char *rest, struct apps_progress *progress)
{
	char *number;
	int64_t percent;

	if (!cut_word(&rest, &number) || parse_int64(number, -1, 100, &percent) < 0 ||
		(number[0] == '-' && strcmp(number, "-1") != 0) ||
		(number[0] == '0' && number[1]) || !is_detail(rest))
		return -EBADMSG;
	progress->is_running = true;
	progress->step = (enum apps_step_kind)kind;
	progress->percent = (int)percent;
	memcpy(progress->doing, rest, strlen(rest) + 1);
	return 0;
}

/* "item KIND NAME RESULT DETAIL", "step KIND RESULT DETAIL" */
static int read_outcome(char *line, struct apps_progress *progress)
{
	bool is_item = strncmp(line, "item ", 5) == 0;
	char *rest = line + 5, *name = rest, *word;
	static char none[] = "";
	int kind, result;

	if (!is_item && strncmp(line, "step ", 5) != 0)
		return -EBADMSG;
	if (!cut_word(&rest, &word))
		return -EBADMSG;
	kind = find_name(apps_step_names, APPS_STEP_KIND_MAX, word);
	if (kind < 0)
		return kind;
	name = none;
	if (is_item && (!cut_word(&rest, &name) || strlen(name) > LIMIT_TEXT_BYTES))
		return -EBADMSG;
	if (!cut_word(&rest, &word))
		return -EBADMSG;
	if (!is_item && strcmp(word, "running") == 0)
		return read_running(kind, rest, progress);
	result = find_name(apps_result_names, APPS_RESULT_MAX, word);
	if (result < 0 || !is_detail(rest))
		return -EBADMSG;
	return apps_progress_add(
		progress, (enum apps_step_kind)kind, name, (enum apps_result)result, rest);
}

int apps_progress_read(const char *text, size_t n_bytes, struct apps_progress *ret_progress)
{
	_cleanup_(apps_progress_done) struct apps_progress progress = {.percent = -1};
	_cleanup_free_ char *copy = NULL;
	char *rest, *line;
	int r = copy_text(text, n_bytes, LIMIT_APPS_PROGRESS_BYTES, &copy);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_bytes; i++)
		if (copy[i] != '\n' && (copy[i] < ' ' || copy[i] >= 0x7f))
			return -EBADMSG;
	rest = copy;
	r = read_head(&rest, PROGRESS_HEAD, progress.id);
	while (r == 0 && !progress.is_over && (line = next_line(&rest))) {
		progress.is_over = strcmp(line, "end") == 0;
		/* What runs is the last line but "end". */
		if (!progress.is_over)
			r = progress.is_running ? -EBADMSG : read_outcome(line, &progress);
	}
	if (r == 0 && *rest)
		r = -EBADMSG;
	if (r < 0)
		return r;
	*ret_progress = progress;
	progress = (struct apps_progress){0};
	return 0;
}
