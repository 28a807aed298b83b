/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_file.h - the configuration file of mdm-server: lines "name value". A '#' at the beginning
 * of a line or behind white space begins a comment. mdm-server only.
 */
#ifndef MDM_SERVER_CONFIG_FILE_H
#define MDM_SERVER_CONFIG_FILE_H

#include "server/config.h"

/*
 * Reads the text of input into config, which holds the defaults. 0, or -ENOMEM; what is wrong goes
 * to problems, "FILE:LINE: message" each, at most BOUND_CONFIG_PROBLEMS. Pure.
 */
int config_file_parse(
	const struct config_input *input, struct config *config, struct buf *problems);

#endif
