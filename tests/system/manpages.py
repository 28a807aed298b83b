#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The manual pages say what the programs say: manpages.py OBJECT-TREE

Every option, command, setting and exit code of --help stands in the page, and nothing else does;
examples use what exists; pages refer to pages that exist; man and mandoc, where they are installed,
have nothing to complain about."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1])
PROGRAMS = {"agentctl": "1", "mdmctl": "1", "mdm-agentd": "8", "mdm-agent-net": "8", "mdm-agent-session": "8",
            "mdm-agent-apps": "8", "mdm-agent-guard": "8", "mdm-agent-media": "8", "mdm-agent-pamcheck": "8", "mdm-agent-verify": "8", "mdm-agent-wipe": "8",
            "mdm-server": "8"}
MODULES = ["pam_mdm"]
FORMATS = ["mdm-document", "mdm-journal", "mdm-policy", "mdm-server.conf", "mdm-ticket", "mdm-zero-touch.conf"]
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run(*command, **more):
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


def program(name, *arguments):
    return run(os.path.join(BUILD, name), *arguments)


def equal(got, wanted):
    assert got == wanted, "only in the first: %s; only in the second: %s" % (sorted(got - wanted), sorted(wanted - got)) \
        if isinstance(got, set) else "%r, not %r" % (got, wanted)


