/* SPDX-License-Identifier: Apache-2.0 */
/*
 * settings_table.c - the table of settings, a row each; see settings.h.
 *
 * Pure: no system calls, files or clocks. Used by the enforcer and by the tools.
 */
#include <string.h>

#include "policies/app_forms.h"
#include "policies/settings.h"

static const struct area_row areas[AREA_MAX] = {
	[AREA_SCREEN_LOCK] = {AREA_SCREEN_LOCK, "screen_lock",
		"When the screen turns blank and locks, and what it takes to unlock it."},
	[AREA_ENCRYPTION] = {AREA_ENCRYPTION, "encryption",
		"What on the disk is unreadable without the passphrase."},
	[AREA_PASSWORD] = {AREA_PASSWORD, "password",
		"What the passcode of the phone has to be, and what happens to wrong ones."},
	[AREA_APPS] = {AREA_APPS, "apps",
		"Which programs are installed, which may be, and which may run."},
	[AREA_RESTRICTIONS] = {AREA_RESTRICTIONS, "restrictions",
		"Which parts of the phone may be used, always or while it is unlocked."},
	[AREA_LOCATION] = {AREA_LOCATION, "location",
		"Whether the organisation is told where the phone is, and how exactly."},
};

/* Words of VALUE_CHOICE settings, the weakest first; an end of list follows. */
static const char *const hash_choices[] = {"any", "sha256", "sha512", "yescrypt", NULL};
static const char *const kdf_choices[] = {"pbkdf2", "argon2i", "argon2id", NULL};
/* Read only and encrypted only are bits, and can both be asked for (MERGE_JOIN). */
static const char *const removable_choices[] = {
	"any", "read_only", "encrypted_only", "encrypted_read_only", "blocked", NULL};
