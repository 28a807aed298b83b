/* SPDX-License-Identifier: Apache-2.0 */
/*
 * restrictions_advice.c - second looks at restrictions; see restrictions_advice.h. Reads nothing
 * but the policy: what other streams switch off is not known here. mdmctl only.
 */
#include "server/ctl/restrictions_advice.h"

#include <string.h>

static bool is_off(const struct profile *profile, enum setting_id id)
{
	return profile->has[id] && profile->values[id].number > 0;
}

/* The profile that switches it off: one that always applies, if there is one. */
static const struct profile *find_off(const struct policy *policy, enum setting_id id)
{
	const struct profile *found = NULL;

	for (size_t i = 0; i < policy->n_profiles; i++) {
		const struct profile *profile = &policy->profiles[i];

		if (is_off(profile, id) && (!found || (found->when && !profile->when)))
			found = profile;
	}
	return found;
}

static void advise_reach(FILE *out, const struct policy *policy)
{
	const struct profile *wifi = find_off(policy, SETTING_RESTRICTIONS_WIFI);
	const struct profile *data = find_off(policy, SETTING_RESTRICTIONS_MOBILE_DATA);

	if (!wifi || !data)
		return;
	if (!wifi->when && !data->when)
		fprintf(out,
			"warning: wifi and mobile_data are off for good (profiles %s, %s): phones "
			"hear of no other policy and of no command any more, but over a cable; what "
			"is left is root on each of them\n",
			wifi->id, data->id);
	else
		fprintf(out,
			"warning: while profiles %s and %s apply, wifi and mobile_data are off: "
			"phones hear of no other policy and of no command until a condition changes\n",
			wifi->id, data->id);
}

struct look {
	FILE *out;
	const struct policy *policy;
	const struct profile *profile;
};

static int look_at_place(void *userdata, const char *name)
{
	const struct look *look = userdata;

	for (size_t i = 0; i < look->policy->n_places; i++) {
		const struct place *place = &look->policy->places[i];

		if (strcmp(place->name, name) == 0 && !place->fence && place->n_networks)
			fprintf(look->out,
				"warning: profile %s: wifi is off by the place %s, which phones know "
				"by its networks alone: they do not see any while it is off\n",
				look->profile->id, name);
	}
	return 0;
}

static void advise_places(FILE *out, const struct policy *policy)
{
	struct look look = {.out = out, .policy = policy};

	for (size_t i = 0; i < policy->n_profiles; i++) {
		look.profile = &policy->profiles[i];
		if (look.profile->when && is_off(look.profile, SETTING_RESTRICTIONS_WIFI))
			(void)when_each_place(look.profile->when, look_at_place, &look);
	}
}

void restrictions_advise(FILE *out, const struct policy *policy)
{
	advise_reach(out, policy);
	advise_places(out, policy);
}
