/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings.c - the table of settings and the lattice of their values; see settings.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by the tools.
 */
#include "policies/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/jsonw.h"
#include "agent/util/mem.h"

static const struct area_row areas[AREA_MAX] = {
	[AREA_SCREEN_LOCK] = {AREA_SCREEN_LOCK, "screen_lock",
		"When the screen turns blank and locks, and what it takes to unlock it."},
	[AREA_ENCRYPTION] = {AREA_ENCRYPTION, "encryption",
		"What on the disk is unreadable without the passphrase."},
	[AREA_PASSWORD] = {AREA_PASSWORD, "password",
		"What the passcode of the phone has to be, and what happens to wrong ones."},
};

/* Words of VALUE_CHOICE settings, the weakest first; an end of list follows. */
static const char *const hash_choices[] = {"any", "sha256", "sha512", "yescrypt", NULL};
static const char *const kdf_choices[] = {"pbkdf2", "argon2i", "argon2id", NULL};
/* Read only and encrypted only are bits, and can both be asked for (MERGE_JOIN). */
static const char *const removable_choices[] = {
	"any", "read_only", "encrypted_only", "encrypted_read_only", "blocked", NULL};
static const char *const maximum_choices[] = {"lock_out", "crypto_lock", "wipe", NULL};

static const struct setting_row settings[SETTING_MAX] = {
	[SETTING_SCREEN_LOCK_IDLE_DELAY] = {SETTING_SCREEN_LOCK_IDLE_DELAY, AREA_SCREEN_LOCK,
		"idle_delay", VALUE_INT, MERGE_MIN, "s", 15, 3600,
		"Seconds without input after which the screen turns blank."},
	[SETTING_SCREEN_LOCK_ENABLED] = {SETTING_SCREEN_LOCK_ENABLED, AREA_SCREEN_LOCK, "enabled",
		VALUE_BOOL, MERGE_OR, "", 0, 1, "A blank screen locks."},
	[SETTING_SCREEN_LOCK_DELAY] = {SETTING_SCREEN_LOCK_DELAY, AREA_SCREEN_LOCK, "lock_delay",
		VALUE_INT, MERGE_MIN, "s", 0, 3600,
		"Seconds between the screen turning blank and its locking."},
	[SETTING_SCREEN_LOCK_REQUIRE_UNLOCK] = {SETTING_SCREEN_LOCK_REQUIRE_UNLOCK,
		AREA_SCREEN_LOCK, "require_unlock", VALUE_BOOL, MERGE_OR, "", 0, 1,
		"The lock screen asks for the passcode; a swipe is not enough."},
	[SETTING_ENCRYPTION_STORAGE] = {SETTING_ENCRYPTION_STORAGE, AREA_ENCRYPTION, "storage",
		VALUE_BOOL, MERGE_OR, "", 0, 1,
		"Every mounted local file system lies on LUKS; /boot and the EFI partition are "
		"exempt."},
	[SETTING_ENCRYPTION_SWAP] = {SETTING_ENCRYPTION_SWAP, AREA_ENCRYPTION, "swap", VALUE_BOOL,
		MERGE_OR, "", 0, 1, "Swap space on disk lies on LUKS."},
	[SETTING_ENCRYPTION_SYSTEM] = {SETTING_ENCRYPTION_SYSTEM, AREA_ENCRYPTION, "system",
		VALUE_BOOL, MERGE_OR, "", 0, 1,
		"The root file system and what is mounted at or below /etc, /opt, /root, /srv, /tmp, "
		"/usr and /var lie on LUKS.",
		NULL,
		"A file system in use cannot be encrypted in place: where this is not so, back up "
		"and install the phone again with encryption. A profile with the condition "
		"noncompliant can take something away until then."},
	[SETTING_ENCRYPTION_HOME] = {SETTING_ENCRYPTION_HOME, AREA_ENCRYPTION, "home", VALUE_BOOL,
		MERGE_OR, "", 0, 1,
		"/home and what is mounted below it lie on LUKS, or the root file system does, where "
		"/home is part of it."},
	[SETTING_ENCRYPTION_REMOVABLE] = {SETTING_ENCRYPTION_REMOVABLE, AREA_ENCRYPTION,
		"removable", VALUE_CHOICE, MERGE_JOIN, "", 0, 4,
		"What memory sticks and cards may be used for.", removable_choices,
		"Recommended: encrypted_only, where data may leave the phone at all; what is on a "
		"lost stick is lost otherwise. The disk that the phone runs from is never meant, even "
		"if it is a card."},
	[SETTING_ENCRYPTION_MIN_VERSION] = {SETTING_ENCRYPTION_MIN_VERSION, AREA_ENCRYPTION,
		"min_version", VALUE_INT, MERGE_MAX, "", 1, 2, "The oldest version of LUKS.", NULL,
		"Recommended: 2, which knows argon2 and keeps a second header. cryptsetup convert "
		"turns a LUKS1 container that is not in use into LUKS2."},
	[SETTING_ENCRYPTION_CIPHERS] = {SETTING_ENCRYPTION_CIPHERS, AREA_ENCRYPTION, "ciphers",
		VALUE_SET, MERGE_INTERSECTION, "", 0, 0,
		"The ciphers that may be used, as cryptsetup names them.", NULL,
		"Recommended: aes-xts-plain64 and, for processors without AES, "
		"xchacha20,aes-adiantum-plain64. Another cipher takes cryptsetup reencrypt."},
	[SETTING_ENCRYPTION_MIN_KEY_SIZE] = {SETTING_ENCRYPTION_MIN_KEY_SIZE, AREA_ENCRYPTION,
		"min_key_size", VALUE_INT, MERGE_MAX, "bits", 128, 512,
		"The shortest volume key; XTS uses half of it.", NULL,
		"Recommended: 256, which adiantum has and AES-128 in XTS; 512 is AES-256 in XTS, the "
		"default of cryptsetup for aes-xts-plain64."},
	[SETTING_ENCRYPTION_MIN_KDF] = {SETTING_ENCRYPTION_MIN_KDF, AREA_ENCRYPTION, "min_kdf",
		VALUE_CHOICE, MERGE_MAX, "", 0, 2,
		"The weakest function that makes keys out of passphrases.", kdf_choices,
		"Recommended: argon2id, the default of cryptsetup for LUKS2. Keyslots whose key was "
		"drawn do not count, because 128 random bits or more need no slow function: the "
		"agent's recovery keys, and what systemd-cryptenroll and clevis have put there."},
	[SETTING_ENCRYPTION_MIN_KDF_MEMORY] = {SETTING_ENCRYPTION_MIN_KDF_MEMORY, AREA_ENCRYPTION,
		"min_kdf_memory", VALUE_INT, MERGE_MAX, "KiB", 32, 4194304,
		"The least memory that one guess at a passphrase takes.", NULL,
		"Recommended: 65536. cryptsetup takes up to a gigabyte and less on phones with "
		"little memory; what it takes has to be free when the phone starts. Slots without "
		"argon2 count as none."},
	[SETTING_ENCRYPTION_MAX_KEYSLOTS] = {SETTING_ENCRYPTION_MAX_KEYSLOTS, AREA_ENCRYPTION,
		"max_keyslots", VALUE_INT, MERGE_MIN, "", 1, 32,
		"How many keyslots of one container may be in use.", NULL,
		"Each is a way in. Three are enough for a passphrase, a recovery key and the next "
		"one while it is exchanged."},
	[SETTING_ENCRYPTION_FORBID_EMPTY_PASSPHRASE] = {SETTING_ENCRYPTION_FORBID_EMPTY_PASSPHRASE,
		AREA_ENCRYPTION, "forbid_empty_passphrase", VALUE_BOOL, MERGE_OR, "", 0, 1,
		"No container opens with an empty passphrase.", NULL,
		"Recommended: true. Some images come with LUKS and an empty passphrase, which "
		"protects nothing. The agent tries, when keyslots have changed."},
	[SETTING_ENCRYPTION_ESCROW] = {SETTING_ENCRYPTION_ESCROW, AREA_ENCRYPTION, "escrow",
		VALUE_BOOL, MERGE_OR, "", 0, 1,
		"Every container has a recovery key that the organisation can use.", NULL,
		"Needs escrow certificates in the policy. The user runs agentctl escrow once, "
		"because a new key takes an old one; what is sealed is seen by nobody who lacks the "
		"escrow key, the server included."},
	[SETTING_ENCRYPTION_ESCROW_CHECK] = {SETTING_ENCRYPTION_ESCROW_CHECK, AREA_ENCRYPTION,
		"escrow_check", VALUE_INT, MERGE_MIN, "days", 1, 365,
		"Days after which it is tried again whether the recovery key opens its container.",
		NULL,
		"Where no profile sets it, 30. It is tried at once when keyslots have changed."},
	[SETTING_ENCRYPTION_ESCROW_MAX_AGE] = {SETTING_ENCRYPTION_ESCROW_MAX_AGE, AREA_ENCRYPTION,
		"escrow_max_age", VALUE_INT, MERGE_MIN, "days", 1, 3650,
		"Days after which the recovery key is exchanged for a new one.", NULL,
		"Recommended: not set. A key that somebody has looked at is exchanged in any case. The "
		"user is reminded; with agentctl escrow --keep-key the agent does it."},
	[SETTING_PASSWORD_MIN_LENGTH] = {SETTING_PASSWORD_MIN_LENGTH, AREA_PASSWORD, "min_length",
		VALUE_INT, MERGE_MAX, "characters", 4, 64, "The fewest characters of a passcode.",
		NULL,
		"Recommended: 6, with max_attempts. NIST SP 800-63B-4 asks for 4 and advises 6 where "
		"guesses are limited to 10 on the device itself (section 3.2.10); for what opens "
		"something over a network, such as ssh, 8 beside a second factor and 15 alone "
		"(section 3.1.1.2)."},
	[SETTING_PASSWORD_ALLOW_NUMERIC] = {SETTING_PASSWORD_ALLOW_NUMERIC, AREA_PASSWORD,
		"allow_numeric", VALUE_BOOL, MERGE_AND, "", 0, 1,
		"A passcode may consist of digits alone.", NULL,
		"Recommended: true. Lock screens show a keypad, and six digits that were not chosen "
		"badly withstand 10 guesses. False where the same password works over a network."},
	[SETTING_PASSWORD_MIN_CLASSES] = {SETTING_PASSWORD_MIN_CLASSES, AREA_PASSWORD,
		"min_classes", VALUE_INT, MERGE_MAX, "", 1, 4,
		"How many of lower case, upper case, digits and others a passcode has to mix.",
		NULL,
		"Recommended: not set. NIST SP 800-63B-4 forbids such rules (section 3.1.1.2), for "
		"what they lead to is Password1!; ask for length and set forbid_common. Letters "
		"beyond ASCII are others."},
	[SETTING_PASSWORD_MAX_SEQUENCE] = {SETTING_PASSWORD_MAX_SEQUENCE, AREA_PASSWORD,
		"max_sequence", VALUE_INT, MERGE_MIN, "characters", 2, 16,
		"The longest run of neighbours such as 1234, dcba, qwer or 2580.", NULL,
		"Recommended: 3 for PINs. Neighbours are those of the digits (0 follows 9), the "
		"alphabet, the rows of QWERTY, QWERTZ and AZERTY, and the columns and diagonals of "
		"the keypad, in either direction and case."},
	[SETTING_PASSWORD_MAX_REPEAT] = {SETTING_PASSWORD_MAX_REPEAT, AREA_PASSWORD, "max_repeat",
		VALUE_INT, MERGE_MIN, "characters", 1, 16,
		"The longest run of one character such as 1111.", NULL, "Recommended: 3 for PINs."},
	[SETTING_PASSWORD_FORBID_COMMON] = {SETTING_PASSWORD_FORBID_COMMON, AREA_PASSWORD,
		"forbid_common", VALUE_BOOL, MERGE_OR, "", 0, 1,
		"Passcodes that everybody tries first are refused.", NULL,
		"Recommended: true. NIST SP 800-63B-4 demands a block list of passwords (section "
		"3.1.1.2) and advises one of PINs (section 3.2.10). This one has PINs that are "
		"repeated, mirrored, stepped, years or dates of eight digits, and those known from "
		"leaks: a twelfth of all of four digits; and some 250 words, also with up to four "
		"digits and two signs around them and with 0 for o."},
	[SETTING_PASSWORD_FORBID_USER_NAME] = {SETTING_PASSWORD_FORBID_USER_NAME, AREA_PASSWORD,
		"forbid_user_name", VALUE_BOOL, MERGE_OR, "", 0, 1,
		"A passcode does not contain the name of its account, forwards or backwards.", NULL,
		"Recommended: true. It is the first guess of whoever sees the name. Names of one or "
		"two characters do not count."},
	[SETTING_PASSWORD_HISTORY] = {SETTING_PASSWORD_HISTORY, AREA_PASSWORD, "history", VALUE_INT,
		MERGE_MAX, "", 0, 24,
		"How many earlier passcodes a new one has to differ from; the phone keeps their "
		"hashes.",
		NULL,
		"Recommended: 1 at most, so that a change is one. More is of use only beside max_age."},
	[SETTING_PASSWORD_MAX_AGE] = {SETTING_PASSWORD_MAX_AGE, AREA_PASSWORD, "max_age", VALUE_INT,
		MERGE_MIN, "days", 1, 3650,
		"Days after which a passcode has to be changed; it never stops working.", NULL,
		"Recommended: not set. NIST SP 800-63B-4 forbids changes by the calendar (section "
		"3.1.1.2), for they lead to weaker passwords; have one changed when somebody else may"
		" know it."},
	[SETTING_PASSWORD_MIN_HASH] = {SETTING_PASSWORD_MIN_HASH, AREA_PASSWORD, "min_hash",
		VALUE_CHOICE, MERGE_MAX, "", 0, 3,
		"The weakest method by which passcodes may be hashed.", hash_choices,
		"Recommended: sha512, which is what Alpine uses; its C library has no yescrypt, so "
		"its phones could not obey. Scrypt counts as yescrypt, bcrypt as sha512, and sha256 "
		"or sha512 with fewer rounds than the usual 5000 as any."},
	[SETTING_PASSWORD_FORBID_EMPTY] = {SETTING_PASSWORD_FORBID_EMPTY, AREA_PASSWORD,
		"forbid_empty", VALUE_BOOL, MERGE_OR, "", 0, 1,
		"Every account that can log in has a passcode.", NULL,
		"Recommended: true. An empty one is never counted nor judged; it lets everybody in."},
	[SETTING_PASSWORD_FREE_ATTEMPTS] = {SETTING_PASSWORD_FREE_ATTEMPTS, AREA_PASSWORD,
		"free_attempts", VALUE_INT, MERGE_MIN, "", 1, 20,
		"Wrong attempts in a row before the phone makes people wait.", NULL,
		"Where no profile sets it, 5, as on other phones: wet fingers are no attack. Not "
		"below max_attempts means that nobody waits before that."},
	[SETTING_PASSWORD_FIRST_DELAY] = {SETTING_PASSWORD_FIRST_DELAY, AREA_PASSWORD,
		"first_delay", VALUE_INT, MERGE_MAX, "s", 1, 3600,
		"The first wait; each further wrong attempt doubles it.", NULL,
		"Where no profile sets it, 30. From 30 seconds up to an hour is the example of NIST "
		"SP 800-63B-4 (section 3.2.2)."},
	[SETTING_PASSWORD_LONGEST_DELAY] = {SETTING_PASSWORD_LONGEST_DELAY, AREA_PASSWORD,
		"longest_delay", VALUE_INT, MERGE_MAX, "s", 1, 86400,
		"The longest wait between two attempts.", NULL,
		"Where no profile sets it, 3600; first_delay if that is longer. Whoever holds the "
		"phone for a moment can bring a wait about, so a long one is a way to shut its user "
		"out."},
	[SETTING_PASSWORD_MAX_ATTEMPTS] = {SETTING_PASSWORD_MAX_ATTEMPTS, AREA_PASSWORD,
		"max_attempts", VALUE_INT, MERGE_MIN, "", 4, 100,
		"Wrong attempts in a row after which at_maximum follows.", NULL,
		"Recommended: 10, as NIST SP 800-63B-4 demands of secrets of one device (section "
		"3.2.10); 100 is its limit for all others (section 3.2.2). Without it people wait, "
		"and nobody is shut out. Set escrow as well, so that an unlock code helps where there"
		" is no network."},
	[SETTING_PASSWORD_AT_MAXIMUM] = {SETTING_PASSWORD_AT_MAXIMUM, AREA_PASSWORD, "at_maximum",
		VALUE_CHOICE, MERGE_MAX, "", 0, 2,
		"What follows after max_attempts; all but lock_out need the keys that may destroy.",
		maximum_choices,
		"Recommended: lock_out, which the organisation undoes with unlock-attempts or an "
		"unlock code. Whoever holds the phone can bring the others about, too. Who signs them"
		" agrees to any max_attempts that another policy of the phone may set."},
};

