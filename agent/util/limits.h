/* SPDX-License-Identifier: Apache-2.0 */
/*
 * limits.h - the limits on input that comes from outside a process, with their reasons.
 *
 * One header, so that a reviewer sees at a glance how large hostile input can get. Each limit has
 * a test one step above it (tests/unit mirrors the file that enforces it). The limits of
 * mdm-server's own HTTP layer (heads, connections, deadlines) and of what it keeps of a report are
 * in server/bounds.h: nothing on a phone enforces or even sees them, and agent/ knows nothing of
 * server/. What both ends must agree on (sizes of bodies, rows of a page) is here.
 */
#ifndef MDM_UTIL_LIMITS_H
#define MDM_UTIL_LIMITS_H

/* Documents (compact JWS lines). A policy of 200 profiles with 20 settings each is about 40 KiB. */
#define LIMIT_PAYLOAD_BYTES (64 * 1024)	   /* decoded payload */
#define LIMIT_HEADER_BYTES 512		   /* decoded JOSE header: alg, kid, typ and nothing else */
#define LIMIT_SIGNATURE_BYTES 64	   /* Ed25519 and ES256 are both exactly 64 */
#define LIMIT_DOCUMENT_LINES 8		   /* signatures on one document */
#define LIMIT_DOCUMENT_BYTES (704 * 1024)  /* 8 lines of the largest payload in base64url */
#define LIMIT_RESPONSE_BYTES (1024 * 1024) /* body of one check-in answer */
#define LIMIT_RESPONSE_DOCUMENTS 32	   /* documents in one check-in answer */

/* JSON, wherever it is parsed. json-c recurses once per level. */
#define LIMIT_JSON_DEPTH 16
#define LIMIT_JSON_MEMBERS 4096 /* members and elements in one document, all levels together */
#define LIMIT_JSON_LISTING                                                                         \
	20480 /* of an answer with a full list of apps: 18 for each, and the rest */
/* Of a file with geometry: 3 for each of LIMIT_GEO_VERTICES, or 4 where they have a height. */
#define LIMIT_JSON_GEOMETRY 81920

/* Keyset: an organisation of 32 key holders is a large one. */
#define LIMIT_KEYSET_KEYS 32
#define LIMIT_THRESHOLD LIMIT_DOCUMENT_LINES

/* Identifiers: streams (groups), profiles, key names; [A-Za-z0-9._-] only. */
#define LIMIT_NAME_BYTES 64
#define LIMIT_TEXT_BYTES 256	   /* one line meant for people: names, reasons */
#define LIMIT_ASSIGNMENT_GROUPS 16 /* streams one phone may follow */

/* Policy. */
#define LIMIT_PROFILES 256	/* profiles in one policy */
#define LIMIT_WHEN_DEPTH 8	/* nesting of all/any/not */
#define LIMIT_WHEN_NODES 64	/* conditions in one profile */
#define LIMIT_STRING_SET 256	/* elements of one set-valued setting */
#define LIMIT_ACTIONS 8		/* of one profile; there are five kinds, each once */
#define LIMIT_PLACES 64		/* of one policy */
#define LIMIT_PLACE_NETWORKS 64 /* of one place: the access points of a site */
/* Fences of one policy in memory: a few kilobytes of edges round half the Earth would take a
 * hundred times that. What fits a document in edges of some kilometres takes less than half. */
#define LIMIT_PLACES_BYTES (16 * 1024 * 1024)
/* A track of a year, a point each minute. */
#define LIMIT_GPX_BYTES (64 * 1024 * 1024)
#define LIMIT_GPX_POINTS 525600
#define LIMIT_GPX_DEPTH 32
/* A file that places are read from: the points of the largest fence, as programs write them. */
#define LIMIT_PLACE_FILE_BYTES (8 * 1024 * 1024)
#define LIMIT_UNSUPPORTED 64 /* unknown areas and settings remembered for the report */

/* Ticket, as text, mdm:// URI or QR (a version 20 code at level M holds 970 characters). */
#define LIMIT_TICKET_BYTES 960
#define LIMIT_URL_BYTES 256
#define LIMIT_TICKET_PINS 2 /* two CA keys, so that one can be replaced */

/* EST answers: a chain of a few certificates. */
#define LIMIT_EST_BYTES (64 * 1024)
#define LIMIT_EST_CERTIFICATES 8
#define LIMIT_PEM_BYTES (64 * 1024) /* key, certificate and CA files of the net role */

