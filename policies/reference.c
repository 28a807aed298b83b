/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference.c - docs/policy-reference.md, from the tables of settings, conditions, states and
 * reasons; see schema.h. Pure: no system calls, files or clocks. Used by the tools.
 */
#include <inttypes.h>

#include "agent/util/limits.h"
#include "policies/compliance.h"
#include "policies/policy.h"
#include "policies/schema.h"
#include "policies/when_leaf.h"

static const char introduction[] =
	"# Policy reference\n"
	"\n"
	"Generated from the tables of the agent; do not edit. Envelope, signatures and the members\n"
	"common to all documents: [protocol.md](protocol.md), section 1. The JSON Schema of all this:\n"
	"`agentctl policy schema`.\n"
	"\n"
	"## Policy\n"
	"\n"
	"A policy belongs to one stream (a group of phones). A phone in several groups follows the\n"
	"policies of all of them.\n"
	"\n"
	"```json\n"
	"{\"type\":\"policy\",\"org\":\"00112233445566778899aabbccddeeff\",\"serial\":1,\n"
	" \"issued\":1793491200,\"expires\":1888185600,\"target\":{\"stream\":\"staff\"},\n"
	" \"checkin\":{\"interval\":3600},\n"
	" \"profiles\":[{\"id\":\"base\",\"settings\":{\"screen_lock\":{\"enabled\":true}}}]}\n"
	"```\n"
	"\n";

static const char merging[] =
	"## Which value applies\n"
	"\n"
	"A profile applies while its `when` is true, or always if it has none. Where several\n"
	"profiles that apply set the same thing, of whatever stream, the strictest value counts; the\n"
	"order of streams and profiles plays no part. `agentctl policy explain` tells who decided.\n"
	"\n"
	"Areas, settings, conditions and members that an agent does not know are reported as\n"
	"`unsupported`; the rest is enforced. A known one with a wrong value refuses the whole\n"
	"document, and the previous policy stays in force. Names are 1 to 64 of `A-Z a-z 0-9 . _ -`,\n"
	"not starting with `.` or `-`.\n"
	"\n";

static void write_members(struct buf *out)
{
	buf_printf(out,
		"| member | value | |\n"
		"|---|---|---|\n"
		"| `checkin.interval` | %d to %d s | time between check-ins; default %d. Of several "
		"streams the shortest counts |\n"
		"| `checkin.jitter` | 0 to half the interval | random spread in seconds; default a "
		"tenth of the interval. It goes with the shortest interval |\n"
		"| `checkin.metered_interval` | the interval to %d s | time between check-ins on a "
		"metered or roaming link; default %d times the interval. Of several streams the "
		"shortest counts |\n",
		POLICY_INTERVAL_MIN_S, POLICY_INTERVAL_MAX_S, POLICY_INTERVAL_DEFAULT_S,
		POLICY_INTERVAL_MAX_S, POLICY_METERED_FACTOR);
	buf_puts(out,
		"| `checkin.long_poll` | condition | while it is true, the phone waits at the "
		"server for news instead of only asking in intervals; default never. Of several "
		"streams one that is true is enough |\n"
		"| `checkin.push` | true or false | the phone may be woken through a push service "
		"of its user's; default false. One stream must say true and none false |\n"
		"| `checkin.wake_device` | true or false | a sleeping phone is woken up for its "
		"check-in, which costs battery; default false. Of several streams one true is "
		"enough |\n");
	buf_printf(out,
		"| `escrow.certificates` | 1 to %d texts | certificates, DER of at most %d bytes in "
		"base64 without line breaks, that phones seal secrets for their organisation to, "
		"such as that of the unlock codes; the server cannot read them. Optional; those of "
		"all streams count, 4 at most |\n",
		POLICY_CERTIFICATES_MAX, POLICY_CERTIFICATE_BYTES);
	buf_puts(out, "| `places` | `{NAME: PLACE}` | places that conditions name; see below |\n");
	buf_printf(out,
		"| `profiles` | at most %d | see below |\n"
		"| `comment` | text of at most %d bytes | optional, not used by the phone |\n"
		"\n"
		"Each profile has:\n"
		"\n"
		"| member | value | |\n"
		"|---|---|---|\n"
		"| `id` | name | distinct in the policy |\n"
		"| `when` | condition | optional; without it the profile always applies |\n"
		"| `settings` | `{AREA: {SETTING: VALUE}}` | see below |\n"
		"| `actions` | at most %d actions | optional, only beside a `when`; see below |\n"
		"| `comment` | text of at most %d bytes | optional, not used by the phone |\n"
		"\n",
		LIMIT_PROFILES, LIMIT_TEXT_BYTES, LIMIT_ACTIONS, LIMIT_TEXT_BYTES);
}