static const char *const maximum_choices[] = {"lock_out", "crypto_lock", "wipe", NULL};
static const char *const apps_mode_choices[] = {"off", "deny", "allow", NULL};
static const char *const guard_choices[] = {"off", "audit", "enforce", NULL};
static const char *const gate_choices[] = {"on", "off_while_locked", "off", NULL};
static const char *const switch_choices[] = {"on", "off", NULL};
static const char *const report_choices[] = {"never", "when_lost", "always", NULL};
static const char *const guard_failure_choices[] = {"open", "closed", NULL};

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
	[SETTING_APPS_MODE] = {SETTING_APPS_MODE, AREA_APPS, "mode", VALUE_CHOICE, MERGE_MAX, "", 0,
		2,
		"What the lists mean: off, everything but what is blocked (deny), or only what is "
		"allowed (allow).",
		apps_mode_choices,
		"Recommended: deny. With allow every app that people need has to be in a list; the "
		"system that the phone came with, the agent and what they need may always be there. "
		"With off, or where no profile sets it, the lists are read and nothing is done. One "
		"profile with allow is enough for the lists of all profiles that apply."},
	[SETTING_APPS_ALLOWED] = {SETTING_APPS_ALLOWED, AREA_APPS, "allowed", VALUE_LISTS,
		MERGE_INTERSECTION, "", 0, 0,
		"Patterns of the apps that may be there in the mode allow; one of each profile's has "
		"to fit.",
		NULL,
		"A pattern is one or more of name:GLOB, origin:GLOB and repository:GLOB for packages, "
		"flatpak:GLOB and remote:GLOB for Flatpaks, or sha256:HEX for files, each at most once, "
		"with one space between where all have to fit; a word alone is a name. * stands "
		"for any text, ? for one character; upper and lower case differ. What the same "
		"profile requires is in its list as well. What an allowed app needs comes with "
		"it, but has to be allowed itself if launchers show it. Where no profile has a "
		"list, packages and Flatpaks need no permission, files do.",
		&app_form_pattern},
	[SETTING_APPS_BLOCKED] = {SETTING_APPS_BLOCKED, AREA_APPS, "blocked", VALUE_SET,
		MERGE_UNION, "", 0, 0,
		"Patterns of the apps that are removed, are not installed again and do not run.",
		NULL,
		"The patterns are those of allowed, and come before them. What needs a blocked app "
		"goes with it. What belongs to the system, or is needed by it, is not removed; the "
		"reason is said for each.",
		&app_form_pattern},
	[SETTING_APPS_REQUIRED] = {SETTING_APPS_REQUIRED, AREA_APPS, "required", VALUE_SET,
		MERGE_UNION, "", 0, 0,
		"Packages, and Flatpaks as flatpak:REMOTE/ID, that are installed and kept.", NULL,
		"Installed when there is a network; each that cannot be is reported with its reason. "
		"What another pattern blocks, or a list of another profile does not allow, is not "
		"installed. When the rule ends packages that nobody else asked for go again; what "
		"somebody had before, or asked for since, stays, and so do Flatpaks: Flatpak keeps "
		"no note of who asked for one.",
		&app_form_required},
	[SETTING_APPS_PINNED] = {SETTING_APPS_PINNED, AREA_APPS, "pinned", VALUE_SET, MERGE_UNION,
		"", 0, 0, "Packages that stay at one version, as NAME=VERSION.", NULL,
		"Recommended: not set. What is pinned gets no repairs of its mistakes. A pin installs "
		"nothing; what is installed and pinned cannot be removed by people.",
		&app_form_pinned},
	[SETTING_APPS_REPOSITORIES] = {SETTING_APPS_REPOSITORIES, AREA_APPS, "repositories",
		VALUE_SET, MERGE_INTERSECTION, "", 0, 0,
		"Addresses that packages may come from; lines with others are taken out of the "
		"package manager's files.",
		NULL,
		"Addresses as in /etc/apk/repositories, without the tag. They come back, with the "
		"files as they were, when the rule ends.",
		&app_form_repository},
	[SETTING_APPS_SIGNING_KEYS] = {SETTING_APPS_SIGNING_KEYS, AREA_APPS, "signing_keys",
		VALUE_SET, MERGE_INTERSECTION, "", 0, 0,
		"SHA-256, in 64 hexadecimal digits, of the files with keys that packages may be "
		"signed with.",
		NULL,
		"sha256sum /etc/apk/keys/* /usr/share/apk/keys/* shows those of a phone; the report "
		"names the ones that are there and not in the list.",
		&app_form_signing_key},
	[SETTING_APPS_FLATPAK_REMOTES] = {SETTING_APPS_FLATPAK_REMOTES, AREA_APPS,
		"flatpak_remotes", VALUE_SET, MERGE_INTERSECTION, "", 0, 0,
		"Addresses of the remotes that Flatpaks may come from; others are disabled.", NULL,
		"Such as https://dl.flathub.org/repo/. In the modes deny and allow those that are "
		"left offer only what the lists let through.",
		&app_form_remote},
	[SETTING_APPS_USER_FLATPAKS] = {SETTING_APPS_USER_FLATPAKS, AREA_APPS, "user_flatpaks",
		VALUE_BOOL, MERGE_AND, "", 0, 1,
		"People may have Flatpaks of their own, below their home directory.", NULL,
		"No setting of Flatpak forbids them. Where they are forbidden and there they are "
		"reported, and do not run where the guard enforces."},
	[SETTING_APPS_USER_PROGRAMS] = {SETTING_APPS_USER_PROGRAMS, AREA_APPS, "user_programs",
		VALUE_BOOL, MERGE_AND, "", 0, 1,
		"Programs may run that lie where people can write, such as AppImages.", NULL,
		"False needs the guard. In the mode allow they may not, whatever this says, unless "
		"their sha256 is allowed."},
	[SETTING_APPS_NOEXEC] = {SETTING_APPS_NOEXEC, AREA_APPS, "noexec", VALUE_BOOL, MERGE_OR, "",
		0, 1,
		"Places where people can write, sticks and cards are mounted noexec, and memory files "
		"cannot be executed.",
		NULL,
		"Closes what the guard cannot see: a program that the dynamic loader is asked to "
		"start, and libraries. Flatpaks in home directories stop working."},
	[SETTING_APPS_HIDDEN] = {SETTING_APPS_HIDDEN, AREA_APPS, "hidden", VALUE_SET, MERGE_UNION,
		"", 0, 0, "Desktop files, by their name with .desktop, that launchers do not show.",
		NULL,
		"It hides and forbids nothing; a file of that name in a home directory comes first "
		"and is reported.",
		&app_form_desktop_file},
	[SETTING_APPS_UPDATE_EVERY] = {SETTING_APPS_UPDATE_EVERY, AREA_APPS, "update_every",
		VALUE_INT, MERGE_MIN, "days", 1, 90,
		"Days after which packages and Flatpaks are brought up to date.", NULL,
		"Recommended: 1. Only while the phone is charged and on a link that costs nothing, "
		"unless it is overdue by as much again."},
	[SETTING_APPS_UPDATE_HOURS] = {SETTING_APPS_UPDATE_HOURS, AREA_APPS, "update_hours",
		VALUE_SET, MERGE_INTERSECTION, "", 0, 0,
		"Hours of the day, from 00 to 23, in which update_every may begin.", NULL,
		"Where no profile sets it, all of them. An empty list means never, which is reported.",
		&app_form_hour},
	[SETTING_APPS_GUARD] = {SETTING_APPS_GUARD, AREA_APPS, "guard", VALUE_CHOICE, MERGE_MAX, "",
		0, 2,
		"Whether the start of programs is judged by the lists: not at all, only to report, or "
		"to refuse.",
		guard_choices,
		"Recommended: audit for a while, then enforce. Needs a kernel with "
		"CONFIG_FANOTIFY_ACCESS_PERMISSIONS."},
	[SETTING_APPS_GUARD_FAILURE] = {SETTING_APPS_GUARD_FAILURE, AREA_APPS, "guard_failure",
		VALUE_CHOICE, MERGE_MAX, "", 0, 1,
		"What happens to the start of programs while the guard does not answer.",
		guard_failure_choices,
		"Recommended: open. With closed nothing starts that was not judged before, for as "
		"long as the guard is away; a phone whose guard is broken is then of little use."},
	[SETTING_RESTRICTIONS_CAMERA] = {SETTING_RESTRICTIONS_CAMERA, AREA_RESTRICTIONS, "camera",
		VALUE_CHOICE, MERGE_MAX, "", 0, 2, "Whether programs may use the cameras.",
		gate_choices,
		"Off while locked: a locked phone takes no pictures, as its lock screen promises anyway."},
	[SETTING_RESTRICTIONS_MICROPHONE] = {SETTING_RESTRICTIONS_MICROPHONE, AREA_RESTRICTIONS,
		"microphone", VALUE_CHOICE, MERGE_MAX, "", 0, 2,
		"Whether programs may record sound; calls are never touched.", gate_choices,
		"A call opens it from the first ring or digit to its end, an emergency call as well."},
	[SETTING_RESTRICTIONS_BLUETOOTH] = {SETTING_RESTRICTIONS_BLUETOOTH, AREA_RESTRICTIONS,
		"bluetooth", VALUE_CHOICE, MERGE_MAX, "", 0, 2,
		"Whether Bluetooth may be switched on.", gate_choices,
		"Off while locked ends headsets and watches with the screen."},
	[SETTING_RESTRICTIONS_NFC] = {SETTING_RESTRICTIONS_NFC, AREA_RESTRICTIONS, "nfc",
		VALUE_CHOICE, MERGE_MAX, "", 0, 2, "Whether NFC may be switched on.", gate_choices,
		NULL},
	[SETTING_RESTRICTIONS_USB_HOST] = {SETTING_RESTRICTIONS_USB_HOST, AREA_RESTRICTIONS,
		"usb_host", VALUE_CHOICE, MERGE_MAX, "", 0, 2,
		"Whether what is plugged into the phone (sticks, keyboards, network cards) is taken.",
		gate_choices,
		"Recommended: off_while_locked. What was taken while the phone was unlocked stays; a hub or dock that is needed to unlock the phone is not taken either."},
	[SETTING_RESTRICTIONS_USB_GADGET] = {SETTING_RESTRICTIONS_USB_GADGET, AREA_RESTRICTIONS,
		"usb_gadget", VALUE_CHOICE, MERGE_MAX, "", 0, 2,
		"Whether the phone offers data to what it is plugged into; charging always works.",
		gate_choices,
		"Recommended: off_while_locked, so that a locked phone is no network card or disk to whoever finds it."},
	[SETTING_RESTRICTIONS_WIFI] = {SETTING_RESTRICTIONS_WIFI, AREA_RESTRICTIONS, "wifi",
		VALUE_CHOICE, MERGE_MAX, "", 0, 1, "Whether Wi-Fi may be switched on.",
		switch_choices,
		"Where mobile data is off too the phone is out of reach: no command comes any more until a place or a time allows it again."},
	[SETTING_RESTRICTIONS_MOBILE_DATA] = {SETTING_RESTRICTIONS_MOBILE_DATA, AREA_RESTRICTIONS,
		"mobile_data", VALUE_CHOICE, MERGE_MAX, "", 0, 1,
		"Whether mobile data may be switched on; calls and messages stay.", switch_choices,
		NULL},
	[SETTING_RESTRICTIONS_HOTSPOT] = {SETTING_RESTRICTIONS_HOTSPOT, AREA_RESTRICTIONS,
		"hotspot", VALUE_CHOICE, MERGE_MAX, "", 0, 1,
		"Whether the phone may share its connection, by Wi-Fi, Bluetooth or cable.",
		switch_choices, NULL},
	[SETTING_RESTRICTIONS_LOCATION] = {SETTING_RESTRICTIONS_LOCATION, AREA_RESTRICTIONS,
		"location", VALUE_CHOICE, MERGE_MAX, "", 0, 1,
		"Whether apps may ask where the phone is; the agent's own places are not meant.",
		switch_choices, NULL},
	[SETTING_RESTRICTIONS_SSH] = {SETTING_RESTRICTIONS_SSH, AREA_RESTRICTIONS, "ssh",
		VALUE_CHOICE, MERGE_MAX, "", 0, 1, "Whether the SSH server may run.",
		switch_choices, NULL},
	[SETTING_RESTRICTIONS_AIRPLANE_MODE] = {SETTING_RESTRICTIONS_AIRPLANE_MODE,
		AREA_RESTRICTIONS, "airplane_mode", VALUE_CHOICE, MERGE_MAX, "", 0, 1,
		"Whether people may switch all radios off at once.", switch_choices,
		"Off keeps the phone in reach. Single radios can still be switched off."},
	[SETTING_LOCATION_REPORT] = {SETTING_LOCATION_REPORT, AREA_LOCATION, "report", VALUE_CHOICE,
		MERGE_MAX, "", 0, 2, "When reports say where the phone is.", report_choices,
		"Where no profile sets it, never: places are decided on the phone, and its position stays there. The user reads each position that was told in agentctl privacy."},
	[SETTING_LOCATION_PRECISION] = {SETTING_LOCATION_PRECISION, AREA_LOCATION, "precision",
		VALUE_INT, MERGE_MIN, "m", 10, 100000,
		"To how many metres a position is rounded before it is told.", NULL,
		"Where no profile sets it, 1000."},
	[SETTING_LOCATION_OVERRIDE_SWITCH] = {SETTING_LOCATION_OVERRIDE_SWITCH, AREA_LOCATION,
		"override_switch", VALUE_BOOL, MERGE_OR, "", 0, 1,
		"The agent looks where the phone is even while its user has switched location off.",
		NULL,
		"Without it places are unknown while the switch is off. The user is told that it is so."},
};

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
