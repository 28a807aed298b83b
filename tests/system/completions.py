#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Completion in three shells, as somebody presses the key: completions.py OBJECT-TREE

bash calls the function as readline does; zsh sits at a terminal; fish answers "complete -C". A
shell that is not installed is skipped with a line. Every row of the programs' own help has to be
offered, so that nothing here repeats the tables."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time

BUILD = os.path.abspath(sys.argv[1])
FILES = os.path.join(BUILD, "completions")
PATIENCE = 60
RESULTS = []


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False, **more)


def test(needs=None):
    def wrap(function):
        RESULTS.append((function, needs))
        return function
    return wrap


def equal(got, wanted):
    assert got == wanted, "%r, not %r" % (got, wanted)


# --- what the programs say of themselves


def mdmctl_commands():
    """name -> operands, from the help that people read."""
    text = run(BUILD + "/mdmctl", "--help").stdout
    part = text.split("Commands:\n", 1)[1].split("\n\n", 1)[0]
    found = {}
    for line in part.splitlines():
        match = re.match(r"  ((?:[a-z-]+ ){1,2})(.*)$", line + " ")
        words = match.group(1).split()
        # The second word may be an operand of lower-case choices.
        if len(words) == 2 and not re.match(r"  %s %s(  | [\[A-Z]| *server\|)" % tuple(words), line + "  "):
            words = words[:1]
        found[" ".join(words)] = match.group(2)
    return found


def long_options(text):
    return set(re.findall(r"^ +(?:-\w, )?(--[a-z][a-z-]*)", text, re.M))


def agentctl_commands():
    return [row["name"] for row in json.loads(run(BUILD + "/agentctl", "help", "--json").stdout)["commands"]]


# --- the shells


def bash(words, cwd=None):
    """Words as readline has split them; the last is the one at the cursor. With nospace, if set."""
    script = 'source "$1"; function=_${2//-/_}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ' \
        'compopt() { asked=$2; }; $function; for w in "${COMPREPLY[@]}"; do echo "$w"; done; echo "$asked" >&2'
    result = run("bash", "--norc", "-c", script, "bash", FILES + "/bash/" + words[0], *words, cwd=cwd)
    return result.stdout.splitlines(), result.stderr.strip()


def fish(line, cwd=None):
    program = line.split()[0]
    with tempfile.TemporaryDirectory() as home:
        result = run("fish", "--no-config", "-c", "source %s/fish/%s.fish; complete -C $argv[1]" % (FILES, program), "--", line,
                     cwd=cwd, env={"HOME": home, "PATH": os.environ["PATH"], "TERM": "dumb"})
    equal(result.stderr, "")
    return [row.split("\t")[0] for row in result.stdout.splitlines()]


class Zsh:
    """An interactive zsh at a terminal."""

    def __init__(self, directory):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.environ.update(HOME=directory, TERM="dumb", COLUMNS="200", PS1="% ", LC_ALL="C.UTF-8")
            os.execvp("zsh", ["zsh", "-f", "-i"])
        self.say("unsetopt prompt_cr prompt_sp; LISTMAX=1000; fpath=(" + FILES + "/zsh $fpath); "
                 "autoload -Uz compinit; compinit -u -D; echo READ''Y\n", "READY")

    def say(self, text, marker):
        os.write(self.fd, text.encode())
        return self.until(marker)

    def until(self, marker):
        seen, end = "", time.monotonic() + PATIENCE
        while not re.search(marker, seen):
            left = end - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], "zsh did not show %r: %r" % (marker, seen)
            seen += os.read(self.fd, 65536).decode(errors="replace")
        return seen

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


# --- tests


@test()
def every_script_is_one_for_its_shell():
    for shell, name in (("bash", "%s"), ("zsh", "_%s"), ("fish", "%s.fish")):
        if not shutil.which(shell):
            continue
        for program in ("mdmctl", "agentctl", "mdm-server", "mdm-agentd"):
            path = os.path.join(FILES, shell, name % program)
            result = run(shell, "-n", path)
            assert result.returncode == 0 and not result.stderr, (path, result.stderr)


@test("bash")
def first_and_second_words():
    commands = mdmctl_commands()
    assert len(commands) > 40 and "policy sign" in commands and "init" in commands, commands
    equal(sorted(bash(["mdmctl", ""])[0]), sorted({name.split()[0] for name in commands} | {"help"}))
    for first in {name.split()[0] for name in commands if " " in name}:
        offered = bash(["mdmctl", first, ""])[0]
        for name in commands:
            if name.startswith(first + " "):
                assert name.split()[1] in offered, (name, offered)
    equal(sorted(bash(["agentctl", ""])[0]), sorted({name.split()[0] for name in agentctl_commands()}))
    equal(bash(["agentctl", "jour"])[0], ["journal"])
    equal(sorted(bash(["mdm-server", "audit", ""])[0]), ["export", "verify"])
    equal(bash(["mdmctl", "policy", "nonsense"])[0], [])
    equal(bash(["mdmctl", "nonsense", ""])[0], [])


@test("bash")
def options_of_every_command():
    for name in mdmctl_commands():
        wanted = long_options(run(BUILD + "/mdmctl", "help", *name.split()).stdout)
        equal(set(bash(["mdmctl", *name.split(), "--"])[0]), wanted)
    for name in agentctl_commands():
        wanted = long_options(run(BUILD + "/agentctl", "help", *name.split()).stdout)
        equal(set(bash(["agentctl", *name.split(), "--"])[0]), wanted)
    wanted = long_options(run(BUILD + "/mdm-agentd", "--help").stdout)
    equal(set(bash(["mdm-agentd", "--"])[0]), wanted)
    wanted = long_options(run(BUILD + "/mdm-server", "--help").stdout)
    assert len(wanted) > 25
    equal(set(bash(["mdm-server", "run", "--"])[0]), wanted)
    equal(set(bash(["mdm-server", "backup", "--"])[0]), wanted | {"--output"})


