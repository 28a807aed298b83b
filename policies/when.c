/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when.c - the tree of a condition: all, any, not over the leaves of when_leaves[]; see when.h.
 *
 * Pure: no system calls, files or clocks. Recursion is bounded by LIMIT_WHEN_DEPTH at parsing.
 * Used by the enforcer and by the tools.
 */
#include "policies/when.h"

#include <errno.h>
#include <inttypes.h>

#include "agent/util/codec.h"
#include "agent/util/limits.h"
#include "policies/doc_path.h"
#include "policies/when_leaf.h"

const struct when_leaf_row *const when_leaves[] = {
	&when_leaf_time,
	&when_leaf_noncompliant,
	&when_leaf_charging,
	&when_leaf_network,
	&when_leaf_place,
	&when_leaf_locked,
	&when_leaf_enrolled,
};
const size_t when_n_leaves = ARRAY_SIZE(when_leaves);

enum when_kind {
	WHEN_ALL,
	WHEN_ANY,
	WHEN_NOT,
	WHEN_LEAF,
	WHEN_UNKNOWN,
};

struct when {
	enum when_kind kind;
	const struct when_leaf_row *leaf; /* WHEN_LEAF */
	void *data;			  /* of the leaf; WHEN_UNKNOWN: the name of the kind */
	struct when *children;		  /* WHEN_ALL, WHEN_ANY, WHEN_NOT */
	size_t n_children;
};

struct when_parser {
	size_t n_nodes;
	struct json_error *error;
};

const char *truth_name(enum truth truth)
{
	static const char *const names[TRUTH_MAX] = {
		[TRUTH_FALSE] = "false",
		[TRUTH_TRUE] = "true",
		[TRUTH_UNKNOWN] = "unknown",
	};

	return names[truth];
}

static int node_parse(struct when_parser *parser, struct json_object *object, const char *path,
	unsigned int depth, struct when *ret_node);

static void node_done(struct when *node)
{
	for (size_t i = 0; i < node->n_children; i++)
		node_done(&node->children[i]);
	free(node->children);
	if (node->kind == WHEN_LEAF && node->data)
		node->leaf->free(node->data);
	else if (node->kind == WHEN_UNKNOWN)
		free(node->data);
}

void when_free(struct when *when)
{
	if (!when)
		return;
	node_done(when);
	free(when);
}

static int children_parse(struct when_parser *parser, struct json_object *array, const char *path,
	unsigned int depth, struct when *node)
{
	size_t n = json_object_array_length(array);

	if (n == 0 || n > LIMIT_WHEN_NODES)
		return json_fail(parser->error, path, "must hold 1 to %d conditions, holds %zu",
			LIMIT_WHEN_NODES, n);
	node->children = calloc(n, sizeof(*node->children));
	if (!node->children)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		char child_path[DOC_PATH_BYTES];
		int r;

		doc_path(child_path, "%s[%zu]", path, i);
		r = node_parse(parser, json_object_array_get_idx(array, i), child_path, depth,
			&node->children[node->n_children]);
		if (r < 0)
			return r;
		node->n_children++;
	}
	return 0;
}

static int operator_parse(struct when_parser *parser, struct json_object *object, const char *path,
	const char *name, unsigned int depth, struct when *node)
{
	struct json_object *operand;
	char operand_path[DOC_PATH_BYTES];
	int r;

	if (depth > LIMIT_WHEN_DEPTH)
		return json_fail(parser->error, path, "must nest all, any, not at most %d deep",
			LIMIT_WHEN_DEPTH);
	doc_path(operand_path, "%s.%s", path, name);
	if (node->kind != WHEN_NOT) {
		r = json_get_array(object, path, name, &operand, parser->error);
		return r < 0 ? r : children_parse(parser, operand, operand_path, depth + 1, node);
	}
	r = json_get_object(object, path, name, &operand, parser->error);
	if (r < 0)
		return r;
	node->children = calloc(1, sizeof(*node->children));
	if (!node->children)
		return -ENOMEM;
	r = node_parse(parser, operand, operand_path, depth + 1, node->children);
	if (r == 0)
		node->n_children = 1;
	return r;
}

static int leaf_parse(struct when_parser *parser, struct json_object *object, const char *path,
	const char *name, struct when *node)
{
	struct json_object *arguments;
	char arguments_path[DOC_PATH_BYTES];
	int r;

	for (size_t i = 0; i < when_n_leaves; i++)
		if (strcmp(when_leaves[i]->name, name) == 0)
			node->leaf = when_leaves[i];
	if (!node->leaf) {
		node->kind = WHEN_UNKNOWN;
		node->data = strdup(name);
		return node->data ? 0 : -ENOMEM;
	}
	node->kind = WHEN_LEAF;
	r = json_get_object(object, path, name, &arguments, parser->error);
	if (r < 0)
		return r;
	doc_path(arguments_path, "%s.%s", path, name);
	return node->leaf->parse(arguments, arguments_path, &node->data, parser->error);
}

