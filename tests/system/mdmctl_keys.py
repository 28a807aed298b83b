#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys and CAs over the years, with mdmctl alone: drafts, signatures by several people, what would
lock phones out, damage, interruption, a full disk, ends that come near.

Usage: mdmctl_keys.py BUILD_DIR [NAME]...   the last line is "N passed, N failed, N skipped"
"""
import base64
import glob
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from mdmctl_rig import (Admin, MDMCTL, Skip, Terminal, check, payload_of, run_tests, signed, tree)

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def version(a, *where):
    return a.json(*where, "keyset", "show")["version"]


def sign_twice(a, *output):
    a.ok("keyset", "sign", "--yes")
    a.ok("keyset", "sign", "--yes", "--key", "second", *output)


def advance(a):
    """The next keyset in force, without a server."""
    sign_twice(a, "--output", "next.jose")
    a.ok("keyset", "import", "next.jose")


def person(a, name, directory):
    """An organisation directory that holds one key, as from 'key give'."""
    path = os.path.join(a.home, directory)
    a.ok("key", "give", name, path, "--new-passphrase-file", a.passphrase_file)
    return ("--org", path)


# --- drafts --------------------------------------------------------------------------------------

@test
def a_draft_collects_changes(base):
    a = Admin(base)
    a.fails(1, "keyset", "draft", says="no draft")
    a.fails(1, "keyset", "sign", "--yes", says="no draft")
    a.ok("keyset", "renew", "--expires", "90d")
    a.ok("key", "new", "fourth", "--role", "keyset", "--role", "policy", "--alg", "es256")
    a.ok("keyset", "threshold", "policy", "2")
    a.ok("key", "revoke", "recovery")
    shown = a.json("keyset", "draft", "show")
    check(shown["version"] == 2 and shown["thresholds"]["policy"] == 2, shown)
    check([k["name"] for k in shown["keys"]] == ["admin", "second", "fourth"], shown)
    check(shown["keys"][2]["alg"] == "ES256" and shown["keys"][2]["roles"] == ["keyset", "policy"])
    check(abs(shown["expires"] - time.time() - 90 * 86400) < 600, shown["expires"])
    words = a.ok("keyset", "draft")
    for expected in ("+ key fourth (ES256", "- key recovery", "policy needs 2 signatures instead of 1",
                     "expires", "signed by nobody yet", "still missing: 2 signatures by keys in force"):
        check(expected in words, expected, "not in", words)
    # Nothing of it is in force.
    check(version(a) == 1 and len(a.json("key", "list")["keys"]) == 3)
    a.ok("keyset", "draft", "discard", "--yes")
    a.fails(1, "keyset", "draft", says="no draft")
    check(os.path.exists(os.path.join(a.org, "keys/fourth.pem")), "the key of the draft is gone")
    a.ok("key", "forget", "fourth", "--yes")
    check(sorted(os.listdir(os.path.join(a.org, "keys"))) == ["admin.pem", "recovery.pem", "second.pem"])


@test
def a_change_drops_the_signatures(base):
    a = Admin(base)
    a.ok("keyset", "renew")
    sign_twice(a)
    check(a.json("keyset", "draft")["complete"])
    r = a.run("keyset", "threshold", "command", "1")
    check(r.returncode == 0 and "signatures it had are worth nothing" in r.stderr, r.stderr)
    shown = a.json("keyset", "draft")
    check(shown["signers"] == [] and not shown["complete"], shown)
    a.fails(1, "keyset", "push", says="still missing: 2 signatures")


@test
def rotation_keeps_the_old_key_until_it_is_over(base):
    a = Admin(base)
    before = a.json("key", "list")["keys"][0]["kid"]
    path = os.path.join(a.org, "keys/admin.pem")
    with open(path) as f:
        old = f.read()
    a.ok("key", "rotate", "admin")
    a.fails(1, "key", "rotate", "admin", says="already")
    waiting = glob.glob(os.path.join(a.org, "keys/admin.new-*.pem"))
    check(len(waiting) == 1 and open(path).read() == old)
    # The key in force goes on signing.
    signed(a)
    # One name, two keys, both sign.
    a.ok("keyset", "sign", "--yes", "--key", "admin")
    check(a.json("keyset", "draft")["signers"] == ["admin", "admin"])
    a.fails(5, "keyset", "sign", "--yes", "--key", "admin", says="has signed already")
    a.fails(2, "key", "forget", "admin", "--yes", says="stays")
    a.ok("keyset", "sign", "--yes", "--key", "recovery", "--output", "next.jose")
    a.ok("keyset", "import", "next.jose")
    rows = a.json("key", "list")["keys"]
    check(version(a) == 2 and rows[0]["kid"] != before and rows[0]["file"] == "keys/admin.pem", rows)
    check(open(os.path.join(a.org, "keys/admin.old-1.pem")).read() == old)
    check(not glob.glob(os.path.join(a.org, "keys/*.new-*")))
    check("admin.old-1.pem" in a.ok("key", "list"))
    a.fails(1, "keyset", "draft", says="no draft")
    signed(a)
    a.ok("key", "forget", "admin", "--yes")
    check(not os.path.exists(os.path.join(a.org, "keys/admin.old-1.pem")))
    check(os.path.exists(path))


@test
def names_and_numbers_are_judged(base):
    a = Admin(base)
    for name in ("", "a b", "../x", "a.new-b", "a.old-1", "x" * 65):
        a.fails(2, "key", "new", "--role", "policy", "--", name)
    a.fails(2, "key", "new", "x", says="--role")
    a.fails(2, "key", "new", "x", "--role", "king", says="king")
    a.fails(2, "key", "new", "x", "--role", "policy", "--alg", "rsa")
    a.fails(2, "key", "new", "admin", "--role", "policy", says="rotate")
    a.fails(2, "key", "rotate", "nobody", says="nobody")
    a.fails(2, "key", "revoke", "nobody", says="nobody")
    a.fails(2, "key", "forget", "admin", "--yes", says="stays")
    for n in ("0", "9", "-1", "x", "1.0", ""):
        a.fails(2, "keyset", "threshold", "--", "keyset", n)
    a.fails(2, "keyset", "threshold", "king", "1", says="king")
    for span in ("0d", "x", "1000y"):
        a.fails(2, "keyset", "renew", "--expires", span)
    a.fails(2, "keyset", "draft", "burn", says="burn")


# --- what would lock everybody out -------------------------------------------------------------

@test
def what_locks_out_is_refused_before_it_is_signed(base):
    a = Admin(base)
    a.fails(1, "keyset", "threshold", "policy", "2", says="1 keys have the role policy")
    a.fails(1, "keyset", "threshold", "keyset", "4", says="could never be reached")
    a.fails(1, "key", "revoke", "admin", says="another key for it first")
    a.ok("key", "revoke", "recovery")
    a.fails(1, "key", "revoke", "second", says="needs 2 signatures")
    a.ok("keyset", "draft", "discard", "--yes")
    # Two signatures of the old keys and seven of others are more than a document has lines.
    for n in range(7):
        a.ok("key", "new", "k%d" % n, *[x for r in ("keyset", "policy", "command", "destroy")
                                        for x in ("--role", r)])
    for name in ("admin", "second", "recovery"):
        a.ok("key", "revoke", name)
    a.ok("keyset", "threshold", "keyset", "6")
    before = a.json("keyset", "draft")
    a.fails(1, "keyset", "threshold", "keyset", "7", says="would lock phones out")
    check(a.json("keyset", "draft") == before)
    a.ok("keyset", "draft", "discard", "--yes")
    # One that is over before anybody signs.
    a.ok("keyset", "renew", "--expires", "1s")
    time.sleep(2.1)
    a.fails(1, "keyset", "sign", "--yes", says="would lock phones out")


@test
def damaged_and_exchanged_drafts(base):
    a = Admin(base)
    b = Admin(os.path.join(base, "b"))
    b.ok("keyset", "renew")
    a.ok("keyset", "renew")
    sign_twice(a)
    path, lines = os.path.join(a.org, "draft.json"), os.path.join(a.org, "draft.jose")
    with open(path) as f:
        good = f.read()
    with open(os.path.join(b.org, "draft.json")) as f:
        foreign = f.read()

    def write(text, where=path):
        with open(where, "w") as f:
            f.write(text)

    third = json.loads(good)
    third["serial"] = 3
    kid = json.loads(good)
    kid["keys"][0]["kid"] = kid["keys"][1]["kid"]
    for bad in ("{", "{}", "[]", good[:-1], foreign, json.dumps(third), json.dumps(kid),
                good.replace('"destroy":2', '"destroy":4')):
        write(bad)
        for command in (("keyset", "draft"), ("keyset", "sign", "--yes"), ("keyset", "push"),
                        ("key", "new", "x", "--role", "policy"), ("keyset", "renew")):
            a.fails(1, *command, says="draft discard")
    # Good JSON with other contents is another draft, and nobody has signed that one.
    write(good.replace('"command":1', '"command":2'))
    check(a.json("keyset", "draft")["signers"] == [])
    a.fails(1, "keyset", "push", says="still missing")
    check("command needs 2 signatures instead of 1" in a.ok("keyset", "draft"))
    write(good)
    check(a.json("keyset", "draft")["complete"])
    with open(lines) as f:
        two = f.read()
    for bad in ("", "rubbish", two[:-20]):
        write(bad, lines)
        check(not a.json("keyset", "draft")["complete"])
    # Lines over the right bytes by somebody else, or by one twice: phones would refuse all of it.
    one = two.split("\n")[0]
    head, body, mark = one.split(".")
    broken = head + "." + body + "." + ("B" if mark[0] != "B" else "C") + mark[1:]
    write(one + "\n" + broken + "\n", lines)
    a.fails(1, "keyset", "push", says="by no key")
    write(one + "\n" + one + "\n", lines)
    a.fails(1, "keyset", "sign", "--yes", "--key", "recovery", says="twice")
    write(two, lines)
    a.ok("keyset", "draft")


# --- several people ------------------------------------------------------------------------------

@test
def two_machines(base):
    a = Admin(base)
    second = person(a, "second", "second")
    a.ok("keyset", "renew", "--expires", "3y")
    a.fails(5, "keyset", "sign", "--yes", "--key", "second", says="another machine")
    a.ok("keyset", "sign", "--yes", "--output", "mail.jose")
    with open(os.path.join(a.home, "mail.jose")) as f:
        one = f.read()
    a.fails(1, "keyset", "import", "mail.jose", says="threshold")
    a.fails(1, *second, "keyset", "import", "mail.jose", says="threshold")
    r = a.run(*second, "keyset", "cosign", "mail.jose", "--yes")
    check(r.returncode == 0 and "expires" in r.stderr and "enough keys have signed" in r.stderr, r.stderr)
    with open(os.path.join(a.home, "mail.jose")) as f:
        two = f.read()
    check(two.startswith(one) and len(two.splitlines()) == 2)
    # It is in force where it became complete, and by import where it comes to.
    check(version(a, *second) == 2 and version(a) == 1)
    a.ok("keyset", "import", "mail.jose")
    check(version(a) == 2 and not os.path.exists(os.path.join(a.org, "draft.json")))
    a.ok("keyset", "import", "mail.jose")
    a.fails(1, *second, "keyset", "cosign", "mail.jose", "--yes", says="is in force here")


@test
def the_next_signer_is_shown_what_changes(base):
    a = Admin(base)
    second = person(a, "second", "second")
    a.ok("key", "rotate", "admin")
    a.ok("key", "new", "mallory", "--role", "keyset")
    a.ok("keyset", "threshold", "destroy", "1")
    a.ok("keyset", "threshold", "keyset", "1")
    a.ok("keyset", "sign", "--yes", "-o", "mail.jose")
    before = tree(a.home)
    t = Terminal(a, *second, "keyset", "cosign", "mail.jose")
    for words in (r"- key admin \(EdDSA", r"\+ key admin \(EdDSA", r"\+ key mallory .* roles keyset\s",
                  "keyset needs 1 signature instead of 2", "destroy needs 1 signature instead of 2",
                  r"Sign keyset 2\? \[y/N\] "):
        t.expect(words)
    t.send("n\n")
    check(os.waitstatus_to_exitcode(t.end()) == 1, t.text)
    check(tree(a.home) == before, "something changed")


@test
def a_question_on_another_terminal(base):
    """Who waits for an answer holds the directory; nobody else waits for ever."""
    a = Admin(base)
    a.ok("keyset", "renew")
    t = Terminal(a, "keyset", "sign")
    t.expect(r"Sign keyset 2\? \[y/N\] ")
    a.fails(1, "keyset", "renew", says="another mdmctl")
    t.send("n\n")
    check(os.waitstatus_to_exitcode(t.end()) == 1, t.text)
    a.ok("keyset", "renew")


@test
def a_stick_catches_up(base):
    a = Admin(base)
    stick = person(a, "recovery", "stick")
    for _ in range(2):
        a.ok("keyset", "renew")
        advance(a)
    a.ok("keyset", "renew")
    a.ok("keyset", "sign", "--yes", "-o", "mail.jose")
    a.fails(1, *stick, "keyset", "cosign", "mail.jose", "--yes", says="in between")
    files = [os.path.join(a.org, "keysets/%d.jose" % n) for n in (3, 1, 2)]
    a.fails(1, *stick, "keyset", "import", files[0], says="in between")
    a.ok(*stick, "keyset", "import", *files)
    check(version(a, *stick) == 3)
    a.ok(*stick, "keyset", "cosign", "mail.jose", "--yes")
    a.ok("keyset", "import", "mail.jose")
    check(version(a) == version(a, *stick) == 4)


@test
def foreign_keysets_are_refused(base):
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    for x in (a, b):
        x.ok("keyset", "renew")
        sign_twice(x, "--output", "next.jose")
    foreign = os.path.join(b.home, "next.jose")
    a.fails(1, "keyset", "import", foreign, says="another organisation")
    a.fails(1, "keyset", "cosign", foreign, "--yes", says="another organisation")
    a.fails(1, "keyset", "push", foreign, says="another organisation")
    a.fails(1, "keyset", "import", signed(a), says="not a keyset")
    a.fails(1, "keyset", "import", a.file("junk", "junk"), says="not a signed document")
    with open(os.path.join(a.home, "next.jose")) as f:
        good = f.read()
    payload = payload_of(good)
    payload["thresholds"]["keyset"] = 1
    other = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    forged = re.sub(r"\.[^.\n]+\.", "." + other + ".", good)
    a.fails(1, "keyset", "import", a.file("forged.jose", forged))
    a.fails(1, "keyset", "cosign", "forged.jose", "--key", "recovery", "--yes", says="by no key")
    # The lines of two documents do not make one.
    a.fails(1, "keyset", "import", a.file("mixed.jose", good.split("\n")[0] + "\n" +
                                          forged.split("\n")[1] + "\n"))
    check(version(a) == 1)


# --- accidents -----------------------------------------------------------------------------------

@test
def a_wrong_passphrase_changes_nothing(base):
    a = Admin(base)
    a.ok("key", "rotate", "admin")
    wrong = ("--passphrase-file", a.file("wrong", "not the passphrase\n", 0o600))
    a.fails(5, "keyset", "sign", "--yes", *wrong, says="does not open")
    a.fails(5, "admin", "new", "eve", "--role", "viewer", "--output", "eve", *wrong)
    a.fails(5, "key", "new", "x", "--role", "policy", "--new-passphrase-file",
            a.file("short", "short\n", 0o600), says="shorter")
    a.fails(5, "ca", "new", "--new-passphrase-file", "short", says="shorter")


@test
def a_full_disk_changes_nothing(base):
    if os.geteuid() != 0:
        raise Skip("mounting a small tmpfs needs root")
    a = Admin(base)
    disk = os.path.join(base, "disk")
    os.mkdir(disk)
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "tmpfs", disk],
                       stderr=subprocess.PIPE, text=True)
    if r.returncode:
        raise Skip("no tmpfs can be mounted: " + r.stderr.strip())
    try:
        org = os.path.join(disk, "org")
        shutil.copytree(a.org, org)
        here = ("--org", org)
        a.ok(*here, "keyset", "renew")
        a.ok(*here, "keyset", "sign", "--yes")
        filler = os.open(os.path.join(disk, "filler"), os.O_WRONLY | os.O_CREAT)
        try:
            while os.write(filler, b"x" * 4096):
                pass
        except OSError:
            os.close(filler)
        before = tree(org)
        for command in (("key", "new", "x", "--role", "policy"), ("key", "rotate", "admin"),
                        ("key", "revoke", "recovery"), ("keyset", "threshold", "command", "2"),
                        ("keyset", "sign", "--yes", "--key", "second"), ("ca", "new")):
            r = a.run(*here, *command)
            check(r.returncode == 1 and "No space left" in r.stderr, command, r.returncode, r.stderr)
            check(tree(org) == before, command, set(tree(org)) ^ set(before))
        os.unlink(os.path.join(disk, "filler"))
        a.ok(*here, "keyset", "sign", "--yes", "--key", "second")
    finally:
        subprocess.run(["umount", disk], check=True)


@test
def killed_at_any_moment(base):
    """kill -9 wherever it hits: the directory is always whole, and calling again goes on."""
    a = Admin(base)
    chance = random.Random(int.from_bytes(os.urandom(4), "big"))

    def killed(*args):
        started = time.monotonic()
        process = subprocess.Popen([MDMCTL, *args], env=a.env(), cwd=a.home, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            process.wait(chance.random() * killed.seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        process.wait()
        if process.returncode == 0:
            killed.seconds = max(0.05, time.monotonic() - started)
        return process.returncode == 0

    killed.seconds = 0.5
    for command in (("key", "rotate", "second"), ("keyset", "sign", "--yes"),
                    ("keyset", "sign", "--yes", "--key", "second"),
                    ("keyset", "import", "next.jose"), ("key", "forget", "second", "--yes")):
        if command[1] == "import":
            a.ok("keyset", "sign", "--yes", "--key", "recovery", "--output", "next.jose")
        for attempt in range(6):
            done = killed(*command)
            rows = {k["name"]: k for k in a.json("key", "list")["keys"]}
            check(set(rows) == {"admin", "second", "recovery"} and
                  all(k["here"] for k in rows.values()), command, rows)
            # Every key of the keyset in force opens and is the one the keyset names.
            check(version(a) in (1, 2))
            if done:
                break
        else:
            r = a.run(*command)
            check(r.returncode == 0 or "already" in r.stderr or "stays" in r.stderr, command, r.stderr)
    check(version(a) == 2)
    for name in ("admin", "second"):
        a.ok("keyset", "renew")
        a.ok("keyset", "sign", "--yes", "--key", name)
    check(not [f for f in tree(a.org) if "new-" in f and "second.new" not in f])


@test
def what_was_interrupted_is_finished(base):
    """Each state in which a power cut can leave the files, made by hand."""
    a = Admin(base)
    keys = os.path.join(a.org, "keys")
    a.ok("key", "rotate", "admin")
    new = os.path.basename(glob.glob(os.path.join(keys, "admin.new-*"))[0])
    sign_twice(a, "--output", "next.jose")
    draft = tree(a.org)
    a.ok("keyset", "import", "next.jose")
    whole = tree(a.org)

    def restore(files):
        shutil.rmtree(a.org)
        for name, (mode, data) in sorted(files.items(), key=lambda row: row[0].count("/")):
            path = os.path.join(a.org, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if mode & 0o100:
                os.makedirs(path, exist_ok=True)
            else:
                with open(path, "wb") as f:
                    f.write(data)
                os.chmod(path, mode)
        os.chmod(a.org, 0o700)

    kept = dict(draft)
    kept["keysets/2.jose"] = whole["keysets/2.jose"]
    halfway = dict(kept)
    halfway["keys/admin.old-1.pem"] = halfway.pop("keys/admin.pem")
    moved = dict(halfway)
    moved["keys/admin.pem"] = moved.pop("keys/" + new)
    stale = dict(moved)
    del stale["draft.json"]
    for name, state in (("kept", kept), ("one renamed", halfway), ("both renamed", moved),
                        ("half a draft", stale)):
        restore(state)
        shown = a.json("keyset", "show")
        check(shown["version"] == 2 and shown["keys"][0]["here"], name, shown)
        a.ok("keyset", "renew")
        draft_now = a.json("keyset", "draft")
        check(draft_now["version"] == 3 and draft_now["signers"] == [], name, draft_now)
        a.ok("keyset", "sign", "--yes")
        after = set(tree(a.org)) - {"draft.json", "draft.jose"}
        check(after == set(whole), name, after ^ set(whole))


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