/* HTTP as the net role accepts it. */
#define LIMIT_HTTP_HEADER_BYTES (16 * 1024) /* all header lines of one answer */
#define LIMIT_EXCHANGE_SECONDS 120	    /* one exchange, from fork to exit */

/* The wake channel: a long poll; middleboxes forget idle connections after minutes. */
#define LIMIT_WAIT_SECONDS 900

/* Commands. An administrator sends a phone a few a day; ids are remembered until they expired. */
#define LIMIT_COMMANDS 64 /* remembered on the phone, and waiting at the server, per phone */
#define LIMIT_COMMAND_PAYLOAD_BYTES 8192
#define LIMIT_COMMAND_ARGUMENTS 8
#define LIMIT_COMMAND_TEXT_BYTES 512 /* a message for the user */
#define LIMIT_COMMAND_VALID_S (30 * 24 * 3600)
#define LIMIT_DESTRUCTIVE_VALID_S (60 * 60)
#define LIMIT_DIAGNOSTICS_BYTES (128 * 1024)

/* Passwords, as whoever authenticates people sees them. */
#define LIMIT_USER_BYTES 32	 /* name of an account, as shadow's tools allow */
#define LIMIT_SERVICE_BYTES 64	 /* name of a PAM service */
#define LIMIT_PASSWORD_BYTES 512 /* PAM_MAX_RESP_SIZE */
/* Second field of shadow(5); yescrypt needs 73, SHA-512 at most 123. */
#define LIMIT_HASH_BYTES 255
#define LIMIT_PASSWORD_HISTORY 24 /* earlier hashes of one account */
#define LIMIT_VERIFY_SECONDS 20	  /* one password: 25 hashes on a slow phone */
#define LIMIT_ACCOUNTS 16	  /* that are counted apart; a phone has two */
#define LIMIT_PASSWORD_RULES 16
#define LIMIT_UNLOCK_CODES 8 /* codes that are right at one moment: the next few counters */
#define UNLOCK_CODE_DIGITS 8

/* Sealed secrets, on the phone and at the server. */
#define LIMIT_ESCROW_CERTIFICATES 4 /* that one secret is sealed to */
#define LIMIT_RECOVERY_VOLUMES 8    /* LUKS volumes of one phone; it has one, rarely three */
/* Secrets in one report: of codes and of each volume the one in force and the next. */
#define LIMIT_ESCROW_ENTRIES (2 + 2 * LIMIT_RECOVERY_VOLUMES)
#define LIMIT_ESCROW_BYTES 4096 /* one sealed secret; four of the largest keys need 3200 */

/* Hardware numbers (serial, IMEI) as zero-touch sends them. */
#define LIMIT_HARDWARE_BYTES 64

/* Check-in pacing: hints from the server are clamped to this range. */
#define LIMIT_INTERVAL_MIN_S 60
#define LIMIT_INTERVAL_MAX_S (7 * 24 * 3600)

/* Reports. */
#define LIMIT_REPORT_BYTES (256 * 1024)
#define LIMIT_REPORT_EVENTS 64 /* events in one report; the rest follows in the next */

/* Journal. */
#define LIMIT_JOURNAL_BYTES (1024 * 1024) /* file, before compaction */
#define LIMIT_JOURNAL_RECORD_BYTES 4096	  /* payload of one record */

/* State files of the enforcer. */
#define LIMIT_STATE_BYTES (1024 * 1024)

/* Sets of keyslots whose trial is remembered; a phone has one or two at a time. */
#define LIMIT_EMPTY_TRIALS 32

/* Local requests. */
#define LIMIT_LOCAL_CLIENTS 16 /* connections to the local socket at once */
#define LIMIT_LOCAL_ANSWER_BYTES (2 * 1024 * 1024)
#define LIMIT_LOCAL_IDLE_SECONDS 10 /* until a silent client is dropped */
#define LIMIT_SOCKET_BYTES 107	    /* path of a socket, unix(7) */

/* People at the phone. */
#define LIMIT_SESSIONS 64 /* that one lock waits for; a phone has one or two */

/* The log lines that diagnostics may carry. */
#define LIMIT_LOG_LINES 64
#define LIMIT_LOG_LINE_BYTES 240

/* External programs. */
#define LIMIT_CHILD_INPUT_BYTES 4096 /* standard input; a notification is the longest */
#define LIMIT_CHILD_OUTPUT_BYTES (64 * 1024)
#define LIMIT_CHILD_SECONDS 20
#define LIMIT_CHILD_SECRETS 2 /* a passphrase that opens and one that is added */
/* As long as a password may be; a pipe holds 4096 bytes even where a user has too many of them. */
#define LIMIT_CHILD_SECRET_BYTES 512

