/* SPDX-License-Identifier: Apache-2.0 */
/*
 * enforcer.h - the whole state of the enforcer role (mdm-agentd, root) and its parts.
 *
 * Starts by enforcing the last good policy, then listens to agentctl, then starts the net role when
 * a check-in is due. Everything hangs on one struct; one sd-event loop, one thread.
 */
#ifndef MDM_ENFORCER_ENFORCER_H
#define MDM_ENFORCER_ENFORCER_H

#include <systemd/sd-event.h>

#include "agent/enforcer/commands.h"
#include "agent/enforcer/documents.h"
#include "agent/enforcer/effects.h"
#include "agent/enforcer/exchange.h"
#include "agent/enforcer/journal.h"
#include "agent/enforcer/pacing.h"
#include "agent/enforcer/reactions.h"
#include "agent/enforcer/reconcile.h"
#include "agent/enforcer/report.h"
#include "agent/enforcer/state.h"
#include "agent/trust/ticket.h"
#include "policies/checkin_merge.h"
#include "agent/util/log.h"

#define ENFORCER_REPORTS "reports" /* in the state directory; goes with the enrolment */
#define ENFORCER_LAST_REPORT ENFORCER_REPORTS "/last"

struct enforcer_options {
	const char *state_dir;	      /* /var/lib/mdm-agent */
	const char *socket_path;      /* /run/mdm-agent/agent.sock */
	const char *auth_socket_path; /* of pam_mdm.so; NULL: auth.sock beside it */
	const char *verify_program;   /* mdm-agent-verify */
	const char *pam_check_program;
	const char *cryptsetup_program; /* NULL: that of sysroot */
	const char *wipe_program;	/* mdm-agent-wipe */
	const char *guard_program;	/* mdm-agent-guard */
	const char *guard_socket;	/* where it connects; NULL: guard.sock beside it */
	const char *apps_program;	/* mdm-agent-apps */
	const char *apk_program;	/* for it; NULL: that of sysroot */
	const char *flatpak_program;	/* likewise */
	const char *sysroot;		/* "/" but for tests */
	const char *net_program;
	const char *net_user;
	const char
		*identity_key; /* URI of a key in hardware for the next enrolment; NULL: a file */
	const char *session_program;
	const char *runtime_dir; /* where users' buses are: /run/user */
	const char *zero_touch;	 /* file of an image with a ticket, below the sysroot */
	const char *admin_group; /* may act through agentctl, besides root */
	bool verbose;
	bool json; /* what is shown, as JSON */
};

/* Trouble that lasts; shown by `agentctl status` until it is over. */
enum problem {
	PROBLEM_STATE,	 /* the state directory cannot be written */
	PROBLEM_JOURNAL, /* the journal cannot be written */
	PROBLEM_JOURNAL_DAMAGED,
	PROBLEM_FACTS,	  /* damaged facts were found at the start */
	PROBLEM_DOCUMENT, /* a stored document was damaged */
	PROBLEM_CLOCK,
	PROBLEM_CERTIFICATE, /* of the phone: expired or about to */
	PROBLEM_KEYSET,	     /* expired or about to */
	PROBLEM_CLONE,	     /* this state directory was made on another device */
	PROBLEM_CHECKIN,     /* the last exchange failed */
	PROBLEM_SANDBOX,     /* the kernel lacks something */
	PROBLEM_WAKE_DEVICE, /* a sleeping phone cannot be woken up as the policy wants */
	PROBLEM_ZERO_TOUCH,  /* the image wants an enrolment that does not come about */
	PROBLEM_COMMANDS,    /* cannot be recorded, so none is carried out */
	PROBLEM_COMMANDS_DAMAGED,
	PROBLEM_PASSWORDS, /* attempts cannot be judged */
	PROBLEM_ATTEMPTS,  /* they cannot be stored */
	PROBLEM_GUARD,	   /* the start of programs is not judged, though it should be */
	PROBLEM_PLACES,	   /* what was kept of places or profiles was damaged */
	PROBLEM_MAX,
};

struct problem_text {
	char what[LIMIT_TEXT_BYTES + 1]; /* "" : no problem */
	char advice[LIMIT_TEXT_BYTES + 1];
};

struct local;	       /* agent/enforcer/local.h */
struct wake;	       /* agent/enforcer/wake.h */
struct renewal;	       /* agent/enforcer/renewal.h */
struct zerotouch;      /* agent/enforcer/zerotouch.h */
struct auth;	       /* agent/enforcer/auth.h */
struct unlock_code;    /* agent/enforcer/unlock_code.h */
struct recovery;       /* agent/enforcer/recovery.h */
struct empty_trials;   /* agent/enforcer/empty_trials.h */
struct wipe;	       /* agent/enforcer/wipe.h */
struct apps_inventory; /* agent/enforcer/apps_inventory.h */
struct apps_work;      /* agent/enforcer/apps_work.h */
struct guard_host;     /* agent/enforcer/guard_host.h */
struct places;	       /* agent/enforcer/places.h */

