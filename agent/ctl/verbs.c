/* SPDX-License-Identifier: Apache-2.0 */
/* verbs.c - the table of commands; see verbs.h. agentctl. */
#include "agent/ctl/verbs.h"

#include <string.h>

#include "agent/util/mem.h"

static const struct verb verbs[] = {
	{"status", "", 0, 0, 0,
		"Who manages this phone, what is enforced, is all well, and what to do if not.",
		"Everybody may ask.", verb_status},
	{"enroll", "TICKET|FILE|-", 1, 1, OPTION_BIT(OPTION_YES),
		"Put this phone under the management of an organisation.",
		"TICKET is an mdm:// address, FILE holds a ticket in either form, - reads it from "
		"standard input. Prefer - or a file: what stands on a command line is visible to other "
		"users of this phone for a moment.\n"
		"The ticket is checked first; then you are told what will happen and asked, unless "
		"--yes is given or there is no terminal. Needs root or the group mdm-admin.",
		verb_enroll},
	{"unenroll", "", 0, 0, OPTION_BIT(OPTION_YES),
		"End the management and put every setting back to what it was.",
		"Asks first, unless --yes is given; without a terminal --yes is required. Needs root or "
		"the group mdm-admin.",
		verb_unenroll},
	{"sync", "", 0, 0, 0, "Talk to the server now instead of at the next check-in.",
		"Waits until the exchange is over, at most 150 s. Needs root or the group mdm-admin.",
		verb_sync},
	{"unlock", "", 0, 0, 0,
		"Enter a code of the organisation that gives a locked out phone its attempts back.",
		"Asks for the code, or reads it from standard input; it is never given on the command "
		"line. It counts once and changes no passcode. Everybody may: a code proves itself, and "
		"after a wrong one the next has to wait.",
		verb_unlock},
	{"escrow", "", 0, 0, OPTION_BIT(OPTION_NEW) | OPTION_BIT(OPTION_KEEP_KEY),
		"Have a recovery key of each encrypted disk made, for your organisation alone.",
		"Asks for a passphrase that opens the disk, or reads it from standard input (one "
		"line); it is never given on the command line. A key is made on the phone, put into "
		"a free keyslot, tried, sealed for the organisation and forgotten. Nobody else can "
		"read it, the server included. With --new also where there is one, whose keyslot is "
		"removed when the server has the new one. With --keep-key the agent keeps a key of its "
		"own in a file on the encrypted disk, with which it exchanges recovery keys by itself when "
		"the policy wants that; leaving the organisation removes it. Needs root or the group "
		"mdm-admin.",
		verb_escrow},
	{"escrow verify", "", 0, 0, 0,
		"Look whether the recovery keys that the organisation has still open their disks.",
		"Reads keyslots, changes nothing. Exit code 8 if one is missing or broken. Needs root "
		"or the group mdm-admin.",
		verb_escrow_verify},
	{"passphrase", "", 0, 0, 0,
		"Give each encrypted disk a new passphrase, with the recovery key or another one.",
		"Asks for what opens the disk now, the recovery key that the organisation told you "
		"(spaces and dashes do not matter) or a passphrase, and twice for the new one; without "
		"a terminal both are lines of standard input. The new one gets a keyslot of its own and "
		"is tried; other passphrases stay. Disks with another recovery key stay as they are: "
		"run it again with theirs. After a recovery key was used a new one is made, and the old "
		"one ends when the server has that. Needs root or the group mdm-admin.",
		verb_passphrase},
	{"policy show", "", 0, 0, 0,
		"The policies this phone holds and what they ask for together.",
		"With --json the full text of every policy is part of the answer.",
		verb_policy_show},
	{"policy explain", "[AREA[.SETTING]]", 0, 1, 0,
		"Why a setting is what it is: which profiles ask for it and which one decides.",
		"For example: agentctl policy explain screen_lock.idle_delay", verb_policy_explain},
	{"policy schema", "", 0, 0, OPTION_BIT(OPTION_MARKDOWN),
		"Everything a policy can set, as JSON Schema.",
		"With --markdown a reference for people. Works without the agent.",
		verb_policy_schema},
	{"policy check", "FILE", 1, 1, 0, "Check a policy or another document before it is used.",
		"FILE (or -) holds a payload as JSON or a signed document. Signatures are not checked "
		"here: this program holds no keyset; the phone checks them. Works without the agent.",
		verb_policy_check},
	{"compliance", "", 0, 0, 0, "Does this phone meet its policy, setting by setting.",
		"Exit code 0 if it does, 8 if it does not or not surely, 5 if nobody manages this phone: "
		"then there is no policy to meet.",
		verb_compliance},
	{"apps", "", 0, 0, 0,
		"Which apps the organisation hears of, and what its policy says of each.",
		"Everybody may ask. Programs in home directories stand there by the name of the file, as "
		"they are reported. What the policy wants otherwise is at the end.",
		verb_apps},
	{"place list", "", 0, 0, 0,
		"The places of the policies, and whether this phone is inside of them.",
		"Everybody may ask; no position is shown.", verb_place_list},
	{"place show", "NAME", 1, 1, 0,
		"Why this phone is inside or outside of a place, who told it, and when it looks again.",
		"Everybody may ask; no position is shown. The profiles that depend on a condition stand "
		"below it.",
		verb_place_show},
	{"place simulate", "TRACK", 1, 1, OPTION_BIT(OPTION_POLICY) | OPTION_BIT(OPTION_PLACE),
		"What the places of a policy would have done on a way that somebody went.",
		"TRACK is a GPX file, - is standard input. Prints each position that a phone would have "
		"asked for, each decision with its reason, which profiles would apply, and how late each "
		"coming and going would have been noticed. A track without times is taken as walked. With "
		"--policy no agent is needed; without it the policies in force are used, which everybody "
		"may read.",
		verb_place_simulate},
	{"command list", "", 0, 0, 0,
		"What the organisation ordered this phone to do, and what came of it.",
		"Everybody may ask. The newest first; a command is shown until its time is over and "
		"the place is needed. The whole history is in the journal.",
		verb_command_list},
	{"journal show", "", 0, 0,
		OPTION_BIT(OPTION_LINES) | OPTION_BIT(OPTION_AFTER) | OPTION_BIT(OPTION_FOLLOW),
		"What the agent did, accepted and refused.",
		"Shows the newest 20 records, oldest first; with --after up to 500. With --follow and "
		"--json each record is a JSON document on its own line.",
		verb_journal_show},
	{"journal verify", "", 0, 0, 0, "Check the chain of digests over the whole journal.",
		"Exit code 9 if it is damaged.", verb_journal_verify},
	{"privacy", "", 0, 0, 0,
		"What is collected and why, what never is, and the last report word for word.",
		"Everybody may ask.", verb_privacy},
	{"version", "", 0, 0, 0, "The version of this program.", "", verb_version},
	{"help", "[COMMAND]", 0, 2, OPTION_BIT(OPTION_MARKDOWN),
		"This overview, or one command in full.",
		"With --json or --markdown the tables of commands, options and exit codes.",
		verb_help},
};

