#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every file, and every test case of a file, that docs/threat-model.md names exists.

    citations.py [DOCUMENT]...

A row of the threat model is worth what its test shows; a test that was renamed or moved shows
nothing. Cases are named behind their file: "test_x.c: one, two; net_role.py: three". Needs only
the source tree. The last line counts the names.
"""
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# A file, perhaps with its folder, and behind a colon the names of cases, which may be words.
FILE = re.compile(r"(?<![\w./-])((?:[\w-]+/)*[\w-]+\.(?:c|h|py|sh))\b|\b(fuzz_\w+)")
CASES = re.compile(r":\s+([\w ]+(?:, (?!(?:\w+/)*\w+\.(?:c|h|py|sh)\b|fuzz_)[\w ]+)*)")


def files_of_tree():
    """Tracked files, or all of them where this is no repository."""
    try:
        listed = subprocess.run(["git", "-C", TOP, "ls-files", "-co", "--exclude-standard"], check=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        found = listed.splitlines()
    except (OSError, subprocess.CalledProcessError):
        found = [os.path.relpath(os.path.join(directory, name), TOP)
                 for directory, _, names in os.walk(TOP) for name in names]
    return [name for name in found if os.path.exists(os.path.join(TOP, name))]


def matching(files, name):
    if name.startswith("fuzz_"):
        name = "tests/fuzz/%s.c" % name
    return [file for file in files if file == name or file.endswith("/" + name)]


def cases_of(file):
    """The names that a suite gives its cases."""
    with open(os.path.join(TOP, file), encoding="utf-8") as f:
        text = f.read()
    if file.endswith(".py"):
        return set(re.findall(r"^def (\w+)\(", text, re.M))
    table = re.search(r"static const struct check_test tests\[\] = \{(.*?)\n\};", text, re.S)
    return set(re.findall(r'\{"([^"]+)"', table.group(1))) if table else set()


def has_case(cases, name):
    """As cited or with what a suite puts before its cases: case_checkin_flood is "flood"."""
    spellings = {name, name.replace(" ", "_")}
    return any(case == said or re.fullmatch("(?:case|test)_(?:enrol_|checkin_)?" + said, case)
               for case in cases for said in spellings)


def check_line(files, where, line):
    """What is wrong on one line, and how many names stand there."""
    wrong, count = [], 0
    for match in FILE.finditer(line):
        name = match.group(1) or match.group(2)
        count += 1
        found = matching(files, name)
        if not found:
            wrong.append("%s: there is no %s" % (where, name))
            continue
        cited = CASES.match(line, match.end())
        if not cited:
            continue
        cases = set().union(*map(cases_of, found))
        for case in cited.group(1).split(", "):
            count += 1
            if not has_case(cases, case.strip()):
                wrong.append("%s: %s has no case %r" % (where, name, case.strip()))
    return wrong, count


def main():
    files = files_of_tree()
    wrong, total = [], 0
    for document in sys.argv[1:] or ["docs/threat-model.md"]:
        with open(os.path.join(TOP, document), encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                found, count = check_line(files, "%s:%d" % (document, number), line)
                wrong += found
                total += count
    for text in wrong:
        print("FAILED " + text)
    print("%d passed, %d failed" % (total - len(wrong), len(wrong)))
    return 1 if wrong or not total else 0


if __name__ == "__main__":
    sys.exit(main())
