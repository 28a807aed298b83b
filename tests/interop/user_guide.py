#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""docs/user-guide.md tells a user of everything that is sent, never read, asked for and ordered.

Each row of the agent's own lists must have a sentence, marked "<!-- LIST: FIRST-WORDS -->", and each
mark a row. The digests below are of the rows as they were when the sentences were last compared with
them: a row that changes wants its sentence read again. Needs only the source tree."""

import hashlib
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

COMPARED = {
    "report": "d9b1fc2a637a7de6",
    "never": "06d81c9d43134a05",
    "verb": "9dd954d133479b79",
}


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


def literals(text):
    """String literals, adjacent ones joined."""
    found = re.findall(r'(?:"(?:[^"\\]|\\.)*"\s*)+', text)
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', group)) for group in found]


def block(text, begin):
    """From a line with begin to the first line that closes a table."""
    return text.split(begin, 1)[1].split("\n};", 1)[0]


def report_rows():
    texts = literals(block(read("agent", "enforcer", "report.c"), "report_items[] = {"))
    assert len(texts) % 2 == 0, "what and why"
    return [" - ".join(texts[i:i + 2]) for i in range(0, len(texts), 2)]


def never_rows():
    return literals(block(read("agent", "ctl", "render_privacy.c"), "privacy_never[] = {"))


def verb_rows():
    table = read("agent", "trust", "verb.h").split("#define VERB_TABLE(X)", 1)[1].split("\n\n", 1)[0].replace("\\\n", "\n")
    texts = literals(table)
    return [" ".join(texts[i:i + 2]) for i in range(0, len(texts), 2)]


def areas():
    part = read("docs", "policy-reference.md").split("## Settings", 1)[1].split("## Conditions", 1)[0]
    return re.findall(r"^### (\w+)$", part, re.M)


def checkin_members():
    return re.findall(r"^\| `checkin\.(\w+)`", read("docs", "policy-reference.md"), re.M)


def key(name, row):
    """The first word, of sentences the first two."""
    return "-".join(re.findall(r"\w+", row)[:2 if name in ("report", "never") else 1])


def main():
    guide = read("docs", "user-guide.md")
    rows = {"report": report_rows(), "never": never_rows(), "verb": verb_rows(), "area": areas(), "checkin": checkin_members()}
    passed, wrong = 0, []
    for name, texts in rows.items():
        wanted = [key(name, text) for text in texts]
        marked = " ".join(re.findall(r"<!-- %s: ([\w -]+?) -->" % name, guide)).split()
        assert len(set(wanted)) == len(wanted) > 1, (name, wanted)
        for word in sorted(set(wanted) | set(marked)):
            if wanted.count(word) == 1 and marked.count(word) == 1:
                passed += 1
            else:
                wrong.append("%s: %r stands %d times in the program's list and %d times in docs/user-guide.md"
                             % (name, word, wanted.count(word), marked.count(word)))
        if name not in COMPARED:
            continue
        digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
        if digest == COMPARED[name]:
            passed += 1
        else:
            wrong.append("%s: the rows have changed; compare them with the guide, then note %s here" % (name, digest))
    # A mark needs a sentence in front of it.
    for line in re.findall(r"^(.*)<!-- \w+: ", guide, re.M):
        if len(line.strip()) < 12:
            wrong.append("a mark without a sentence: %r" % line)
    for text in wrong:
        print("FAILED " + text)
    print("%d passed, %d failed" % (passed, len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