static int node_parse_as(struct when_parser *parser, struct json_object *object, const char *path,
	unsigned int depth, struct when *node)
{
	struct json_object_iterator member = json_object_iter_begin(object);
	const char *name = json_object_iter_peek_name(&member);

	if (!name_is_valid(name))
		return json_fail(parser->error, path, "must have the name of a condition");
	if (strcmp(name, "all") == 0)
		node->kind = WHEN_ALL;
	else if (strcmp(name, "any") == 0)
		node->kind = WHEN_ANY;
	else if (strcmp(name, "not") == 0)
		node->kind = WHEN_NOT;
	else
		return leaf_parse(parser, object, path, name, node);
	return operator_parse(parser, object, path, name, depth, node);
}

static int node_parse(struct when_parser *parser, struct json_object *object, const char *path,
	unsigned int depth, struct when *ret_node)
{
	struct when node = {0};
	int r;

	if (!json_object_is_type(object, json_type_object))
		return json_fail(parser->error, path, "must be an object");
	if (json_object_object_length(object) != 1)
		return json_fail(parser->error, path, "must have exactly one member, has %d",
			json_object_object_length(object));
	if (++parser->n_nodes > LIMIT_WHEN_NODES)
		return json_fail(
			parser->error, path, "must have at most %d conditions", LIMIT_WHEN_NODES);
	r = node_parse_as(parser, object, path, depth, &node);
	if (r < 0) {
		node_done(&node);
		return r;
	}
	*ret_node = node;
	return 0;
}

int when_parse(struct json_object *object, const char *path, struct when **ret_when,
	struct json_error *error)
{
	struct when_parser parser = {.error = error};
	_cleanup_free_ struct when *when = malloc(sizeof(*when));
	int r;

	if (!when)
		return -ENOMEM;
	r = node_parse(&parser, object, path, 1, when);
	if (r < 0)
		return r;
	*ret_when = TAKE_PTR(when);
	return 0;
}

/*
 * The truth of a node and the seconds until it could change. An "all" with false children stays
 * false until the last of them may turn; only without one does the soonest child count. "any" is
 * the mirror image.
 */
static enum truth node_evaluate(
	const struct when *node, const struct when_facts *facts, int64_t *ret_next_s)
{
	enum truth decisive = node->kind == WHEN_ANY ? TRUTH_TRUE : TRUTH_FALSE;
	enum truth result = node->kind == WHEN_ANY ? TRUTH_FALSE : TRUTH_TRUE;
	int64_t last_s = 0, soonest_s = INT64_MAX;
	bool decided = false;

	if (node->kind == WHEN_UNKNOWN) {
		*ret_next_s = INT64_MAX;
		return TRUTH_UNKNOWN;
	}
	if (node->kind == WHEN_LEAF) {
		*ret_next_s = node->leaf->next(node->data, facts);
		return node->leaf->evaluate(node->data, facts);
	}
	if (node->kind == WHEN_NOT) {
		result = node_evaluate(node->children, facts, ret_next_s);
		if (result == TRUTH_UNKNOWN)
			return TRUTH_UNKNOWN;
		return result == TRUTH_TRUE ? TRUTH_FALSE : TRUTH_TRUE;
	}
	for (size_t i = 0; i < node->n_children; i++) {
		int64_t next_s;
		enum truth truth = node_evaluate(&node->children[i], facts, &next_s);

		if (truth == decisive) {
			decided = true;
			last_s = next_s > last_s ? next_s : last_s;
			continue;
		}
		if (truth == TRUTH_UNKNOWN)
			result = TRUTH_UNKNOWN;
		soonest_s = next_s < soonest_s ? next_s : soonest_s;
	}
	*ret_next_s = decided ? last_s : soonest_s;
	return decided ? decisive : result;
}

enum truth when_evaluate(
	const struct when *when, const struct when_facts *facts, int64_t *ret_next_s)
{
	int64_t next_s;
	enum truth truth = node_evaluate(when, facts, &next_s);

	if (next_s < *ret_next_s)
		*ret_next_s = next_s;
	return truth;
}

