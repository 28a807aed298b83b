/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complete_shell.c - completion for bash and zsh: the same tables, and an engine for each that
 * knows the shell's ways. Runs while building.
 */
#include "tools/complete_shell.h"

#include <stdio.h>
#include <string.h>

static void shell_word(const char *word, const char *help, bool described, struct buf *out)
{
	buf_printf(out, " '%s'", word);
	/* 'word' and ':help' side by side are one word for the shell. */
	if (described) {
		buf_puts(out, "':'");
		complete_quote(help, false, out);
	}
}

/* The first words, and behind each group its second ones. */
static void shell_words(const struct complete_program *p, bool described, struct buf *out)
{
	complete_template(p, "_~_words() {\n\tcase $1 in\n\t'') found+=(", out);
	for (size_t i = 0; i < p->n_commands; i++) {
		const char *name = p->commands[i].name;
		char first[64];

		if (complete_first_seen(p, i))
			continue;
		snprintf(first, sizeof(first), "%.*s", (int)strcspn(name, " "), name);
		shell_word(first, strchr(name, ' ') ? "..." : p->commands[i].help, described, out);
	}
	buf_puts(out, ") ;;\n");
	for (size_t i = 0; i < p->n_commands; i++) {
		const char *name = p->commands[i].name;
		char first[64];

		snprintf(first, sizeof(first), "%.*s", (int)strcspn(name, " "), name);
		if (complete_first_seen(p, i) || !complete_is_group(p, first))
			continue;
		buf_printf(out, "\t%s) found+=(", first);
		for (size_t j = i; j < p->n_commands; j++) {
			const char *other = p->commands[j].name;
			size_t n = strlen(first);

			if (strncmp(other, first, n) == 0 && other[n] == ' ')
				shell_word(other + n + 1, p->commands[j].help, described, out);
		}
		buf_puts(out, ") ;;\n");
	}
	buf_puts(out, "\tesac\n}\n\n");
}

static void shell_commands(const struct complete_program *p, struct buf *out)
{
	complete_template(p, "_~_is() {\n\tcase $1 in\n", out);
	for (size_t i = 0; i < p->n_commands; i++)
		buf_printf(out, "\t'%s') return 0 ;;\n", p->commands[i].name);
	buf_puts(out, "\tesac\n\treturn 1\n}\n\n");
}

static void shell_options_of(
	const struct complete_option *options, size_t n, bool described, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		char option[64];

		snprintf(option, sizeof(option), "--%s", options[i].name);
		shell_word(option, options[i].help, described, out);
	}
}

static void shell_options(const struct complete_program *p, bool described, struct buf *out)
{
	complete_template(p, "_~_options() {\n\tcase $1 in\n", out);
	for (size_t i = 0; i < p->n_commands; i++) {
		const struct complete_command *command = &p->commands[i];

		if (!command->n_options)
			continue;
		buf_printf(out, "\t'%s') found+=(", command->name);
		shell_options_of(command->options, command->n_options, described, out);
		buf_puts(out, ") ;;\n");
	}
	buf_puts(out, "\tesac\n\tfound+=(");
	shell_options_of(p->options, p->n_options, described, out);
	buf_puts(out, ")\n}\n\n");
}

static void shell_kind(
	const struct complete_program *p, const char *command, const char *metavar, struct buf *out)
{
	_cleanup_buf_ struct buf words = BUF_INIT;

	switch (complete_kind_of(p, command, metavar, &words)) {
	case COMPLETE_FREE:
		buf_puts(out, "kind=free");
		break;
	case COMPLETE_FILE:
		buf_puts(out, "kind=file");
		break;
	case COMPLETE_DIR:
		buf_puts(out, "kind=dir");
		break;
	case COMPLETE_WORDS:
		buf_printf(out, "kind=words choices+=(%s)", words.data ? words.data : "");
		break;
	}
}

/* Patterns are words in quotes but for the star of "whatever command". */
static void shell_value_rows(const struct complete_program *p, const char *command,
	const struct complete_option *options, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		if (!options[i].metavar)
			continue;
		if (command)
			buf_printf(out, "\t'%s --%s'", command, options[i].name);
		else
			buf_printf(out, "\t*' --%s'", options[i].name);
		if (options[i].letter) {
			if (command)
				buf_printf(out, " | '%s -%c'", command, options[i].letter);
			else
				buf_printf(out, " | *' -%c'", options[i].letter);
		}
		buf_puts(out, ") ");
		shell_kind(p, command ? command : "", options[i].metavar, out);
		buf_puts(out, " ;;\n");
	}
}