/* Files of the system that the platform layer reads. */
#define LIMIT_PLATFORM_FILE_BYTES (1024 * 1024) /* keyfiles, dconf databases */
/*
 * Mounts: fusermount(1) lets users make 1,000, at paths as long as they like, a line then has up to
 * 16 KiB; udisks lets them mount images. What a system is made of is kept in any case.
 */
#define LIMIT_MOUNTINFO_BYTES (32 * 1024 * 1024)
#define LIMIT_MOUNTS 4096
#define LIMIT_BLOCK_DEPTH 16	      /* layers below one file system */
#define LIMIT_BLOCK_CRYPTS 16	      /* dm-crypt devices below all file systems; a phone has one */
#define LIMIT_BLOCK_NODES 256	      /* block devices visited for one file system */
#define LIMIT_DCONF_SOURCES 16	      /* databases in one dconf profile */
#define LIMIT_OVERRIDE_DIRECTORIES 16 /* directories made for one overridden file */
#define LIMIT_PAM_SERVICES 128	      /* PAM service files; a large system has 60 */
#define LIMIT_PAM_FILE_BYTES (64 * 1024)
/*
 * The metadata of LUKS2 as cryptsetup prints it. All 32 keyslots in use take 17 KiB, tokens of a
 * TPM 2 KiB each; on the disk it has 12 KiB unless somebody asked for up to 4 MiB.
 */
#define LIMIT_LUKS_JSON_BYTES (64 * 1024)

/* Apps. A full desktop of Alpine has 1,200 packages, 30,000 files, 2.4 MB of database. */
#define LIMIT_APK_DB_BYTES (32 * 1024 * 1024)
#define LIMIT_APK_PACKAGES 16384
#define LIMIT_APK_NAMES (256 * 1024)  /* names that packages have or provide: 10 each */
#define LIMIT_APK_NEEDS (1024 * 1024) /* dependencies of all packages; 1,200 have 15,000 */
#define LIMIT_APK_WORLD_BYTES (64 * 1024)
#define LIMIT_APPS 1024 /* apps in the inventory; a phone has fifty */
#define LIMIT_FLATPAK_REMOTES 64
#define LIMIT_FLATPAK_FILE_BYTES (256 * 1024) /* deploy, metadata, config; each has a few KiB */
#define LIMIT_FLATPAK_ENTRIES 16384	      /* names in all directories of apps */
/* Of one home, so that nobody's takes from the system, from others, or from the agent's time. */
#define LIMIT_FLATPAK_HOME_APPS 128
#define LIMIT_FLATPAK_HOME_ENTRIES 2048
#define LIMIT_FLATPAK_HOME_BYTES (4 * 1024 * 1024) /* read of all its files */
#define LIMIT_DESKTOP_BYTES (64 * 1024)		   /* one desktop entry in a hundred languages */
#define LIMIT_DESKTOP_ENTRIES 4096		   /* of all directories; a full desktop has 300 */
#define LIMIT_DESKTOP_NAMES 16			   /* values of XDG_CURRENT_DESKTOP */
/* Homes: names looked at in all of them, bytes of the paths waiting to be, directories below. */
#define LIMIT_HOME_ENTRIES (256 * 1024)
#define LIMIT_HOME_WAITING_BYTES (512 * 1024)
#define LIMIT_HOME_DEPTH 16
#define LIMIT_APPS_FOUND 64 /* executables in homes that are named; the rest is counted */
/* The section of the report, written out; it shares LIMIT_REPORT_BYTES with all others. */
#define LIMIT_APPS_SECTION_BYTES (160 * 1024)
#define LIMIT_APPS_ITEMS 4096 /* wishes of one plan; patterns of blocked can fit many */
#define LIMIT_APPS_BANS 2048  /* of them: what is more waits for the next plan */
/* Packages and Flatpaks that one job takes out; what is more is done by the next one. */
#define LIMIT_APPS_PORTION 256
#define LIMIT_APPS_PORTION_BYTES (16 * 1024)
#define LIMIT_APPS_PORTION_FLATPAKS 64
/*
 * Dependencies of the virtual package: one line of apk's database, of which no apk reads more than
 * 128 KiB. With a longer one it reads nothing any more, and installs and repairs nothing.
 */
