/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h - the verbs of mdmctl: one table (command_table.c), and a handler each in cmd_*.c. */
#ifndef MDM_MDMCTL_COMMANDS_H
#define MDM_MDMCTL_COMMANDS_H

#include "server/ctl/ctl.h"

#define COMMANDS_MAX 128 /* rows that suggestions look at */

/* Options every command knows. */
extern const struct option_row command_options[];

/* The table; ended by a row without name. */
extern const struct command_row commands[];

/* Runs argv as mdmctl; prints results to out and faults to err. Returns the exit code. */
int commands_run(int argc, const char *const *argv, FILE *out, FILE *err);

int cmd_init(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_ticket_new(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_ticket_list(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_device_list(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_device_apps(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_device_show(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_policy_new(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_policy_check(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_policy_sign(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_policy_cosign(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_policy_push(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_policy_show(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_place_import(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_document_remove(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_assign(struct ctl *ctl, const struct args *args, struct fault *fault);
/* The verbs with their arguments, for the help of "command". */
void command_help_verbs(FILE *out);
int cmd_command(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_command_cosign(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_command_push(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_command_list(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_command_show(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_command_cancel(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_command_approve(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_command_reject(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_device_diagnostics(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_device_withdraw(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_unlock_code(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_escrow_init(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_escrow_show(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_audit_list(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_audit_verify(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_hardware_add(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_hardware_list(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_hardware_remove(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_events(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_key_list(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_key_give(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_key_passphrase(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_key_new(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_key_rotate(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_key_revoke(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_key_forget(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_draft(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_renew(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_threshold(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_sign(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_cosign(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_import(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_push(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_phones(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_ca_list(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_ca_new(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_ca_switch(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_ca_retire(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_admin_new(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_admin_renew(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_keyset_show(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_cert_renew(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_config_set(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_config_show(struct ctl *ctl, const struct args *args, struct fault *fault);
int cmd_status(struct ctl *ctl, const struct args *args, struct fault *fault);

#endif
