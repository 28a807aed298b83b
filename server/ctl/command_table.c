/* SPDX-License-Identifier: Apache-2.0 */
/* command_table.c - the verbs of mdmctl, their options and their words; see commands.h. Data only.
 */
#include "server/ctl/commands.h"

const struct option_row command_options[] = {
	{"org", "DIR", "organisation directory (default $MDMCTL_ORG, else ~/.config/mdmctl)"},
	{"passphrase-file", "FILE", "first line is the passphrase (or $MDMCTL_PASSPHRASE_FILE)"},
	{"json", NULL, "print JSON"},
	{"yes", NULL, "answer questions with yes", .letter = 'y'},
	{"help", NULL, "print help", .letter = 'h'},
	{"version", NULL, "print the version"},
	{0},
};

static const struct option_row init_options[] = {
	{"name", "NAME", "the organisation's name, shown on every phone"},
	{"server", "URL", "https://HOST[:PORT] that phones talk to"},
	{"admin", "URL", "https://HOST[:PORT] that mdmctl talks to"},
	{"server-dir", "DIR", "where the server's files go (default: server/ in the organisation)"},
	{"host", "NAME", "one more name or address of the server", .repeats = true},
	{"alg", "ALG", "of the signing keys: eddsa (default) or es256"},
	{"admin-name", "NAME", "in the administrator's certificate (default: the user's name)"},
	{"second-passphrase-file", "FILE", "passphrase of the key \"second\""},
	{"recovery-passphrase-file", "FILE", "passphrase of the key \"recovery\""},
	{0},
};
static const struct option_row ticket_options[] = {
	{"group", "G", "the phone joins this group", .repeats = true},
	{"expires", "SPAN", "15m, 24h, 30d (default 24h, with --zero-touch 365d)"},
	{"zero-touch", NULL, "for an image: phones on the hardware list enrol by themselves"},
	{"output", "FILE", "write the ticket there, mode 0600, instead of printing it",
		.letter = 'o'},
	{"ownership", "WHOSE", "company (default) or personal"},
	{"user", "TEXT", "who uses the phone"},
	{"est", "URL", "another certificate authority (EST) for the phone"},
	{"key", "NAME", "signing key"},
	{"qr", NULL, "print a QR code too"},
	{"ascii", NULL, "the QR code in ASCII"},
	{"invert", NULL, "the QR code for dark text on a light terminal without colour"},
	{0},
};
static const struct option_row sign_options[] = {
	{"stream", "GROUP", "the group the policy is for"},
	{"serial", "N", "instead of the next one"},
	{"expires", "SPAN", "phones take it until then (default 365d)"},
	{"key", "NAME", "signing key, or path of a key file"},
	{"output", "FILE", "write the document there (default: standard output)", .letter = 'o'},
	{"offline", NULL, "do not ask the server for its serial"},
	{"no-escrow", NULL, "no unlock codes: do not name the escrow certificate"},
	{0},
};
static const struct option_row cosign_options[] = {
	{"key", "NAME", "signing key, or path of a key file"},
	{"output", "FILE", "write the document there (default: DOCUMENT itself)", .letter = 'o'},
	{0},
};
static const struct option_row place_import_options[] = {
	{"name", "NAME", "all shapes of the file are one place of this name"},
	{"radius", "METRES", "of points, which are circles then: 10 to 1000000"},
	{"policy", "FILE", "put the places into this policy, which is not signed yet"},
	{"output", "FILE", "with --policy: write the policy there (default: FILE itself)",
		.letter = 'o'},
	{0},
};
static const struct option_row assign_options[] = {
	{"group", "G", "the groups of the phone, all of them", .repeats = true},
	{"ownership", "WHOSE", "company (default) or personal"},
	{"user", "TEXT", "who uses the phone"},
	{"expires", "SPAN", "the phone takes it until then (default 365d)"},
	{"key", "NAME", "signing key"},
	{0},
};
static const struct option_row order_options[] = {
	{"device", "ID", "the phone; the beginning of its id is enough, but asks"},
	{"expires", "SPAN", "the phone takes it until then (default 24h, two keys 15m)"},
	{"fresh", NULL, "quote what the phone sent last: no clock revives it"},
	{"key", "NAME", "signing key, or path of a key file"},
	{"output", "FILE", "write the document there, do not send it", .letter = 'o'},
	{"wait", NULL, "wait until the phone said how it ended"},
	{"passcode-file", "FILE", "set-passcode: first line is the passcode"},
	{"ask-passcode", NULL, "set-passcode: ask for it instead of making one up"},
	{0},
};
static const struct option_row order_cosign_options[] = {
	{"key", "NAME", "signing key, or path of a key file"},
	{"output", "FILE", "write the document there, do not send it", .letter = 'o'},
	{"wait", NULL, "wait until the phone said how it ended"},
	{0},
};
static const struct option_row order_push_options[] = {
	{"wait", NULL, "wait until the phone said how it ended"},
	{0},
};
static const struct option_row order_list_options[] = {
	{"device", "ID", "of this phone only; the beginning of its id is enough"},
	{"held", NULL, "only those that wait for another administrator"},
	{0},
};
static const struct option_row diagnostics_options[] = {
	{"output", "FILE", "write it there, mode 0600", .letter = 'o'},
	{0},
};
static const struct option_row audit_options[] = {
	{"after", "N", "only what came after entry N"},
	{0},
};
static const struct option_row events_options[] = {
	{"device", "ID", "of this phone only; the beginning of its id is enough"},
	{"after", "N", "only what came after event N of the server"},
	{"follow", NULL, "go on printing new ones", .letter = 'f'},
	{0},
};