static const char *merge_help(const struct setting_row *row)
{
	static const char *const help[MERGE_KIND_MAX] = {
		[MERGE_MIN] = "the smaller",
		[MERGE_MAX] = "the larger",
		[MERGE_OR] = "true",
		[MERGE_AND] = "false",
		[MERGE_UNION] = "more elements",
		[MERGE_INTERSECTION] = "fewer elements",
		[MERGE_JOIN] = "both of two",
	};

	return row->type == VALUE_LISTS ? "both lists" : help[row->merge];
}

static void write_type(const struct setting_row *row, struct buf *out)
{
	switch (row->type) {
	case VALUE_BOOL:
		buf_puts(out, "true or false");
		break;
	case VALUE_INT:
		buf_printf(out, "%" PRId64 " to %" PRId64, row->min, row->max);
		if (*row->unit)
			buf_printf(out, " %s", row->unit);
		break;
	case VALUE_CHOICE:
		for (int64_t i = 0; i <= row->max; i++)
			buf_printf(out, "%s`%s`", i ? ", " : "", row->choices[i]);
		break;
	case VALUE_SET:
	case VALUE_LISTS:
		buf_printf(out, "array of at most %d texts", LIMIT_STRING_SET);
		break;
	case VALUE_TYPE_MAX:
		break;
	}
}

static void write_areas(struct buf *out)
{
	buf_puts(out, "## Settings\n\n");
	for (size_t area = 0; area < AREA_MAX; area++) {
		buf_printf(out,
			"### %s\n\n%s\n\n"
			"| setting | value | stricter is | |\n|---|---|---|---|\n",
			area_row(area)->name, area_row(area)->help);
		for (size_t id = 0; id < SETTING_MAX; id++) {
			const struct setting_row *row = setting_row(id);

			if (row->area != area)
				continue;
			buf_printf(out, "| `%s` | ", row->name);
			write_type(row, out);
			buf_printf(out, " | %s | %s%s%s |\n", merge_help(row), row->help,
				row->why ? " " : "", row->why ? row->why : "");
		}
		buf_puts(out, "\n");
	}
}

static void write_conditions(struct buf *out)
{
	buf_printf(out,
		"## Conditions\n\n"
		"A condition is an object with exactly one member. At most %d conditions in one "
		"profile,\n`all`, `any` and `not` nested at most %d deep; the whole document may "
		"have %d levels of JSON.\n\n"
		"| condition | |\n|---|---|\n"
		"| `{\"all\":[CONDITION…]}` | True if all are true, false if one is false. |\n"
		"| `{\"any\":[CONDITION…]}` | True if one is true, false if all are false. |\n"
		"| `{\"not\":CONDITION}` | The opposite. |\n",
		LIMIT_WHEN_NODES, LIMIT_WHEN_DEPTH, LIMIT_JSON_DEPTH);
	for (size_t i = 0; i < when_n_leaves; i++)
		buf_printf(out, "| `%s` | %s |\n", when_leaves[i]->example, when_leaves[i]->help);
	buf_puts(out,
		"\nA condition of a kind that the agent does not know is neither true nor false but\n"
		"unknown, also under `not`. `all` is false all the same if another one is false, `any`\n"
		"true if another one is true. A profile whose condition is unknown does not apply.\n\n");
}

static void write_actions(struct buf *out)
{
	buf_puts(out,
		"## Actions\n\n"
		"What a profile does once whenever its condition comes true, beside its settings: "
		"an\nobject with exactly one member, each kind at most once in a profile. It is "
		"done again\nonly after the condition was false in between; unknown changes nothing, "
		"nor does a\nrestart of the agent or of the phone, nor a newer policy whose profile "
		"has the same id.\n\n"
		"| action | |\n|---|---|\n");
	for (size_t i = 0; i < ACTION_MAX; i++)
		buf_printf(out, "| `%s` | %s |\n", action_row(i)->example, action_row(i)->help);
	buf_puts(out, "\n");
}

static void write_compliance(struct buf *out)
{
	buf_puts(out, "## What a phone reports\n\n"
		      "Each setting has a state and a reason, both from what the phone saw after "
		      "applying.\n\n"
		      "| state | |\n|---|---|\n");
	for (size_t i = 0; i < COMPLIANCE_STATE_MAX; i++)
		buf_printf(
			out, "| `%s` | %s |\n", compliance_state_name(i), compliance_state_help(i));
	buf_puts(out, "\nThe phone as a whole is in the worst state of its settings: error, "
		      "noncompliant, pending,\nunknown, compliant; unsupported only if it supports "
		      "none of them.\n\n"
		      "| reason | |\n|---|---|\n");
	for (size_t i = 0; i < COMPLIANCE_REASON_MAX; i++)
		buf_printf(out, "| `%s` | %s |\n", compliance_reason_name(i),
			compliance_reason_help(i));
}

void reference_write(struct buf *out)
{
	buf_puts(out, introduction);
	write_members(out);
	buf_puts(out, merging);
	write_areas(out);
	write_conditions(out);
	place_reference(out);
	write_actions(out);
	write_compliance(out);
}