void when_each_unknown(
	const struct when *when, void (*visit)(void *userdata, const char *kind), void *userdata)
{
	if (when->kind == WHEN_UNKNOWN)
		visit(userdata, when->data);
	else if (when->kind == WHEN_LEAF && when->leaf->each_unknown)
		when->leaf->each_unknown(when->data, visit, userdata);
	for (size_t i = 0; i < when->n_children; i++)
		when_each_unknown(&when->children[i], visit, userdata);
}

/* nested: stands below another operator, so that several operands need parentheses. */
static void node_format(const struct when *node, bool nested, struct buf *out)
{
	bool enclosed = nested && node->n_children > 1;

	switch (node->kind) {
	case WHEN_ALL:
	case WHEN_ANY:
		if (enclosed)
			buf_puts(out, "(");
		for (size_t i = 0; i < node->n_children; i++) {
			if (i)
				buf_puts(out, node->kind == WHEN_ALL ? " and " : " or ");
			node_format(&node->children[i], nested || node->n_children > 1, out);
		}
		if (enclosed)
			buf_puts(out, ")");
		break;
	case WHEN_NOT:
		buf_puts(out, "not (");
		node_format(node->children, false, out);
		buf_puts(out, ")");
		break;
	case WHEN_LEAF:
		node->leaf->format(node->data, out);
		break;
	case WHEN_UNKNOWN:
		buf_printf(out, "unknown condition %s", (const char *)node->data);
		break;
	}
}

void when_format(const struct when *when, struct buf *out)
{
	node_format(when, false, out);
}

unsigned int when_needs(const struct when *when)
{
	unsigned int needs = 0;

	if (when->kind == WHEN_LEAF && when->leaf->needs)
		needs |= when->leaf->needs(when->data);
	for (size_t i = 0; i < when->n_children; i++)
		needs |= when_needs(&when->children[i]);
	return needs;
}

int when_each_place(
	const struct when *when, int (*visit)(void *userdata, const char *name), void *userdata)
{
	int r = 0;

	if (when->kind == WHEN_LEAF && when->leaf->place)
		r = visit(userdata, when->leaf->place(when->data));
	for (size_t i = 0; r == 0 && i < when->n_children; i++)
		r = when_each_place(&when->children[i], visit, userdata);
	return r;
}

void when_bind(struct when *when, const char *stream)
{
	if (when->kind == WHEN_LEAF && when->leaf->bind)
		when->leaf->bind(when->data, stream);
	for (size_t i = 0; i < when->n_children; i++)
		when_bind(&when->children[i], stream);
}

static void node_leaf_truths(const struct when *node, const struct when_facts *facts,
	uint8_t truths[LIMIT_WHEN_NODES], size_t *n)
{
	if (node->kind == WHEN_LEAF)
		truths[(*n)++] = (uint8_t)node->leaf->evaluate(node->data, facts);
	else if (node->kind == WHEN_UNKNOWN)
		truths[(*n)++] = TRUTH_UNKNOWN;
	for (size_t i = 0; i < node->n_children; i++)
		node_leaf_truths(&node->children[i], facts, truths, n);
}

size_t when_leaf_truths(const struct when *when, const struct when_facts *facts,
	uint8_t ret_truths[LIMIT_WHEN_NODES])
{
	size_t n = 0;

	node_leaf_truths(when, facts, ret_truths, &n);
	return n;
}

/* The leaf with that many before it; *index goes down by those that were passed. */
static const struct when *node_leaf(const struct when *node, size_t *index)
{
	if (node->kind == WHEN_LEAF || node->kind == WHEN_UNKNOWN)
		return (*index)-- == 0 ? node : NULL;
	for (size_t i = 0; i < node->n_children; i++) {
		const struct when *leaf = node_leaf(&node->children[i], index);

		if (leaf)
			return leaf;
	}
	return NULL;
}

const char *when_leaf_format(const struct when *when, size_t index, struct buf *out)
{
	const struct when *leaf = node_leaf(when, &index);

	if (!leaf)
		return NULL;
	node_format(leaf, false, out);
	return leaf->kind == WHEN_LEAF ? leaf->leaf->name : leaf->data;
}

void when_format_for(int64_t for_s, struct buf *out)
{
	static const struct {
		int64_t size_s;
		const char *name;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};

	for (size_t i = 0; for_s > 0 && i < ARRAY_SIZE(units); i++) {
		if (for_s % units[i].size_s != 0)
			continue;
		buf_printf(out, " for %" PRId64 " %s", for_s / units[i].size_s, units[i].name);
		break;
	}
}

void when_schema_for(struct jsonw *w)
{
	jsonw_object(w, "for");
	jsonw_string(w, "type", "integer");
	jsonw_int(w, "minimum", 0);
	jsonw_int(w, "maximum", WHEN_FOR_MAX_S);
	jsonw_object_end(w);
}