static const struct option_row key_new_options[] = {
	{"role", "ROLE", "keyset, policy, command or destroy", .repeats = true},
	{"alg", "ALG", "eddsa (default) or es256"},
	{"new-passphrase-file", "FILE", "first line is the passphrase of the new key"},
	{0},
};
static const struct option_row key_rotate_options[] = {
	{"alg", "ALG", "eddsa or es256 (default: as before)"},
	{"new-passphrase-file", "FILE", "first line is the passphrase of the new key"},
	{0},
};
static const struct option_row keyset_renew_options[] = {
	{"expires", "SPAN", "from now on, 90d, 2y (default 2y)"},
	{0},
};
static const struct option_row keyset_sign_options[] = {
	{"key", "NAME", "signing key, or path of a key file (default: the first that is here)"},
	{"output", "FILE", "write the document there, for the next signer", .letter = 'o'},
	{0},
};
static const struct option_row keyset_cosign_options[] = {
	{"key", "NAME", "signing key, or path of a key file (default: the first that is here)"},
	{"output", "FILE", "write the document there (default: FILE itself)", .letter = 'o'},
	{0},
};
static const struct option_row ca_switch_options[] = {
	{"output", "DIR", "directory for the server's new files", .letter = 'o'},
	{"host", "NAME", "one more name or address of the server", .repeats = true},
	{0},
};
static const struct option_row admin_new_options[] = {
	{"role", "ROLE", "operator or viewer"},
	{"output", "DIR", "directory for the machine of the new administrator", .letter = 'o'},
	{"new-passphrase-file", "FILE", "first line is the new administrator's passphrase"},
	{0},
};
static const struct option_row unlock_options[] = {
	{"counter", "N", "the code of another counter than the phone told last"},
	{0},
};
static const struct option_row escrow_show_options[] = {
	{"all", NULL, "also keys that newer ones have replaced"},
	{0},
};
static const struct option_row key_options[] = {
	{"new-passphrase-file", "FILE", "first line is the new passphrase"},
	{0},
};