const char *merge_kind_name(enum merge_kind kind)
{
	static const char *const names[MERGE_KIND_MAX] = {
		[MERGE_MIN] = "min",
		[MERGE_MAX] = "max",
		[MERGE_OR] = "or",
		[MERGE_AND] = "and",
		[MERGE_UNION] = "union",
		[MERGE_INTERSECTION] = "intersection",
		[MERGE_JOIN] = "join",
	};

	return names[kind];
}

const struct area_row *area_row(enum area_id id)
{
	return &areas[id];
}

const struct setting_row *setting_row(enum setting_id id)
{
	return &settings[id];
}

const struct area_row *area_find(const char *name)
{
	for (size_t i = 0; i < AREA_MAX; i++)
		if (strcmp(areas[i].name, name) == 0)
			return &areas[i];
	return NULL;
}

const struct setting_row *setting_find(enum area_id area, const char *name)
{
	for (size_t i = 0; i < SETTING_MAX; i++)
		if (settings[i].area == area && strcmp(settings[i].name, name) == 0)
			return &settings[i];
	return NULL;
}

static void string_set_done(struct string_set *set)
{
	for (size_t i = 0; i < set->n_strings; i++)
		free(set->strings[i]);
	free(set->strings);
	*set = (struct string_set){0};
}

