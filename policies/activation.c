/* SPDX-License-Identifier: Apache-2.0 */
/* activation.c - what begins and ends to apply, and what is due then; see activation.h. Pure;
 * enforcer. */
#include "policies/activation.h"

#include <errno.h>

#include "agent/util/codec.h"
#include "policies/fingerprint.h"

/* All profiles of all streams of a phone. */
#define ENTRIES_MAX (LIMIT_PROFILES * LIMIT_ASSIGNMENT_GROUPS)

const char *activation_cause_name(enum activation_cause cause)
{
	static const char *const names[ACTIVATION_CAUSE_MAX] = {
		[ACTIVATION_CONDITION] = "condition",
		[ACTIVATION_POLICY] = "policy",
		[ACTIVATION_START] = "start",
	};

	return cause < ACTIVATION_CAUSE_MAX ? names[cause] : NULL;
}

void activation_done(struct activation *a)
{
	free(a->entries);
	*a = ACTIVATION_INIT;
}

static int compare_entries(const void *a, const void *b)
{
	const struct activation_entry *x = a, *y = b;
	int order = strcmp(x->stream, y->stream);

	return order ? order : strcmp(x->id, y->id);
}

static struct activation_entry *entry_find(
	const struct activation *a, const char *stream, const char *id)
{
	struct activation_entry key;

	snprintf(key.stream, sizeof(key.stream), "%s", stream);
	snprintf(key.id, sizeof(key.id), "%s", id);
	if (a->n_entries == 0)
		return NULL;
	return bsearch(&key, a->entries, a->n_entries, sizeof(key), compare_entries);
}

/* --- looking ------------------------------------------------------------------------------- */

/* A condition with its place in the policies, looked at. */
static void entry_look(struct activation_entry *entry, const struct policy *policy,
	const struct profile *profile, const struct when_facts *facts)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	int64_t ignored = INT64_MAX;

	*entry = (struct activation_entry){0};
	memcpy(entry->stream, policy->stream, sizeof(entry->stream));
	memcpy(entry->id, profile->id, sizeof(entry->id));
	entry->truth = when_evaluate(profile->when, facts, &ignored);
	when_leaf_truths(profile->when, facts, entry->leaves);
	when_format(profile->when, &text);
	/* Without memory it is another condition next time, and the cause says so. */
	if (!text.error)
		entry->when_print = fingerprint(text.data, text.n_bytes);
}

static unsigned int profile_actions(const struct profile *profile)
{
	unsigned int actions = 0;

	for (size_t i = 0; i < profile->n_actions; i++)
		actions |= 1u << profile->actions[i].kind;
	return actions;
}

/* Goes on where before left off. */
static void entry_follow(struct activation_entry *entry, const struct activation_entry *before,
	const struct profile *profile)
{
	entry->active = before && before->active;
	entry->due = before ? before->due : 0;
	if (entry->truth == TRUTH_TRUE && !entry->active) {
		entry->active = true;
		entry->due = profile_actions(profile);
	} else if (entry->truth == TRUTH_FALSE) {
		entry->active = false;
		entry->due = 0;
	}
}

/* It has begun before, unless that cannot be. */
static void entry_adopt(struct activation_entry *entry)
{
	entry->active = entry->truth != TRUTH_FALSE;
	entry->due = 0;
}

/* --- what changed -------------------------------------------------------------------------- */

/* The leaves that are not as they were; *ret_kind: of the first one. */
static void write_leaves(const struct when *when, const struct activation_entry *before,
	const struct activation_entry *after, const char **ret_kind, struct buf *out)
{
	static const char *const words[TRUTH_MAX] = {
		[TRUTH_FALSE] = "no longer ",
		[TRUTH_TRUE] = "",
		[TRUTH_UNKNOWN] = "nobody knows any more whether ",
	};

	for (size_t i = 0; i < LIMIT_WHEN_NODES; i++) {
		const char *kind;

		if (before->leaves[i] == after->leaves[i])
			continue;
		buf_printf(out, "%s%s", out->n_bytes ? " and " : "", words[after->leaves[i]]);
		kind = when_leaf_format(when, i, out);
		*ret_kind = **ret_kind || !kind ? *ret_kind : kind;
	}
}

/* What is longer than a journal's text is cut off between two characters. */
static void shorten(struct buf *text)
{
	size_t n = LIMIT_TEXT_BYTES;

	if (text->error || text->n_bytes <= n)
		return;
	while (n > 0 && (text->data[n] & 0xc0) == 0x80)
		n--;
	text->data[n] = 0;
	text->n_bytes = n;
}

struct watcher {
	void (*visit)(void *userdata, const struct activation_change *change);
	void *userdata;
};