size_t verb_count(void)
{
	return ARRAY_SIZE(verbs);
}

const struct verb *verb_at(size_t i)
{
	return &verbs[i];
}

const struct verb *verb_find(const char *first, const char *second)
{
	size_t n_first = strlen(first);

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		const char *name = verbs[i].name;

		if (strncmp(name, first, n_first) != 0)
			continue;
		if (second ? name[n_first] == ' ' && strcmp(name + n_first + 1, second) == 0
			   : name[n_first] == 0)
			return &verbs[i];
	}
	return NULL;
}

bool verb_is_group(const char *word)
{
	size_t n_word = strlen(word);

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (strncmp(verbs[i].name, word, n_word) == 0 && verbs[i].name[n_word] == ' ')
			return true;
	return false;
}

#define VERB_LONGEST 32

/* Levenshtein distance; words longer than any verb are far away. */
static size_t verb_distance(const char *a, const char *b)
{
	size_t n_a = strlen(a), n_b = strlen(b), row[VERB_LONGEST + 1];

	if (n_a > VERB_LONGEST || n_b > VERB_LONGEST)
		return VERB_LONGEST;
	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n_b];
}

const char *verb_nearest(const char *words)
{
	const char *nearest = NULL;
	size_t best = 3;

	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		size_t distance = verb_distance(words, verbs[i].name);

		if (distance < best) {
			best = distance;
			nearest = verbs[i].name;
		}
	}
	return nearest;
}