static void shell_values(const struct complete_program *p, struct buf *out)
{
	complete_template(p, "_~_value() {\n\tcase \"$1 $2\" in\n", out);
	for (size_t i = 0; i < p->n_commands; i++)
		shell_value_rows(p, p->commands[i].name, p->commands[i].options,
			p->commands[i].n_options, out);
	shell_value_rows(p, NULL, p->options, p->n_options, out);
	buf_puts(out, "\tesac\n}\n\n");
	complete_template(p, "_~_takes() {\n\tcase $1 in\n", out);
	for (size_t i = 0; i <= p->n_commands; i++) {
		bool global = i == p->n_commands;
		const struct complete_option *options =
			global ? p->options : p->commands[i].options;
		size_t n = global ? p->n_options : p->commands[i].n_options;

		for (size_t j = 0; j < n; j++) {
			if (!options[j].metavar)
				continue;
			buf_printf(out, "\t--%s", options[j].name);
			if (options[j].letter)
				buf_printf(out, " | -%c", options[j].letter);
			buf_puts(out, ") return 0 ;;\n");
		}
	}
	buf_puts(out, "\tesac\n\treturn 1\n}\n\n");
}

static void shell_operands(const struct complete_program *p, struct buf *out)
{
	complete_template(p, "_~_operand() {\n\tcase \"$1 $2\" in\n", out);
	for (size_t i = 0; i < p->n_commands; i++) {
		const struct complete_command *command = &p->commands[i];

		for (size_t n = 0;; n++) {
			_cleanup_buf_ struct buf metavar = BUF_INIT;
			bool repeats;

			if (!complete_operand(command, n, &metavar, &repeats))
				break;
			if (repeats)
				buf_printf(out, "\t'%s '[0-9]*) ", command->name);
			else
				buf_printf(out, "\t'%s %zu') ", command->name, n);
			shell_kind(p, command->name, metavar.data ? metavar.data : "", out);
			buf_puts(out, " ;;\n");
		}
	}
	buf_puts(out, "\tesac\n}\n\n");
}

void complete_tables(const struct complete_program *program, bool described, struct buf *out)
{
	shell_words(program, described, out);
	shell_commands(program, out);
	shell_options(program, described, out);
	shell_values(program, out);
	shell_operands(program, out);
}

/* Readline splits at '=', so that --name=value is three words. */
static const char bash_engine[] =
	"_~() {\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev='' option='' kind='' command='' word i n\n"
	"\tlocal -a said=() found=() choices=()\n"
	"\tCOMPREPLY=()\n"
	"\t((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"\tif [[ $cur == = ]]; then\n"
	"\t\toption=$prev cur=''\n"
	"\telif [[ $prev == = ]]; then\n"
	"\t\toption=${COMP_WORDS[COMP_CWORD - 2]}\n"
	"\telif _~_takes \"$prev\"; then\n"
	"\t\toption=$prev\n"
	"\tfi\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\tcase $word in\n"
	"\t\t=) i=$((i + 1)) ;;\n"
	"\t\t-*) [[ ${COMP_WORDS[i + 1]} == = ]] || ! _~_takes \"$word\" || i=$((i + 1)) ;;\n"
	"\t\t*) said+=(\"$word\") ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tif [[ ${said[0]} == help && $cur != -* ]] && _~_is help; then\n"
	"\t\tcase ${#said[@]} in\n"
	"\t\t1) _~_words '' ;;\n"
	"\t\t2) _~_words \"${said[1]}\" ;;\n"
	"\t\tesac\n"
	"\telse\n"
	"\t\tn=${#said[@]}\n"
	"\t\tif ((n > 1)) && _~_is \"${said[0]} ${said[1]}\"; then\n"
	"\t\t\tcommand=\"${said[0]} ${said[1]}\" said=(\"${said[@]:2}\")\n"
	"\t\telif ((n > 0)) && _~_is \"${said[0]}\"; then\n"
	"\t\t\tcommand=${said[0]} said=(\"${said[@]:1}\")\n"
	"\t\tfi\n"
	"\t\tif [[ $option ]]; then\n"
	"\t\t\t_~_value \"$command\" \"$option\"\n"
	"\t\telif [[ $cur == -* ]]; then\n"
	"\t\t\t_~_options \"$command\"\n"
	"\t\telif ((n == 0)); then\n"
	"\t\t\t_~_words ''\n"
	"\t\telse\n"
	"\t\t\tif ((n == 1)); then _~_words \"${command:-${said[0]}}\"; fi\n"
	"\t\t\tif [[ $command ]]; then _~_operand \"$command\" ${#said[@]}; fi\n"
	"\t\tfi\n"
	"\tfi\n"
	"\tcase $kind in\n"
	"\tfile) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
	"\tdir) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
	"\tesac\n"
	"\t[[ $kind != file && $kind != dir ]] || compopt -o filenames 2>/dev/null\n"
	"\tfor word in \"${found[@]}\" \"${choices[@]}\"; do\n"
	"\t\t[[ $word != \"$cur\"* ]] || COMPREPLY+=(\"$word\")\n"
	"\tdone\n"
	"\t[[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null\n"
	"}\n";