/* profile is NULL if it is gone; before is NULL if it was not there. */
static void tell(const struct watcher *watcher, const struct activation_entry *before,
	const struct activation_entry *after, const struct profile *profile)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct activation_change change = {
		.stream = after->stream,
		.id = after->id,
		.before = before ? before->truth : TRUTH_FALSE,
		.after = after->truth,
		.cause = ACTIVATION_POLICY,
		.kind = "",
	};

	if ((change.before == TRUTH_TRUE) == (change.after == TRUTH_TRUE) || !watcher->visit)
		return;
	if (before && profile && before->when_print == 0) {
		change.cause = ACTIVATION_START;
	} else if (before && profile && before->when_print == after->when_print) {
		change.cause = ACTIVATION_CONDITION;
		write_leaves(profile->when, before, after, &change.kind, &text);
		shorten(&text);
	}
	change.text = text.error || !text.data ? "" : text.data;
	watcher->visit(watcher->userdata, &change);
}

/* Those that are in one list and not in the other; both are sorted. */
static void tell_gone(const struct watcher *watcher, const struct activation *before,
	const struct activation *after)
{
	for (size_t i = 0; i < before->n_entries; i++) {
		struct activation_entry gone = before->entries[i];

		if (entry_find(after, gone.stream, gone.id))
			continue;
		gone.truth = TRUTH_FALSE;
		tell(watcher, &before->entries[i], &gone, NULL);
	}
}

static int compare_policies(const void *a, const void *b)
{
	return strcmp((*(struct policy *const *)a)->stream, (*(struct policy *const *)b)->stream);
}

/* The policies in the order of their streams. Freed by the caller; NULL: no memory. */
static struct policy **sort_policies(struct policy *const *policies, size_t n_policies)
{
	struct policy **sorted = calloc(n_policies ? n_policies : 1, sizeof(*sorted));

	if (sorted && n_policies > 0) {
		memcpy(sorted, policies, n_policies * sizeof(*sorted));
		qsort(sorted, n_policies, sizeof(*sorted), compare_policies);
	}
	return sorted;
}

static size_t count_conditions(struct policy *const *policies, size_t n_policies)
{
	size_t n = 0;

	for (size_t i = 0; i < n_policies; i++)
		for (size_t k = 0; k < policies[i]->n_profiles; k++)
			n += policies[i]->profiles[k].when != NULL;
	return n;
}

/* Without a watcher: what is true, or may be, has begun before. */
static int activation_look(struct activation *a, struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts, const struct watcher *watcher)
{
	_cleanup_free_ struct policy **sorted = sort_policies(policies, n_policies);
	size_t n = count_conditions(policies, n_policies);
	struct activation next = ACTIVATION_INIT;

	next.entries = calloc(n ? n : 1, sizeof(*next.entries));
	if (!sorted || !next.entries) {
		free(next.entries);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n_policies; i++) {
		for (size_t k = 0; k < sorted[i]->n_profiles; k++) {
			const struct profile *profile = &sorted[i]->profiles[k];
			struct activation_entry *entry = &next.entries[next.n_entries], *before;

			if (!profile->when)
				continue;
			entry_look(entry, sorted[i], profile, facts);
			before = entry_find(a, entry->stream, entry->id);
			entry_follow(entry, before, profile);
			if (watcher)
				tell(watcher, before, entry, profile);
			else
				entry_adopt(entry);
			next.n_entries++;
		}
	}
	if (watcher)
		tell_gone(watcher, a, &next);
	activation_done(a);
	*a = next;
	return 0;
}

int activation_update(struct activation *a, struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts,
	void (*visit)(void *userdata, const struct activation_change *change), void *userdata)
{
	const struct watcher watcher = {visit, userdata};

	return activation_look(a, policies, n_policies, facts, &watcher);
}

int activation_adopt(struct activation *a, struct policy *const *policies, size_t n_policies,
	const struct when_facts *facts)
{
	return activation_look(a, policies, n_policies, facts, NULL);
}

/* --- what is due --------------------------------------------------------------------------- */

/* The first in the order of its profile. NULL: a policy that came since has none of them. */
static const struct action *first_due(const struct profile *profile, unsigned int due)
{
	for (size_t i = 0; i < profile->n_actions; i++)
		if (due & 1u << profile->actions[i].kind)
			return &profile->actions[i];
	return NULL;
}

