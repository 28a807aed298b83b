/* SPDX-License-Identifier: Apache-2.0 */
/* apps_list.c - lists of apps that last; see apps_list.h. Pure; enforcer. */
#include "agent/enforcer/apps_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void apps_list_done(struct apps_list *list)
{
	free(list->apps);
	free(list->uids);
	free(list->texts);
	*list = (struct apps_list){0};
}

/* The texts of an app, to be gone through. */
#define APP_TEXTS 8
static void app_texts(struct app *app, const char **ret_texts[APP_TEXTS])
{
	ret_texts[0] = &app->name;
	ret_texts[1] = &app->version;
	ret_texts[2] = &app->origin;
	ret_texts[3] = &app->repository;
	ret_texts[4] = &app->remote;
	ret_texts[5] = &app->user;
	ret_texts[6] = &app->title;
	ret_texts[7] = &app->sha256;
}

/* Which one it is, whatever its version. */
static int list_same(const struct app *a, const struct app *b)
{
	int order = (a->kind > b->kind) - (a->kind < b->kind);

	if (!order)
		order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->user, b->user);
}

static int list_order(const void *a, const void *b)
{
	const struct app *left = a, *right = b;
	int order = list_same(left, right);

	if (!order)
		order = strcmp(left->remote, right->remote);
	return order ? order : strcmp(left->version, right->version);
}

static size_t list_text_bytes(struct app *apps, size_t n_apps)
{
	const char **texts[APP_TEXTS];
	size_t n_bytes = 1;

	for (size_t i = 0; i < n_apps; i++) {
		app_texts(&apps[i], texts);
		for (size_t k = 0; k < APP_TEXTS; k++)
			n_bytes += *texts[k] ? strlen(*texts[k]) + 1 : 0;
	}
	return n_bytes;
}

/* Makes the texts the list's own; the first byte of them is the empty one. */
static void list_own(struct apps_list *list)
{
	const char **texts[APP_TEXTS];
	char *at = list->texts + 1;

	list->texts[0] = 0;
	for (size_t i = 0; i < list->n_apps; i++) {
		app_texts(&list->apps[i], texts);
		for (size_t k = 0; k < APP_TEXTS; k++) {
			size_t n = *texts[k] ? strlen(*texts[k]) : 0;

			if (n)
				memcpy(at, *texts[k], n + 1);
			*texts[k] = n ? at : list->texts;
			at += n ? n + 1 : 0;
		}
	}
}

int apps_list_copy(const struct app *apps, size_t n_apps,
	int64_t (*uid_of)(const char *user, void *userdata), void *userdata,
	struct apps_list *ret_list)
{
	_cleanup_apps_list_ struct apps_list list = {.n_apps = n_apps};

	list.apps = calloc(n_apps + 1, sizeof(*list.apps));
	list.uids = calloc(n_apps + 1, sizeof(*list.uids));
	if (!list.apps || !list.uids)
		return -ENOMEM;
	if (n_apps)
		memcpy(list.apps, apps, n_apps * sizeof(*apps));
	list.texts = malloc(list_text_bytes(list.apps, n_apps));
	if (!list.texts)
		return -ENOMEM;
	list_own(&list);
	if (n_apps)
		qsort(list.apps, n_apps, sizeof(*list.apps), list_order);
	for (size_t i = 0; i < n_apps; i++)
		list.uids[i] =
			*list.apps[i].user && uid_of ? uid_of(list.apps[i].user, userdata) : -1;
	*ret_list = list;
	list = (struct apps_list){0};
	return 0;
}

/* Past those that are the same. */
static size_t list_next(const struct apps_list *list, size_t i)
{
	size_t next = i + 1;

	while (next < list->n_apps && list_same(&list->apps[i], &list->apps[next]) == 0)
		next++;
	return next;
}

void apps_list_compare(const struct apps_list *before, const struct apps_list *now,
	apps_list_fn visit, void *userdata)
{
	size_t i = 0, j = 0;

	while (i < before->n_apps || j < now->n_apps) {
		int order = i == before->n_apps ? 1
			    : j == now->n_apps	? -1
						: list_same(&before->apps[i], &now->apps[j]);

		if (order < 0)
			visit(&before->apps[i], false, userdata);
		else if (order > 0)
			visit(&now->apps[j], true, userdata);
		if (order <= 0)
			i = list_next(before, i);
		if (order >= 0)
			j = list_next(now, j);
	}
}