/* Room for n strings; no allocation for none. 0 or -ENOMEM. */
static int string_set_reserve(struct string_set *set, size_t n)
{
	*set = (struct string_set){0};
	if (n == 0)
		return 0;
	set->strings = calloc(n, sizeof(*set->strings));
	return set->strings ? 0 : -ENOMEM;
}

static int string_set_add(struct string_set *set, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	set->strings[set->n_strings++] = copy;
	return 0;
}

void value_done(struct value *value)
{
	string_set_done(&value->set);
	*value = (struct value){0};
}

int value_copy(const struct value *value, struct value *ret_copy)
{
	struct value copy = {.type = value->type, .number = value->number};
	int r = string_set_reserve(&copy.set, value->set.n_strings);

	for (size_t i = 0; r == 0 && i < value->set.n_strings; i++)
		r = string_set_add(&copy.set, value->set.strings[i]);
	if (r < 0) {
		value_done(&copy);
		return r;
	}
	*ret_copy = copy;
	return 0;
}

bool value_equal(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	if (a->type != VALUE_SET)
		return a->number == b->number;
	if (a->set.n_strings != b->set.n_strings)
		return false;
	for (size_t i = 0; i < a->set.n_strings; i++)
		if (strcmp(a->set.strings[i], b->set.strings[i]) != 0)
			return false;
	return true;
}