const struct command_row commands[] = {
	{"init", "", "make an organisation: CAs, certificates, signing keys",
		"Makes the organisation directory and, in another directory, exactly what the server\n"
		"needs. Signing keys stay here. Private keys are encrypted with a passphrase that is\n"
		"asked for, or read from --passphrase-file, which nobody else may be able to read.\n"
		"Three signing keys are made: \"admin\" signs everything, \"second\" is for another person,\n"
		"\"recovery\" for a safe. Wiping a phone and changing the keys take two of the three, so\n"
		"that one stolen key cannot and one lost key does not end it: 'mdmctl key give' moves the\n"
		"other two away.",
		0, 0, init_options, cmd_init},
	{"config show", "", "print the organisation's settings", NULL, 0, 0, NULL, cmd_config_show},
	{"config set", "server|admin URL", "change an address of the server",
		"Phones that are enrolled keep the address of their ticket.", 2, 2, NULL,
		cmd_config_set},
	{"status", "", "ask the server how it is", NULL, 0, 0, NULL, cmd_status},
	{"ticket new", "", "make a ticket, with which one phone can enrol",
		"Registers the ticket with the server and prints it as text, as mdm:// address and,\n"
		"with --qr, as QR code. With --group the phone gets a signed assignment to these\n"
		"groups.",
		0, 0, ticket_options, cmd_ticket_new},
	{"ticket list", "", "list the tickets, without their secrets", NULL, 0, 0, NULL,
		cmd_ticket_list},
	{"device list", "", "list the phones", NULL, 0, 0, NULL, cmd_device_list},
	{"device show", "ID", "show one phone, setting by setting",
		"The beginning of the id is enough if no other begins so.", 1, 1, NULL,
		cmd_device_show},
	{"device apps", "ID", "list the apps of a phone, as it said last",
		"Packages that somebody chose or that a launcher shows, Flatpaks, and programs in home\n"
		"directories. \"base\" is what the phone came with when it was enrolled and can not be\n"
		"removed; packages that only others need are counted. 'agentctl apps' on the phone\n"
		"shows the same.",
		1, 1, NULL, cmd_device_apps},
	{"device diagnostics", "ID", "print what a phone sent on the command \"diagnostics\"",
		"The newest bundle, as JSON; the phone's user sees the same with 'agentctl privacy'.",
		1, 1, diagnostics_options, cmd_device_diagnostics},
	{"device withdraw", "ID", "make a lost phone's certificate worthless",
		"The server does not talk to it any more. The rules on the phone stay in force; nothing\n"
		"is erased.",
		1, 1, NULL, cmd_device_withdraw},
	{"assign", "ID", "put a phone into groups, by a signed assignment", NULL, 1, 1,
		assign_options, cmd_assign},
	{"policy new", "[FILE]", "write a policy to start from", NULL, 0, 1, NULL, cmd_policy_new},
	{"policy check", "FILE", "check a policy, written or signed", NULL, 1, 1, NULL,
		cmd_policy_check},
	{"policy sign", "FILE", "sign a policy for a group",
		"The serial is the one after the highest that this directory remembers or the server\n"
		"has. The signature is made here; nothing is sent. A policy that limits attempts at\n"
		"passcodes and names no escrow certificates gets the organisation's, so that its\n"
		"phones can have unlock codes.",
		1, 1, sign_options, cmd_policy_sign},
	{"policy cosign", "DOCUMENT", "add the signature of another key",
		"Shows the policy in full and asks. The document is checked before and after.", 1,
		1, cosign_options, cmd_policy_cosign},
	{"policy push", "DOCUMENT", "upload a signed policy", NULL, 1, 1, NULL, cmd_policy_push},
	{"policy show", "DOCUMENT", "print a signed policy and who signed it", NULL, 1, 1, NULL,
		cmd_policy_show},
	{"place import", "FILE", "make places of a GeoJSON or GPX file",
		"GeoJSON: polygons are taken as they are, points with --radius or a property \"radius\";\n"
		"each feature is the place of its property \"name\". GPX: waypoints with --radius, or\n"
		"tracks and routes whose ends meet; all of a file is one place, called like the file.\n"
		"Coordinates are rounded to six digits behind the point, a tenth of a metre. Prints the\n"
		"member \"places\" of a policy; with --policy it is put there, and where a place of the\n"
		"name is there already only its shape is replaced. Where and how large each place is\n"
		"goes to standard error.\n"
		"\"-\" is standard input.",
		1, 1, place_import_options, cmd_place_import},
	{"document remove", "KIND [ADDRESS]",
		"take the newest document of an address off the server",
		"KIND is policy STREAM, assignment DEVICE, ticket TICKET or keyset. The one before it is\n"
		"handed out again. For documents that nobody of yours signed: phones refuse them, but\n"
		"they are in the way. What phones have taken already they keep.",
		1, 2, NULL, cmd_document_remove},
	{"command list", "", "list the commands and what became of them", NULL, 0, 0,
		order_list_options, cmd_command_list},
	{"command show", "ID", "show one command, step by step, as the phone told",
		"The beginning of the id is enough if no other begins so.", 1, 1, NULL,
		cmd_command_show},
	{"command cosign", "DOCUMENT", "add the signature of another key to a command",
		"Shows the command and asks. Once enough have signed, it is sent.", 1, 1,
		order_cosign_options, cmd_command_cosign},
	{"command push", "DOCUMENT", "send a signed command", NULL, 1, 1, order_push_options,
		cmd_command_push},
	{"command cancel", "ID", "withdraw a command that the phone has not got yet",
		"A command that was delivered cannot be taken back; it expires.", 1, 1, NULL,
		cmd_command_cancel},
	{"command approve", "ID",
		"let a held destructive command through, as a second administrator",
		"Beyond a few destructive commands an hour (destructive-per-hour) the server holds each\n"
		"until another administrator than the one who gave it says yes. Checks its signatures\n"
		"here, shows the command and asks. It does not become valid for longer.",
		1, 1, NULL, cmd_command_approve},
	{"command reject", "ID", "take a held command away", NULL, 1, 1, NULL, cmd_command_reject},
	/* Behind its namesakes of two words: the first that fits is taken. */
	{"command", "VERB [NAME=VALUE]...", "give a phone an order, signed here",
		"The command is for one phone and one enrolment, is executed at most once, and expires.\n"
		"One that needs two signatures is written to a file for the second person, whose\n"
		"'mdmctl command cosign' sends it. For set-passcode a passcode is made up here and shown\n"
		"once; only its hash is signed and sent.",
		1, 1 + LIMIT_COMMAND_ARGUMENTS, order_options, cmd_command, command_help_verbs},
	{"unlock-code", "DEVICE", "show the code that gives a locked out phone its attempts back",
		"For a phone without a network. The sealed secret of the phone comes from the server,\n"
		"which records that; it is opened here, with the organisation's escrow key. The\n"
		"beginning of the id is enough if no other begins so.",
		1, 1, unlock_options, cmd_unlock_code},
	{"escrow init", "", "make the escrow key, which opens what phones seal",
		"For an organisation that was made without one. 'mdmctl policy sign' names its\n"
		"certificate in policies that limit attempts or ask for recovery keys.",
		0, 0, key_options, cmd_escrow_init},
	{"escrow show", "[DEVICE]", "show the escrow certificate, or a phone's recovery keys",
		"With a device: the key that opens each of its encrypted disks. They are sealed at the\n"
		"server, which records who asks, and opened here with the organisation's escrow key.\n"
		"The beginning of the id is enough if no other begins so.",
		0, 1, escrow_show_options, cmd_escrow_show},
	{"hardware list", "", "list the phones that may enrol by themselves", NULL, 0, 0, NULL,
		cmd_hardware_list},
	{"hardware add", "TICKET FILE", "let phones enrol by themselves (zero-touch)",
		"FILE has one serial number or IMEI a line; '#' begins a comment. 15 digits are an IMEI\n"
		"unless \"serial:\" stands before them. Each line lets one phone use the ticket, which\n"
		"'mdmctl ticket new --zero-touch' made. \"-\" is standard input.",
		2, 2, NULL, cmd_hardware_add},
	{"hardware remove", "ROW", "take a phone off the list, or free it to enrol again", NULL, 1,
		1, NULL, cmd_hardware_remove},
	{"audit list", "", "print what administrators did on the server", NULL, 0, 0, audit_options,
		cmd_audit_list},
	{"audit verify", "", "check that nobody altered the server's log of administrators",
		"Follows the chain from the first entry to the last and past the end of the last check,\n"
		"which is remembered here: a server cannot rewrite or cut off what was checked.",
		0, 0, NULL, cmd_audit_verify},
	{"events", "", "print what the phones reported", NULL, 0, 0, events_options, cmd_events},
	{"key list", "", "list the signing keys: roles, where they are, what is risky", NULL, 0, 0,
		NULL, cmd_key_list},
	{"key new", "NAME", "make a signing key, in the draft of the next keyset",
		"Nothing is in force before the draft is signed ('mdmctl keyset sign') and pushed.",
		1, 1, key_new_options, cmd_key_new},
	{"key rotate", "NAME", "put a new key in the place of a signing key",
		"The new one has the same name and roles. Until the next keyset is in force the old one\n"
		"signs; afterwards its file is keys/NAME.old-VERSION.pem, which 'mdmctl key forget'\n"
		"removes.",
		1, 1, key_rotate_options, cmd_key_rotate},
	{"key revoke", "NAME", "take a signing key out of the next keyset",
		"For a key that was stolen or lost. What it signed and phones accepted stays in force.",
		1, 1, NULL, cmd_key_revoke},
	{"key forget", "NAME", "remove the files of a key that no keyset lists any more", NULL, 1,
		1, NULL, cmd_key_forget},
	{"key give", "NAME DIR", "move a signing key to another person",
		"Makes DIR, an organisation directory for the machine of the key's new holder, with a\n"
		"passphrase of its own, and removes the key from this one. Nothing else that is\n"
		"secret goes there.",
		2, 2, key_options, cmd_key_give},
	{"key passphrase", "NAME", "change the passphrase of a key",
		"NAME is a signing key, \"administrator\", \"escrow\" or \"root-ca\".", 1, 1,
		key_options, cmd_key_passphrase},
	{"cert renew", "FILE", "renew the server's or the administrator's certificate",
		"FILE is a copy of the server's server-chain.pem, or the word \"administrator\". Key and\n"
		"names stay; it is valid for two more years and replaces FILE.",
		1, 1, NULL, cmd_cert_renew},
	{"keyset show", "", "show the keyset: keys, roles, how many signatures", NULL, 0, 0, NULL,
		cmd_keyset_show},
	{"keyset draft", "[show|discard]", "show the draft of the next keyset, or discard it", NULL,
		0, 1, NULL, cmd_keyset_draft},
	{"keyset renew", "", "let the next keyset be valid for longer", NULL, 0, 0,
		keyset_renew_options, cmd_keyset_renew},
	{"keyset threshold", "ROLE N", "let a role need N signatures in the next keyset", NULL, 2,
		2, NULL, cmd_keyset_threshold},
	{"keyset sign", "", "sign the draft with a key that is here",
		"Shows what changes, tries it out on a phone made for this, and asks. A key that is\n"
		"being replaced and its successor both sign.",
		0, 0, keyset_sign_options, cmd_keyset_sign},
	{"keyset cosign", "FILE", "sign a keyset that somebody else drafted",
		"Shows what changes against the keyset that this directory holds, and asks. Once\n"
		"enough keys have signed, it is kept here, too.",
		1, 1, keyset_cosign_options, cmd_keyset_cosign},
	{"keyset import", "FILE...", "take signed keysets into this directory",
		"For machines that do not talk to the server, and for the key in the safe. Each is\n"
		"checked as a phone would check it; those that are here already are passed over.",
		1, ARGS_MAX, NULL, cmd_keyset_import},
	{"keyset push", "[FILE]", "bring the signed draft, or FILE, in force and to the server",
		"Checked as a phone would that holds the keyset before. Can be repeated.", 0, 1,
		NULL, cmd_keyset_push},
	{"keyset phones", "", "show which phones have which keyset", NULL, 0, 0, NULL,
		cmd_keyset_phones},
	{"ca list", "", "list the certificate authorities and which are pinned", NULL, 0, 0, NULL,
		cmd_ca_list},
	{"ca new", "", "make the next CAs and pin both in the draft of the next keyset", NULL, 0, 0,
		key_options, cmd_ca_new},
	{"ca switch", "", "let the next CAs be the organisation's; write the server's new files",
		"Phones that know only the old CA still find the server, and their certificates are\n"
		"still accepted.",
		0, 0, ca_switch_options, cmd_ca_switch},
	{"ca retire", "", "pin only the new CA in the draft of the next keyset", NULL, 0, 0, NULL,
		cmd_ca_retire},
	{"admin new", "NAME", "make a certificate for another administrator",
		"Makes DIR, an organisation directory without signing keys. An operator may do whatever\n"
		"the server lets administrators do; a viewer may look.",
		1, 1, admin_new_options, cmd_admin_new},
	{"admin renew", "[FILE]", "renew one's own certificate, or the one in FILE",
		"FILE is a copy of another administrator's admin.pem; it is replaced.", 0, 1, NULL,
		cmd_admin_renew},
	{0},
};
