/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - mdm-server: courier and certificate authority for phones that run mdm-agent. One
 * process, one thread, one loop; any user. It holds no key that signs documents. What the command
 * line asks for is chosen here; run.c has the server.
 */
#include <errno.h>
#include <sys/stat.h>

#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/process.h"
#include "server/audit.h"
#include "server/backup.h"
#include "server/config.h"
#include "server/run.h"

#define MAIN_EXIT_CONFIG 2 /* no use in starting again before somebody changes something */

static int main_print(const struct buf *out)
{
	if (out->error || fwrite(out->data, 1, out->n_bytes, stdout) != out->n_bytes ||
		fflush(stdout) != 0) {
		log_error("cannot write to standard output");
		return 1;
	}
	return 0;
}

static int main_help(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	config_help(&out);
	return main_print(&out);
}

static int main_show(const struct config *config, const struct config_command *command)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	config_show(config, command->file ? command->file : CONFIG_FILE, &out);
	return main_print(&out);
}

/* The settings are well; are the keys and certificates they lead to? */
static int main_check(const struct config *config)
{
	struct pki_problem problem;
	struct pki pki;

	if (pki_load(config->state, config->client_ca, clock_realtime_s(), &pki, &problem) < 0) {
		log_error("%s", problem.message);
		return MAIN_EXIT_CONFIG;
	}
	pki_done(&pki);
	puts("mdm-server: the configuration, keys and certificates are well");
	return 0;
}

static int main_audit(const struct config *config, const struct config_command *command)
{
	if (!config->state) {
		log_error("--state DIR is needed: the directory with mdm.db");
		return MAIN_EXIT_CONFIG;
	}
	return command->action == CONFIG_AUDIT_VERIFY
		       ? audit_main_verify(config->state, command->known)
		       : audit_main_export(config->state);
}

static int main_copy(const struct config *config, const struct config_command *command)
{
	bool backup = command->action == CONFIG_BACKUP;
	const char *file = backup ? command->output : command->from;
	struct backup_result result;
	int r;

	if (!config->state || !file) {
		log_error("%s", backup ? "backup needs --state DIR and --output FILE"
				       : "restore needs --state NEWDIR and --from FILE");
		return MAIN_EXIT_CONFIG;
	}
	umask(077);
	r = backup ? backup_make(config->state, file, &result)
		   : backup_restore(config->state, file, &result);
	if (r < 0) {
		log_error("%s", result.message);
		return 1;
	}
	printf("mdm-server: %s\n", result.message);
	return 0;
}

static int main_run(int argc, char **argv, struct config *config)
{
	/* It starts no programs; who takes it over starts none that would gain anything. */
	if (process_gain_nothing() < 0) {
		log_error("the kernel does not let this process give up privileges to come; "
			  "mdm-server needs Linux 3.5 or later");
		config_done(config);
		return 1;
	}
	return run_server(argc, argv, config); /* takes the settings over */
}

static int main_act(int argc, char **argv, const struct config_command *command)
{
	_cleanup_buf_ struct buf problems = BUF_INIT, warnings = BUF_INIT;
	struct config config;
	int r = config_load(argc, argv, &config, &problems, &warnings);

	run_log_lines(LOG_LEVEL_WARNING, &warnings);
	if (r < 0) {
		run_log_lines(LOG_LEVEL_ERROR, &problems);
		if (r == -ENOMEM)
			log_error("out of memory");
		return MAIN_EXIT_CONFIG;
	}
	log_setup("mdm-server", (enum log_level)config.log_level);
	if (command->action == CONFIG_RUN)
		return main_run(argc, argv, &config);
	if (command->action == CONFIG_AUDIT_VERIFY || command->action == CONFIG_AUDIT_EXPORT)
		r = main_audit(&config, command);
	else if (command->action == CONFIG_SHOW)
		r = main_show(&config, command);
	else if (command->action == CONFIG_CHECK)
		r = main_check(&config);
	else
		r = main_copy(&config, command);
	config_done(&config);
	return r;
}

int main(int argc, char **argv)
{
	struct config_command command;
	char problem[256];

	log_setup("mdm-server", LOG_LEVEL_INFO);
	if (config_command_parse(argc, argv, &command, problem) < 0) {
		log_error("%s; \"mdm-server --help\" says more", problem);
		return MAIN_EXIT_CONFIG;
	}
	switch (command.action) {
	case CONFIG_HELP:
		return main_help();
	case CONFIG_VERSION:
		puts("mdm-server " MDM_VERSION);
		return 0;
	case CONFIG_RUN:
	case CONFIG_CHECK:
	case CONFIG_SHOW:
	case CONFIG_BACKUP:
	case CONFIG_RESTORE:
	case CONFIG_AUDIT_VERIFY:
	case CONFIG_AUDIT_EXPORT:
		break;
	}
	return main_act(argc, argv, &command);
}