/* One walk along two sorted sets: the union, or with common_only the intersection. */
static int string_set_merge(const struct string_set *a, const struct string_set *b,
	bool common_only, struct string_set *ret_merged)
{
	struct string_set merged;
	size_t i = 0, k = 0;
	int r = string_set_reserve(&merged, a->n_strings + b->n_strings);

	while (r == 0 && (i < a->n_strings || k < b->n_strings)) {
		int order;

		if (i == a->n_strings)
			order = 1;
		else if (k == b->n_strings)
			order = -1;
		else
			order = strcmp(a->strings[i], b->strings[k]);
		if (order == 0 || !common_only)
			r = string_set_add(&merged, order > 0 ? b->strings[k] : a->strings[i]);
		i += order <= 0;
		k += order >= 0;
	}
	if (r < 0) {
		string_set_done(&merged);
		return r;
	}
	*ret_merged = merged;
	return 0;
}

static bool string_set_contains_all(const struct string_set *set, const struct string_set *subset)
{
	size_t i = 0;

	for (size_t k = 0; k < subset->n_strings; k++) {
		while (i < set->n_strings && strcmp(set->strings[i], subset->strings[k]) < 0)
			i++;
		if (i == set->n_strings || strcmp(set->strings[i], subset->strings[k]) != 0)
			return false;
	}
	return true;
}