bool activation_next(const struct activation *a, struct policy *const *policies, size_t n_policies,
	struct activation_due *ret_due)
{
	for (size_t i = 0; i < a->n_entries; i++) {
		const struct activation_entry *entry = &a->entries[i];

		for (size_t p = 0; entry->due && p < n_policies; p++) {
			if (strcmp(policies[p]->stream, entry->stream) != 0)
				continue;
			for (size_t k = 0; k < policies[p]->n_profiles; k++) {
				const struct profile *profile = &policies[p]->profiles[k];
				const struct action *action = first_due(profile, entry->due);

				if (!action || strcmp(profile->id, entry->id) != 0)
					continue;
				*ret_due = (struct activation_due){policies[p], profile, action};
				return true;
			}
		}
	}
	return false;
}

void activation_mark(struct activation *a, const struct activation_due *due)
{
	struct activation_entry *entry = entry_find(a, due->policy->stream, due->profile->id);

	if (entry)
		entry->due &= ~(1u << due->action->kind);
}

/* --- what is kept -------------------------------------------------------------------------- */

/* "STREAM ID TRUTH ACTIVE DUE", DUE being names with commas between them, or "-". */
void activation_export(const struct activation *a, struct buf *out)
{
	for (size_t i = 0; i < a->n_entries; i++) {
		const struct activation_entry *entry = &a->entries[i];
		const char *separator = "";

		buf_printf(out, "%s %s %s %d ", entry->stream, entry->id, truth_name(entry->truth),
			entry->active);
		for (size_t kind = 0; kind < ACTION_MAX; kind++) {
			if (!(entry->due & 1u << kind))
				continue;
			buf_printf(out, "%s%s", separator, action_row(kind)->name);
			separator = ",";
		}
		buf_puts(out, *separator ? "\n" : "-\n");
	}
}

/* The next word of a line, ended by one space or the end. False: there is none, or it is too long.
 */
static bool read_word(const char **at, char *ret_word, size_t size)
{
	size_t n = strcspn(*at, " ");

	if (n == 0 || n >= size)
		return false;
	memcpy(ret_word, *at, n);
	ret_word[n] = 0;
	*at += n;
	if (**at == ' ')
		(*at)++;
	return true;
}

static bool read_truth(const char *word, enum truth *ret_truth)
{
	for (size_t i = 0; i < TRUTH_MAX; i++)
		if (strcmp(word, truth_name((enum truth)i)) == 0) {
			*ret_truth = (enum truth)i;
			return true;
		}
	return false;
}

/* A name that this agent does not know is of a newer one; it cannot be done and is left out. */
static bool read_due(const char *word, unsigned int *ret_due)
{
	unsigned int due = 0;

	if (strcmp(word, "-") == 0) {
		*ret_due = 0;
		return true;
	}
	for (;;) {
		size_t n = strcspn(word, ",");
		char name[LIMIT_NAME_BYTES + 1];
		enum action_kind kind;

		if (n >= sizeof(name))
			return false;
		memcpy(name, word, n);
		name[n] = 0;
		if (!name_is_valid(name))
			return false;
		if (action_find(name, &kind)) {
			if (due & 1u << kind)
				return false;
			due |= 1u << kind;
		}
		if (!word[n])
			break;
		word += n + 1;
	}
	*ret_due = due;
	return true;
}

int activation_import(struct activation *a, const char *line)
{
	struct activation_entry entry = {0};
	char truth[16], active[2], due[LIMIT_TEXT_BYTES];
	const char *at = line;
	void *grown;
	size_t i;

	if (!read_word(&at, entry.stream, sizeof(entry.stream)) ||
		!read_word(&at, entry.id, sizeof(entry.id)) ||
		!read_word(&at, truth, sizeof(truth)) || !read_word(&at, active, sizeof(active)) ||
		!read_word(&at, due, sizeof(due)) || *at || at[-1] == ' ' ||
		!name_is_valid(entry.stream) || !name_is_valid(entry.id) ||
		!read_truth(truth, &entry.truth) || (*active != '0' && *active != '1') ||
		!read_due(due, &entry.due))
		return -EBADMSG;
	entry.active = *active == '1';
	/* True is active, false is not; only what is active has something due. */
	if ((entry.truth == TRUTH_TRUE && !entry.active) ||
		(entry.truth == TRUTH_FALSE && entry.active) || (entry.due && !entry.active) ||
		entry_find(a, entry.stream, entry.id))
		return -EBADMSG;
	if (a->n_entries == ENTRIES_MAX)
		return -E2BIG;
	grown = realloc(a->entries, (a->n_entries + 1) * sizeof(*a->entries));
	if (!grown)
		return -ENOMEM;
	a->entries = grown;
	for (i = a->n_entries; i > 0 && compare_entries(&a->entries[i - 1], &entry) > 0; i--)
		a->entries[i] = a->entries[i - 1];
	a->entries[i] = entry;
	a->n_entries++;
	return 0;
}