def page(name):
    """The lines of a page by section, with bold as <b>…</b>, other marks taken off."""
    with open(os.path.join(BUILD, "man", name), encoding="utf-8") as f:
        text = f.read()
    sections, current = {}, []
    for line in text.splitlines():
        if line.startswith(".SH "):
            current = sections.setdefault(line[4:].strip('"'), [])
            continue
        line = re.sub(r"\\fB(.*?)\\fR", r"<b>\1</b>", line)
        line = re.sub(r"\\fI(.*?)\\fR", r"\1", line)
        current.append(line.replace("\\&", "").replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\"))
    return sections


def defined(lines):
    """What is explained: the bold words at the beginning of a line that an indented text follows."""
    found = set()
    for line, following in zip(lines, lines[1:]):
        if line.startswith("<b>") and following == ".RS 4":
            found.update(re.findall(r"<b>(.*?)</b>", line))
    return found


def plain(text):
    """Without marks and line ends, to look for a sentence."""
    return re.sub(r"\s+", " ", re.sub(r"</?b>", "", text))


def long_options(text):
    return set(re.findall(r"^ +(?:-\w, )?(--[a-z][a-z-]*)", text, re.M))


def letters(text):
    return set(re.findall(r"^ +(-\w), --", text, re.M))


def exits(name):
    lines = page(name)["EXIT STATUS"]
    return {word for word in defined(lines) if word.isdigit()}


def commands_of(name):
    if name == "agentctl":
        return [row["name"] for row in json.loads(program(name, "help", "--json").stdout)["commands"]]
    # Each as its own help names it; the page's are tried out, the overview's must be there.
    return [word for word in defined(page("mdmctl.1")["COMMANDS"]) if not word.startswith("-") and word != "help"]


def help_of(name, command):
    return program(name, "help", *command.split()).stdout


# --- tests


@test
def every_program_and_format_has_a_page():
    made = {os.path.basename(path) for path in glob.glob(BUILD + "/man/*.[1-8]")}
    wanted = {"%s.%s" % row for row in PROGRAMS.items()} | {name + ".5" for name in FORMATS} | \
        {name + ".8" for name in MODULES}
    equal(made, wanted)
    for name in made:
        sections = page(name)
        for section in ("NAME", "DESCRIPTION", "SEE ALSO"):
            assert sections.get(section), (name, section)
        if name.rpartition(".")[0] in PROGRAMS:
            for section in ("SYNOPSIS", "EXIT STATUS"):
                assert sections.get(section), (name, section)
        for line in sum(sections.values(), []):
            assert not re.match(r"@\S+ \S+@$", line), (name, line)
        for reference, section in re.findall(r"<b>([\w.-]+)</b>\((\d)\)", "\n".join(sum(sections.values(), []))):
            assert "%s.%s" % (reference, section) in made, (name, reference)
    with open(TREE + "/Makefile", encoding="utf-8") as f:
        listed = re.search(r"^PROGRAMS := (.*)$", f.read(), re.M).group(1)
    equal(set(listed.split()), set(PROGRAMS))


@test
def agentctl_page():
    sections = page("agentctl.1")
    commands = commands_of("agentctl")
    overview = program("agentctl", "--help").stdout
    options = set().union(*(long_options(help_of("agentctl", name)) | letters(help_of("agentctl", name)) for name in commands))
    words = defined(sections["COMMANDS"]) | defined(sections["OPTIONS"])
    equal(words, set(commands) | options | long_options(overview) | letters(overview))
    rows = json.loads(program("agentctl", "help", "--json").stdout)
    equal(exits("agentctl.1"), {str(row["code"]) for row in rows["exit_codes"]})
    text = plain(" ".join(sections["COMMANDS"] + sections["EXIT STATUS"]))
    for row in rows["commands"] + rows["exit_codes"]:
        assert plain(row["help"]) in text, row


@test
def mdmctl_page():
    sections = page("mdmctl.1")
    overview = program("mdmctl", "--help").stdout
    words = defined(sections["COMMANDS"])
    commands = commands_of("mdmctl")
    options = long_options(overview) | letters(overview)
    # The overview and the page name the same commands, in the same order.
    part = overview.split("Commands:\n", 1)[1].split("\n\n", 1)[0].splitlines()
    said = [match.group(1) for match in (re.match(r"<b>([a-z][a-z -]*)</b>", line) for line in sections["COMMANDS"])
            if match and match.group(1) != "help"]
    equal(len(part), len(said))
    for line, name in zip(part, said):
        assert line.startswith("  %s " % name), (line, name)
    for name in commands:
        text = help_of("mdmctl", name)
        assert text.startswith("Usage: mdmctl " + name), (name, text)
        options |= long_options(text) | letters(text)
    equal(words | defined(sections["OPTIONS"]), set(commands) | {"help"} | options)
    codes = set(re.findall(r"^  (\d)  ", overview.split("Exit codes:", 1)[1], re.M))
    assert len(codes) == 6
    equal(exits("mdmctl.1"), codes)


@test
def verbs_of_commands():
    text = help_of("mdmctl", "command").split("Verbs", 1)[1].split("Options", 1)[0]
    verbs = set(re.findall(r"^  ([a-z_-]+) ", text, re.M))
    arguments = set(re.findall(r"\b([a-z]+)=", text))
    assert len(verbs) >= 6 and "text" in arguments
    for name, section in (("mdmctl.1", "VERBS"), ("mdm-document.5", "COMMANDS")):
        equal(defined(page(name)[section]), verbs | arguments)


@test
def server_pages():
    sections = page("mdm-server.8")
    text = program("mdm-server", "--help").stdout
    usage, rest = text.split("Courier", 1)
    commands = {" ".join(match) if match[1] else match[0]
                for match in re.findall(r"mdm-server ([a-z]+)(?: ([a-z]+))?(?= -| \[)", usage)}
    assert {"run", "config check", "backup"} <= commands, commands
    special = set(re.findall(r"(--[a-z-]+)", usage)) - long_options(rest)
    equal(special, {"--output", "--from", "--known"})
    equal(defined(sections["COMMANDS"]), commands | special)
    options = long_options(rest)
    assert len(options) > 25
    equal(defined(sections["OPTIONS"]), options)
    settings = {name[2:] for name in options} - {"config", "verbose", "help", "version"}
    equal(defined(page("mdm-server.conf.5")["SETTINGS"]), settings)
    codes = set(re.findall(r"^  (\d)  ", text.split("Exit codes:", 1)[1], re.M))
    assert codes == {"0", "1", "2"}
    equal(exits("mdm-server.8"), codes)
    # The shipped settings are explained, too.
    with open(TREE + "/packaging/services/mdm-server.conf", encoding="utf-8") as f:
        for name in re.findall(r"^#? ?([a-z][a-z-]+)  +\S", f.read(), re.M):
            assert name in settings, name


@test
def roles_of_the_agent():
    text = program("mdm-agentd", "--help").stdout
    equal(defined(page("mdm-agentd.8")["OPTIONS"]), long_options(text) | letters(text))
    text = program("mdm-agent-net", "--help").stdout
    equal(defined(page("mdm-agent-net.8")["OPTIONS"]), long_options(text))
    text = program("mdm-agent-verify", "--help").stdout
    equal(defined(page("mdm-agent-verify.8")["OPTIONS"]), long_options(text))
    equal(exits("mdm-agent-verify.8"), {"0", "1", "2"})
    equal(program("mdm-agent-verify", "--no-such-option").returncode, 2)
    text = program("mdm-agent-pamcheck", "--help").stdout
    equal(defined(page("mdm-agent-pamcheck.8")["OPTIONS"]), long_options(text) | {"--help", "--version"})
    equal(exits("mdm-agent-pamcheck.8"), {"0", "1", "2"})
    equal(program("mdm-agent-pamcheck", "--no-such-option").returncode, 2)
    text = program("mdm-agent-wipe", "--help").stdout
    equal(defined(page("mdm-agent-wipe.8")["OPTIONS"]), long_options(text))
    equal(exits("mdm-agent-wipe.8"), {"0", "1", "2", "3"})
    equal(program("mdm-agent-wipe", "--no-such-option").returncode, 2)
    text = program("mdm-agent-apps", "--help").stdout
    equal(defined(page("mdm-agent-apps.8")["OPTIONS"]), long_options(text))
    equal(exits("mdm-agent-apps.8"), {"0", "1", "2", "3"})
    equal(program("mdm-agent-apps", "--no-such-option").returncode, 2)
    text = program("mdm-agent-guard", "--help").stdout
    equal(defined(page("mdm-agent-guard.8")["OPTIONS"]), long_options(text))
    equal(exits("mdm-agent-guard.8"), {"0", "1", "2", "3"})
    equal(program("mdm-agent-guard", "--no-such-option").returncode, 2)
    text = program("mdm-agent-media", "--help").stdout
    words = set(re.search(r"mdm-agent-media ([a-z_|]+)\n", text).group(1).split("|"))
    equal(defined(page("mdm-agent-media.8")["DESCRIPTION"]) & words, words)
    equal(exits("mdm-agent-media.8"), {"0", "1", "2"})
    equal(program("mdm-agent-media", "--no-such-option").returncode, 2)
    equal(program("mdm-agent-media", "blocked").returncode, 2)
    usage = program("mdm-agent-session").stderr
    verbs = set(re.findall(r"mdm-agent-session ([a-z]+) ", usage))
    assert "notify" in verbs
    equal(defined(page("mdm-agent-session.8")["DESCRIPTION"]), verbs)
    with open(TREE + "/agent/enforcer/removal.h", encoding="utf-8") as f:
        removal = set(re.findall(r"REMOVAL_[A-Z]+ = (\d+)", f.read()))
    assert len(removal) == 3
    for name in ("mdm-agentd", "mdm-agent-net", "mdm-agent-session"):
        equal(exits(name + ".8"), {"0", "1", "2"} | (removal if name == "mdm-agentd" else set()))
        equal(program(name, "--no-such-option").returncode, 2)
    equal(program("mdm-agentd", "--version").returncode, 0)


@test
def formats():
    schema = json.loads(program("agentctl", "policy", "schema").stdout)
    with open(TREE + "/docs/policy-reference.md", encoding="utf-8") as f:
        reference = f.read()
    part = reference.split("## Settings", 1)[1].split("## Conditions", 1)[0]
    settings = set(re.findall(r"^\| `(\w+)` \|", part, re.M))
    assert settings and schema
    words = {word for line in page("mdm-policy.5")["SETTINGS"] for word in re.findall(r"^<b>(\w+)</b>", line)}
    equal(words, settings)
    states = set(re.findall(r"^\| `(\w+)` \|", reference.split("| state |", 1)[1].split("\n\n", 1)[0], re.M))
    equal(defined(page("mdm-policy.5")["STATES"]), states)
    # Fields of tickets and of their short form, as the protocol has them.
    with open(TREE + "/docs/protocol.md", encoding="utf-8") as f:
        ticket = f.read().split("## 2. Ticket", 1)[1].split("## 3.", 1)[0]
    fields = set(re.findall(r"^    ([a-z]+)  +\S", ticket, re.M))
    equal(defined(page("mdm-ticket.5")["DESCRIPTION"]), fields)
    types = set(re.findall(r"^\| `mdm-(\w+)` \|", open(TREE + "/docs/protocol.md", encoding="utf-8").read(), re.M))
    equal(defined(page("mdm-document.5")["DESCRIPTION"]), types)
    # Records of security are those of docs/journal.md, or the other way round.
    text = plain(" ".join(page("mdm-journal.5")["TYPES"]))
    with open(TREE + "/docs/journal.md", encoding="utf-8") as f:
        said = set(re.findall(r"`(\w+)`", f.read().split("Of security are:", 1)[1].split("\n\n", 1)[0]))
    equal(set(re.findall(r"(\w+) \(\d+\), of security", text)), said)


@test
def examples_use_what_exists():
    known = {"agentctl": commands_of("agentctl"), "mdmctl": commands_of("mdmctl")}
    count = 0
    for path in glob.glob(BUILD + "/man/*.[1-8]"):
        for line in "\n".join(page(os.path.basename(path)).get("EXAMPLES", [])).replace("\\\n", " ").splitlines():
            words = line.split()
            if not words or words[0] not in PROGRAMS:
                continue
            count += 1
            if words[0] in known:
                rest = words[1:]
                name = " ".join(rest[:2]) if " ".join(rest[:2]) in known[words[0]] else rest[0]
                assert name in known[words[0]], (path, line)
                text = help_of(words[0], name)
            else:
                text = program(words[0], "--help").stdout + "\n --output\n --from\n --known\n"
            for option in re.findall(r" (--[a-z-]+)", line):
                assert option in long_options(text), (path, line, option)
            for option in re.findall(r" (-\w)\b", line):
                assert option in letters(text), (path, line, option)
    assert count > 15, count


def check_command(words, where):
    """Commands of agentctl and mdmctl with their options; of mdm-server its options."""
    known = {"agentctl": commands_of("agentctl"), "mdmctl": commands_of("mdmctl") + ["help"]}
    options = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
    if words[0] == "mdm-server":
        text = program("mdm-server", "--help").stdout
        allowed = long_options(text) | set(re.findall(r"--[a-z-]+", text.split("Courier")[0]))
    else:
        rest, at = words[1:], 0
        while at < len(rest) and rest[at].startswith("-"):
            at += 2
        rest = [word.strip(",.;)") for word in rest[at:]]
        if not rest:
            return
        name = " ".join(rest[:2]) if " ".join(rest[:2]) in known[words[0]] else rest[0]
        first = {command.split()[0] for command in known[words[0]]}
        assert name in known[words[0]] or (len(rest) == 1 and name in first), (where, words)
        if name not in known[words[0]]:
            return
        allowed = long_options(help_of(words[0], name)) | long_options(program(words[0], "--help").stdout)
    for option in options:
        assert option in allowed, (where, words, option)


@test
def guides_use_what_exists():
    count = 0
    for name in ("README.md", "docs/admin-guide.md", "docs/user-guide.md", "docs/key-drill.md", "docs/agentctl.md"):
        with open(os.path.join(TREE, name), encoding="utf-8") as f:
            text = f.read()
        joined = text.replace("\\\n", " ")
        found = re.findall(r"^    +(?:\$ )?((?:mdmctl|agentctl|mdm-server) .*)$", joined, re.M)
        found += [line.replace("\n", " ") for line in re.findall(r"`((?:mdmctl|agentctl|mdm-server) [a-z-][^`]*)`", text)]
        for line in found:
            words = re.split(r"  +#| &| \||>| && ", line)[0].split()
            if len(words) > 1 and "|" not in line:
                check_command(words, name)
                count += 1
        # Headings that are linked, and files.
        anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", text, re.M)}
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if target.startswith("#"):
                assert target[1:] in anchors, (name, target)
            elif "://" not in target:
                assert os.path.exists(os.path.join(TREE, os.path.dirname(name), target.split("#")[0])), (name, target)
    assert count > 80, count


@test
def nothing_to_complain_about():
    for path in sorted(glob.glob(BUILD + "/man/*.[1-8]")):
        if shutil.which("mandoc"):
            result = run("mandoc", "-Tlint", "-Wwarning", path)
            # What scdoc writes between paragraphs; it looks right all the same.
            left = [line for line in (result.stdout + result.stderr).splitlines() if "skipping paragraph macro" not in line]
            assert not left, left
        if shutil.which("man") and shutil.which("groff"):
            result = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path, env={**os.environ, "LC_ALL": "C.UTF-8"})
            assert result.returncode == 0 and not result.stderr, (path, result.stderr)


def main():
    failed = 0
    for function in TESTS:
        try:
            function()
        except Exception as error:  # every kind counts as a failure of this test
            print("FAILED %s: %s" % (function.__name__, error))
            failed += 1
    print("%d passed, %d failed" % (len(TESTS) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