/* The bits of both; the last place is above all of them. */
static int64_t value_join(const struct setting_row *row, int64_t a, int64_t b)
{
	return (a | b) < row->max ? a | b : row->max;
}

int value_merge(const struct setting_row *row, const struct value *a, const struct value *b,
	struct value *ret_merged)
{
	struct value merged = {.type = row->type};
	int r = 0;

	switch (row->merge) {
	case MERGE_MIN:
	case MERGE_AND:
		merged.number = a->number < b->number ? a->number : b->number;
		break;
	case MERGE_MAX:
	case MERGE_OR:
		merged.number = a->number > b->number ? a->number : b->number;
		break;
	case MERGE_UNION:
		r = string_set_merge(&a->set, &b->set, false, &merged.set);
		break;
	case MERGE_INTERSECTION:
		r = string_set_merge(&a->set, &b->set, true, &merged.set);
		break;
	case MERGE_JOIN:
		merged.number = value_join(row, a->number, b->number);
		break;
	case MERGE_KIND_MAX:
		r = -EINVAL;
		break;
	}
	if (r < 0)
		return r;
	*ret_merged = merged;
	return 0;
}

bool value_satisfies(
	const struct setting_row *row, const struct value *observed, const struct value *desired)
{
	switch (row->merge) {
	case MERGE_MIN:
	case MERGE_AND:
		return observed->number <= desired->number;
	case MERGE_MAX:
	case MERGE_OR:
		return observed->number >= desired->number;
	case MERGE_UNION:
		return string_set_contains_all(&observed->set, &desired->set);
	case MERGE_INTERSECTION:
		return string_set_contains_all(&desired->set, &observed->set);
	case MERGE_JOIN:
		return value_join(row, observed->number, desired->number) == observed->number;
	case MERGE_KIND_MAX:
		break;
	}
	return false;
}