@test("bash")
def values():
    with tempfile.TemporaryDirectory() as directory:
        open(directory + "/with space.json", "w", encoding="utf-8").close()
        os.mkdir(directory + "/within")
        both = ["with space.json", "within"]
        equal(sorted(bash(["mdmctl", "policy", "check", "wit"], directory)[0]), both)
        equal(bash(["mdmctl", "policy", "check", "wit"], directory)[1], "filenames")
        equal(sorted(bash(["mdmctl", "policy", "sign", "a", "-o", "wit"], directory)[0]), both)
        # Only directories, and behind an equals sign, which readline has cut out.
        equal(bash(["mdmctl", "--org", "wit"], directory)[0], ["within"])
        equal(bash(["mdmctl", "--org", "=", "wit"], directory)[0], ["within"])
        equal(sorted(bash(["agentctl", "enroll", "wit"], directory)[0]), both)
        # No file where none belongs: names of keys, times.
        equal(bash(["mdmctl", "key", "revoke", "wit"], directory)[0], [])
        equal(bash(["mdmctl", "policy", "sign", "--expires", "wit"], directory)[0], [])
        # The value of an option is no word of the command.
        equal(bash(["mdmctl", "--org", "policy", "ini"], directory)[0], ["init"])
    equal(bash(["mdmctl", "key", "new", "--role", ""])[0], ["keyset", "policy", "command", "destroy"])
    equal(bash(["mdmctl", "admin", "new", "--role", "="])[0], ["operator", "viewer"])
    equal(bash(["mdmctl", "keyset", "draft", ""])[0], ["show", "discard"])
    equal(bash(["mdm-server", "--log-level", "w"])[0], ["warning"])
    equal(bash(["agentctl", "policy", "explain", "encryption.sw"])[0], ["encryption.swap"])
    equal(bash(["mdmctl", "keyset", "import", "a", "b", "--js"])[0], ["--json"])


@test("bash")
def orders():
    help_text = run(BUILD + "/mdmctl", "help", "command").stdout
    verbs = re.findall(r"^  ([a-z]+) ", help_text.split("Verbs", 1)[1].split("Options", 1)[0], re.M)
    offered = bash(["mdmctl", "command", ""])[0]
    assert len(verbs) >= 6 and set(verbs) <= set(offered), (verbs, offered)
    # An argument goes on behind its equals sign.
    equal(bash(["mdmctl", "command", "message", "te"]), (["text="], "nospace"))
    assert "--device" in bash(["mdmctl", "command", "message", "text", "=", "hello", "--d"])[0]
    equal(bash(["mdmctl", "command", "lock", ""])[0], [])


@test("bash")
def help_takes_commands():
    equal(bash(["mdmctl", "help", "pol"])[0], ["policy"])
    equal(sorted(bash(["mdmctl", "help", "ticket", ""])[0]), ["list", "new"])
    equal(bash(["agentctl", "help", "journal", "v"])[0], ["verify"])
    equal(bash(["mdmctl", "help", "policy", "sign", ""])[0], [])


@test("fish")
def in_fish():
    equal(fish("mdmctl poli"), ["policy"])
    equal(sorted(fish("mdmctl policy s")), ["show", "sign"])
    equal(fish("mdmctl policy sign --str"), ["--stream"])
    equal(fish("mdmctl --org x policy sign --str"), ["--stream"])
    equal(fish("mdmctl status --str"), [])
    equal(fish("mdmctl command message te"), ["text="])
    equal(fish("mdmctl key new --role k"), ["keyset"])
    equal(fish("mdmctl help ticket n"), ["new"])
    equal(fish("agentctl policy explain encryption.sw"), ["encryption.swap"])
    equal(fish("mdm-server --log-level w"), ["warning"])
    equal(fish("mdm-agentd --zero"), ["--zero-touch"])
    with tempfile.TemporaryDirectory() as directory:
        open(directory + "/witness.json", "w", encoding="utf-8").close()
        equal(fish("mdmctl policy check wit", directory), ["witness.json"])
        equal(fish("mdmctl key revoke wit", directory), [])


@test("zsh")
def in_zsh():
    with tempfile.TemporaryDirectory() as directory:
        open(directory + "/witness.json", "w", encoding="utf-8").close()
        for typed, shown in (
                ("mdmctl poli", "mdmctl policy "),
                ("mdmctl policy sig", "mdmctl policy sign "),
                ("mdmctl policy sign --str", "--stream "),
                ("mdmctl key new --role=key", "--role=keyset "),
                ("mdmctl command message te", "message text="),
                ("mdmctl policy check wit", "witness.json "),
                ("mdmctl help tick", "help ticket "),
                ("agentctl policy explain encryption.sw", "encryption.swap "),
                ("mdm-server --log-level w", "warning "),
                ("mdm-agentd --zero", "--zero-touch ")):
            zsh = Zsh(directory)
            try:
                zsh.say(typed + "\t", re.escape(shown.split()[-1]))
            finally:
                zsh.close()
        # Several possibilities are listed with what they are.
        zsh = Zsh(directory)
        try:
            listed = zsh.say("mdmctl policy s\t\t", r"sign a policy for a group")
            assert "show" in listed, listed
        finally:
            zsh.close()


def main():
    passed = failed = skipped = 0
    for function, needs in RESULTS:
        if needs and not shutil.which(needs):
            print("skipped: %s is not installed" % needs)
            skipped += 1
            continue
        try:
            function()
            passed += 1
        except Exception as error:  # every kind counts as a failure of this test
            print("FAILED %s: %s" % (function.__name__, error))
            failed += 1
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