#define LIMIT_APPS_POLICY_BYTES (64 * 1024)
#define LIMIT_APPS_BAN_BYTES (48 * 1024) /* of them; the rest is for what is required */
#define LIMIT_APPS_STEPS 512		 /* steps of one job */
#define LIMIT_APPS_JOB_BYTES (256 * 1024)
#define LIMIT_APPS_OUTCOMES 2048 /* items and steps that a job can say something of */
#define LIMIT_APPS_PROGRESS_BYTES (1280 * 1024) /* 2,048 of the longest */
#define LIMIT_APPS_OUTPUT_BYTES (256 * 1024)	/* what is kept of what a package manager says */
#define LIMIT_APPS_SIMULATIONS 128		/* to find which words of a policy cannot be had */
#define LIMIT_APPS_PATTERN_TERMS 6		/* one of each kind */
#define LIMIT_APK_VARIABLES 16 /* of files with repositories; a distribution has one */
#define LIMIT_APK_COMPONENTS 8 /* of one line */
#define LIMIT_APK_SOURCES 64   /* files with repositories, keys, remotes: of each */

/* The guard's table. A desktop has 5,000 files that can be executed. */
#define LIMIT_GUARD_INODES (256 * 1024)
#define LIMIT_GUARD_PATHS 65536
#define LIMIT_GUARD_HASHES 256 /* as many as a list has patterns */
/* File systems: whoever may mount images (udisks) makes dozens, and those beyond are not judged. */
#define LIMIT_GUARD_DEVICES 256
#define LIMIT_GUARD_OWNERS_BYTES (1024 * 1024)
/* Mounts whose parents are known. */
#define LIMIT_GUARD_MOUNTS LIMIT_MOUNTS
#define LIMIT_GUARD_FILESYSTEMS 512		   /* watched at once */
#define LIMIT_GUARD_ANSWER_MS (60 * 1000)	   /* patience with one verdict */
#define LIMIT_GUARD_HASH_BYTES (256 * 1024 * 1024) /* of a program; the largest AppImages */
#define LIMIT_GUARD_HASH_MS (10 * 1000)		   /* until it is given up */
#define LIMIT_GUARD_FDS 256			   /* of each of its processes */
#define LIMIT_GUARD_HASHING 64			   /* programs that wait for that at once */

/* Places. The outline of a large city has some thousand vertices. */
#define LIMIT_GEO_SHAPES 256	 /* of one fence */
#define LIMIT_GEO_RINGS 1024	 /* of one fence */
#define LIMIT_GEO_VERTICES 16384 /* of one fence; edges have numbers of 16 bits, up to two each */
/* Of one fence, into which long edges are cut: 10,000 edges of 500 km. */
#define LIMIT_GEO_PIECES 65536
#define LIMIT_GEO_RADIUS_MIN_M 10      /* no position is known better */
#define LIMIT_GEO_RADIUS_MAX_M 1000000 /* as far as distances are as good as exact */
#define LIMIT_GEO_ACCURACY_M 1000000   /* of a position that still says something */

/* The plan of a wipe: a phone has one or two containers. */
#define LIMIT_WIPE_DEVICES 16
#define LIMIT_WIPE_TPM_HANDLES 16
#define LIMIT_WIPE_PATH_BYTES 255
#define LIMIT_WIPE_PLAN_BYTES 8192
#define LIMIT_WIPE_LINGER_SECONDS 60
#define LIMIT_WIPE_AREA_BYTES (64 * 1024 * 1024) /* header and key slots of one container */

/* Where the phone is. */
#define LIMIT_DECIMAL_BYTES 32 /* one number */
#define LIMIT_NMEA_BYTES 160   /* one sentence: 82 by the standard, proprietary ones are longer */
/* One line of gpsd: with all satellites in sight SKY has some 8 KiB. */
#define LIMIT_GPSD_LINE_BYTES (16 * 1024)
#define LIMIT_GEOLOCATION_BYTES 4096 /* /etc/geolocation: four numbers and comments */
/* gschemas.compiled: that of a full GNOME has a megabyte. */
#define LIMIT_SCHEMAS_BYTES (8 * 1024 * 1024)
#define LIMIT_WIFI_POINTS 512 /* access points that one answer of NetworkManager is read for */
#define LIMIT_MODEM_NMEA_BYTES (16 * 1024) /* what ModemManager has of one receiver */

/* mdm-server. */
#define LIMIT_SERVER_TICKETS_BYTES (64 * 1024) /* one admin request that is not a document */
#define LIMIT_SERVER_CSR_BYTES (16 * 1024)
#define LIMIT_SERVER_PAGE 500 /* rows in one answer of the admin API */

#endif