bool value_demands_nothing(const struct setting_row *row, const struct value *value)
{
	switch (row->merge) {
	case MERGE_OR:
	case MERGE_JOIN:
		return value->number == 0;
	case MERGE_AND:
		return value->number != 0;
	case MERGE_UNION:
		return value->set.n_strings == 0;
	case MERGE_MIN:
	case MERGE_MAX:
	case MERGE_INTERSECTION:
	case MERGE_KIND_MAX:
		break;
	}
	return false;
}

void value_format(const struct setting_row *row, const struct value *value, struct buf *out)
{
	switch (value->type) {
	case VALUE_BOOL:
		buf_puts(out, value->number ? "yes" : "no");
		break;
	case VALUE_INT:
		buf_printf(out, "%" PRId64, value->number);
		if (*row->unit)
			buf_printf(out, " %s", row->unit);
		break;
	case VALUE_CHOICE:
		buf_puts(out, row->choices[value->number]);
		break;
	case VALUE_SET:
		if (value->set.n_strings == 0)
			buf_puts(out, "none");
		for (size_t i = 0; i < value->set.n_strings; i++)
			buf_printf(out, "%s%s", i ? ", " : "", value->set.strings[i]);
		break;
	case VALUE_TYPE_MAX:
		break;
	}
}

void value_write(
	const struct setting_row *row, const struct value *value, struct jsonw *w, const char *key)
{
	if (!value) {
		jsonw_null(w, key);
		return;
	}
	switch (value->type) {
	case VALUE_BOOL:
		jsonw_bool(w, key, value->number != 0);
		break;
	case VALUE_INT:
		jsonw_int(w, key, value->number);
		break;
	case VALUE_CHOICE:
		jsonw_string(w, key, row->choices[value->number]);
		break;
	case VALUE_SET:
		jsonw_array(w, key);
		for (size_t i = 0; i < value->set.n_strings; i++)
			jsonw_string(w, NULL, value->set.strings[i]);
		jsonw_array_end(w);
		break;
	case VALUE_TYPE_MAX:
		break;
	}
}

void value_write_text(
	const struct setting_row *row, const struct value *value, struct jsonw *w, const char *key)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (!value) {
		jsonw_null(w, key);
		return;
	}
	value_format(row, value, &text);
	if (text.error && !w->out->error)
		w->out->error = text.error;
	jsonw_text(w, key, text.data ? text.data : "", text.n_bytes);
}