void complete_bash(const struct complete_program *program, struct buf *out)
{
	buf_printf(out,
		"# SPDX-License-Identifier: Apache-2.0\n"
		"# Completion of %s for bash, made from the program's tables; do not edit.\n\n",
		program->name);
	complete_tables(program, false, out);
	complete_template(program, bash_engine, out);
	complete_template(program, "complete -F _~ ", out);
	buf_printf(out, "%s\n", program->name);
}

static const char zsh_engine[] =
	"_~() {\n"
	"\tlocal cur=$words[CURRENT] option='' kind='' command='' word\n"
	"\tlocal -a said found choices\n"
	"\tinteger i n\n"
	"\tif [[ $cur == --*=* ]]; then\n"
	"\t\toption=${cur%%=*}\n"
	"\t\tcompset -P 1 '*='\n"
	"\telif (( CURRENT > 2 )) && _~_takes \"$words[CURRENT-1]\"; then\n"
	"\t\toption=$words[CURRENT-1]\n"
	"\tfi\n"
	"\tfor ((i = 2; i < CURRENT; i++)); do\n"
	"\t\tword=$words[i]\n"
	"\t\tcase $word in\n"
	"\t\t--*=*) ;;\n"
	"\t\t-*) if _~_takes \"$word\"; then (( i++ )); fi ;;\n"
	"\t\t*) said+=(\"$word\") ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tn=$#said\n"
	"\tif [[ $said[1] == help && $cur != -* ]] && _~_is help; then\n"
	"\t\tcase $n in\n"
	"\t\t1) _~_words '' ;;\n"
	"\t\t2) _~_words \"$said[2]\" ;;\n"
	"\t\tesac\n"
	"\telse\n"
	"\t\tif (( n > 1 )) && _~_is \"$said[1] $said[2]\"; then\n"
	"\t\t\tcommand=\"$said[1] $said[2]\"\n"
	"\t\t\tshift 2 said\n"
	"\t\telif (( n > 0 )) && _~_is \"$said[1]\"; then\n"
	"\t\t\tcommand=$said[1]\n"
	"\t\t\tshift said\n"
	"\t\tfi\n"
	"\t\tif [[ -n $option ]]; then\n"
	"\t\t\t_~_value \"$command\" \"$option\"\n"
	"\t\telif [[ $cur == -* ]]; then\n"
	"\t\t\t_~_options \"$command\"\n"
	"\t\telif (( n == 0 )); then\n"
	"\t\t\t_~_words ''\n"
	"\t\telse\n"
	"\t\t\tif (( n == 1 )); then _~_words \"${command:-$said[1]}\"; fi\n"
	"\t\t\tif [[ -n $command ]]; then _~_operand \"$command\" $#said; fi\n"
	"\t\tfi\n"
	"\tfi\n"
	"\tlocal result=1\n"
	"\tcase $kind in\n"
	"\tfile) _files && result=0 ;;\n"
	"\tdir) _files -/ && result=0 ;;\n"
	"\tesac\n"
	"\tif (( $#choices )); then\n"
	"\t\tcompadd -S ' ' -- ${choices:#*=} && result=0\n"
	"\t\tcompadd -S '' -- ${(M)choices:#*=} && result=0\n"
	"\tfi\n"
	"\tif (( $#found )); then _describe -t commands word found && result=0; fi\n"
	"\treturn result\n"
	"}\n"
	"\n";

void complete_zsh(const struct complete_program *program, struct buf *out)
{
	buf_printf(out,
		"#compdef %s\n"
		"# SPDX-License-Identifier: Apache-2.0\n"
		"# Completion of %s for zsh, made from the program's tables; do not edit.\n\n",
		program->name, program->name);
	complete_tables(program, true, out);
	complete_template(program, zsh_engine, out);
	/* The name of the file is the function's that is loaded by itself. */
	buf_printf(out, "if [[ $funcstack[1] == _%s ]]; then", program->name);
	complete_template(program, " _~ \"$@\"; else compdef _~ ", out);
	buf_printf(out, "%s; fi\n", program->name);
}