struct enforcer {
	struct enforcer_options options;
	sd_event *event;
	struct state state;
	struct journal *journal; /* NULL: could not be opened, see problems */
	struct documents documents;
	struct platform platform;
	int sysroot_fd, vault_fd;
	int lock_fd; /* the state directory, locked against a second agent */
	struct reconcile reconcile;
	struct report report;

	struct pacing pacing;
	struct reactions *reactions; /* NULL: nothing is known of the device */
	bool wake_device;	     /* the policies in force want a sleeping phone woken up */
	struct exchange_options exchange_options;
	struct exchange *exchange; /* NULL: none under way */
	sd_event_source *checkin_timer;
	bool checkin_candidate;	  /* the one under way is with the renewed certificate */
	bool checkin_pending;	  /* waits for the round that looks at the phone first */
	bool checkin_after_round; /* documents came: report what they led to */
	int64_t last_success_s;	  /* wall clock of the last good check-in; 0: none in this run */
	char last_error[LIMIT_TEXT_BYTES + 1];
	enum ctl_code last_error_code;
	uint64_t last_bytes_up, last_bytes_down; /* HTTP of the last good exchange */
	struct msg_net_facts net_facts;
	bool has_net_facts;
	struct renewal *renewal;
	bool ready; /* the rules were looked at since the start */
	sd_event_source *ready_timer;
	bool clone;			  /* this state directory was made on another device */
	enum clock_verdict clock_verdict; /* last one noted */
	int64_t server_date_s, server_date_at_us; /* last authenticated date of this boot */

	struct zerotouch *zerotouch; /* NULL: nothing to do by itself */
	int64_t keyset_told;	     /* version whose end the journal tells of; 0: none */
	bool keyset_told_expired;
	struct ticket ticket;	       /* of the enrolment under way; wiped afterwards */
	struct effects effects;	       /* of the running command */
	struct session_call *reminder; /* under way; agent/enforcer/reminder.h */
	struct log_ring log;	       /* what was said last, for diagnostics */
	struct commands *commands;
	struct wake *wake;
	struct local *local;
	char auth_socket_path[LIMIT_SOCKET_BYTES + 1];
	struct auth *auth;		 /* NULL: passwords are none of the agent's business */
	struct unlock_code *unlock_code; /* NULL: there are no codes */
	struct recovery *recovery;	 /* NULL: no recovery keys are made */
	struct wipe *wipe;		 /* NULL: none was ordered */
	struct guard_host *guard;	 /* NULL: there is none */
	struct apps_work *apps_work;	 /* NULL: nothing can be installed or removed */
	struct apps_inventory *apps;	 /* NULL: nothing is known of apps */
	struct places *places;		 /* NULL: nothing is known of places, no profile acts */
	struct empty_trials *trials;	 /* NULL: they are forgotten at the end of the process */
	struct problem_text problems[PROBLEM_MAX];
};

/* Runs until SIGTERM or SIGINT. Returns the exit status. */
int enforcer_run(const struct enforcer_options *options);

/* What came of writing to the state directory is a problem, or the end of one. Returns r. */
int enforcer_note_written(struct enforcer *e, int r);

/* what NULL: the problem is over. */
void enforcer_problem(struct enforcer *e, enum problem problem, const char *advice,
	const char *what_format, ...) _printf_(4, 5);

/* Saves facts, noting PROBLEM_STATE. */
void enforcer_save(struct enforcer *e);
void enforcer_journal(struct enforcer *e, enum journal_type type, struct buf *payload);

/* Judges the wall clock and notes or ends PROBLEM_CLOCK. */
void enforcer_check_clock(struct enforcer *e);
enum clock_verdict enforcer_clock_verdict(const struct enforcer *e);

/* The rules of the policies in force, their conditions judged now. */
void enforcer_checkin_rules(struct enforcer *e, struct checkin_rules *ret_rules);

/* Tells pacing the interval of the policies in force on the link in use. */
void enforcer_configure_pacing(struct enforcer *e);

/* Keeps a sent report verbatim for `agentctl privacy`. */
void enforcer_keep_report(struct enforcer *e, const char *report, size_t n_bytes);

/* Group of the peer's process that may act; -1: there is no such group on this system. */
int64_t enforcer_admin_gid(const struct enforcer *e);

#endif
