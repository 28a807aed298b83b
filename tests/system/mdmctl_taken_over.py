#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdmctl and a server that somebody took over: it answers for other objects than those that were
asked for, chooses which phone a short id means, and never comes to an end.

Usage: mdmctl_taken_over.py BUILD_DIR [NAME]...   the last line is "N passed, N failed, N skipped"
"""
import hashlib
import json
import os
import sys
import urllib.parse

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, Fake, PASSPHRASE, Terminal, check, payload_of, run_tests

TESTS = []
ASKED, OTHER = "a1" * 16, "b2" * 16
ORDER, OTHER_ORDER = "c3" * 16, "d4" * 16
NONCE = "AAAAAAAAAAAAAAAAAAAAAA"


def test(function):
    TESTS.append(function)
    return function


def device(id, **members):
    return dict({"id": id, "enrolment": "ee" * 16, "ticket": "ab" * 16, "enrolled": 1700000000,
                 "last_seen": 1700000100, "agent": "0.1.0", "groups": ["staff"], "have": {},
                 "state": "compliant", "certificate_until": 1900000000, "nonce": NONCE,
                 "withdrawn": 0, "clone": 0, "sections": {}}, **members)


def command(id, device, **members):
    return dict({"row": 1, "id": id, "device": device, "verb": "sync", "state": "done", "reason": "",
                 "detail": "", "created": 1700000000, "expires": 1900000000, "changed": 1700000001,
                 "history": []}, **members)


def event(row, device):
    return {"row": row, "device": device, "seq": row, "time": 1700000000, "boot": "00112233",
            "type": "boot", "data": {}}


def writes(fake):
    """What was sent to the server; a keyset is for everybody and names no object."""
    return [r for r in fake.requests if r[0] != "GET" and "type=keyset" not in r[1]]


# --- one object asked for, another answered ------------------------------------------------------

@test
def another_device(base):
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices/" + ASKED] = (200, json.dumps(device(OTHER)))
        fake.answers["PUT", "/v1/admin/documents"] = (201, "{}")
        for args in (["command", "lock", "--device", ASKED], ["command", "unenroll", "--device", ASKED],
                     ["assign", ASKED, "--group", "staff"], ["device", "show", ASKED],
                     ["device", "withdraw", ASKED], ["events", "--device", ASKED],
                     ["command", "list", "--device", ASKED]):
            words = a.fails(4, *args, "--yes", says="taken over")
            check(ASKED in words and OTHER in words, words)
        check(not writes(fake), fake.requests)
        # The beginning of an id, found in the list, is asked for as one, too.
        fake.answers["GET", "/v1/admin/devices"] = (
            200, json.dumps({"devices": [device(ASKED)], "next": None}))
        a.fails(4, "command", "lock", "--device", ASKED[:6], "--yes", says="taken over")
        check(not writes(fake), fake.requests)
        # The honest answer is no trouble.
        fake.answers["GET", "/v1/admin/devices/" + ASKED] = (200, json.dumps(device(ASKED)))
        a.ok("command", "lock", "--device", ASKED)
        target = payload_of(writes(fake)[-1][2].decode())["target"]
        check(target == {"device": ASKED, "enrolment": "ee" * 16}, target)


@test
def another_command(base):
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/commands/" + ORDER] = (
            200, json.dumps(command(OTHER_ORDER, ASKED)))
        a.fails(4, "command", "show", ORDER, says="taken over")
        fake.answers["GET", "/v1/admin/commands/" + ORDER] = (200, json.dumps(command(ORDER, ASKED)))
        a.ok("command", "show", ORDER)


@test
def the_command_of_another_device(base):
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices/" + ASKED] = (200, json.dumps(device(ASKED)))
        told = {"device": OTHER}

        def put(path, body):
            if "type=command" in path:
                id = payload_of(body.decode())["id"]
                fake.answers["GET", "/v1/admin/commands/" + id] = (
                    200, json.dumps(command(id, told["device"])))
            return 201, "{}"

        fake.answers["PUT", "/v1/admin/documents"] = (200, put)
        a.fails(4, "command", "sync", "--device", ASKED, "--wait", says="taken over")
        told["device"] = ASKED
        check("done" in a.ok("command", "sync", "--device", ASKED, "--wait"))


@test
def commands_and_events_of_another_device(base):
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices/" + ASKED] = (200, json.dumps(device(ASKED)))
        for kind, row in (("commands", command), ("events", None)):
            for last in (OTHER, ASKED):
                rows = [command(ORDER, ASKED), command(OTHER_ORDER, last, row=2)] if row else [
                    event(1, ASKED), event(2, last)]
                fake.answers["GET", "/v1/admin/" + kind] = (
                    200, lambda path, body, kind=kind, rows=rows: (200, json.dumps(
                        {kind: rows if "after=0" in path else [], "next": 2})))
                args = ["command", "list"] if row else ["events"]
                if last == ASKED:
                    a.ok(*args, "--device", ASKED)
                else:
                    a.fails(4, *args, "--device", ASKED, says="taken over")
                    a.ok(*args)


@test
def another_document(base):
    """Ours, but of another address: believed, it would hide which serials are used."""
    a = Admin(base)

    def policy(stream):
        return a.ok("policy", "sign", a.policy(), "--stream", stream, "--offline")

    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices/" + ASKED] = (200, json.dumps(device(ASKED, ticket=None)))
        fake.answers["PUT", "/v1/admin/documents"] = (201, "{}")
        staff = policy("staff")
        a.ok("assign", ASKED, "--group", "staff")
        ours = writes(fake)[-1][2].decode()
        before = len(writes(fake))
        fake.answers["GET", "/v1/admin/devices/" + OTHER] = (200, json.dumps(device(OTHER, ticket=None)))
        # Keysets are compared byte by byte; the server has none yet.
        for document in (ours, staff):
            fake.answers["GET", "/v1/admin/documents"] = (
                200, lambda path, body, document=document: (
                    404, "{}") if "type=keyset" in path else (200, document))
            a.fails(4, "assign", OTHER, "--group", "staff", says="taken over")
            a.fails(4, "policy", "sign", a.policy(), "--stream", "guests", says="taken over")
        check(len(writes(fake)) == before)
        check(payload_of(a.ok("policy", "sign", a.policy(), "--stream", "staff"))["serial"] == 2)
        fake.answers["GET", "/v1/admin/documents"] = (
            200, lambda path, body: (404, "{}") if "type=keyset" in path else (200, ours))
        check(a.json("assign", ASKED, "--group", "staff")["serial"] == 2)


# --- what the beginning of an id means -----------------------------------------------------------

def found(fake, *ids):
    """A server that shows these phones and hides the others."""
    fake.answers["GET", "/v1/admin/devices"] = (
        200, json.dumps({"devices": [device(id) for id in ids], "next": None}))
    for id in ids:
        fake.answers["GET", "/v1/admin/devices/" + id] = (200, json.dumps(device(id)))
    fake.answers["PUT", "/v1/admin/documents"] = (201, "{}")


@test
def nothing_is_signed_for_a_short_id_unseen(base):
    a = Admin(base)
    near = ASKED[:8] + "0" * 24
    with Fake(a) as fake:
        found(fake, near)
        for args in (["command", "lock", "--device", ASKED[:8]],
                     ["command", "message", "text=Hello", "--device", ASKED[:8], "-o", "m.jws"],
                     ["assign", ASKED[:8], "--group", "staff", "--group", "kiosk"]):
            words = a.fails(2, *args, says="--yes")
            check(near in words, words)
        check(not writes(fake), fake.requests)
        check("Hello" in a.fails(2, "command", "message", "text=Hello", "--device", ASKED[:8]))
        check("staff, kiosk" in a.fails(
            2, "assign", ASKED[:8], "--group", "staff", "--group", "kiosk"))
        # --yes says that the choice of the server is all right.
        a.ok("command", "lock", "--device", ASKED[:8], "--yes")
        a.ok("assign", ASKED[:8], "--group", "staff", "--yes")
        check([payload_of(r[2].decode())["target"]["device"] for r in writes(fake)] == [near] * 2)
        found(fake, ASKED)
        a.ok("command", "lock", "--device", ASKED)
        a.ok("assign", ASKED, "--group", "staff")


@test
def the_answer_on_the_terminal_counts(base):
    a = Admin(base)
    near = ASKED[:8] + "0" * 24
    with Fake(a) as fake:
        found(fake, near)
        for args, question in ((["command", "lock", "--device", ASKED[:8]], "Sign this command"),
                               (["assign", ASKED[:8], "--group", "staff"], "Sign this assignment")):
            for answer, sent in (("n\n", 0), ("y\n", 1)):
                before = len(writes(fake))
                t = Terminal(a, *args)
                t.expect("Passphrase")
                t.send(PASSPHRASE + "\n")
                t.expect(near)
                t.expect(question)
                t.send(answer)
                status = t.end()
                check((status == 0) == bool(sent), args, answer, status, t.text)
                check(len(writes(fake)) == before + sent, args, answer, fake.requests)


# --- lists ---------------------------------------------------------------------------------------

def entry(n, before, target):
    """A line of the audit log, chained as the server does it."""
    members = {"n": n, "time": 1700000000 + n, "who": "admin", "role": "operator", "method": "POST",
               "target": target, "status": 400}
    text = json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()
    members["chain"] = hashlib.sha256(bytes.fromhex(before) + text).hexdigest()
    return members


def audit_of(fake, rows):
    def page(path, body):
        after = int(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))["after"])
        found = [r for r in rows if r["n"] > after]
        return 200, json.dumps({"entries": found, "next": rows[-1]["n"]}, ensure_ascii=False)

    fake.answers["GET", "/v1/admin/audit"] = (200, page)


@test
def the_longest_request_does_not_blind_the_audit(base):
    a = Admin(base)
    with Fake(a) as fake:
        for target, code in (("/v1/admin/x?" + "y" * 2100, 0), ("\u20ac" * 2048, 0),
                             ("\u20ac" * 2048 + "x", 1)):
            rows = [entry(1, "00" * 32, target)]
            rows.append(entry(2, rows[0]["chain"], "/v1/admin/tickets"))
            audit_of(fake, rows)
            for args in (["audit", "list"], ["audit", "verify"]):
                r = a.run(*args)
                check(r.returncode == code, args, len(target), r.returncode, r.stderr)
            if not code:
                os.unlink(os.path.join(a.org, "audit-head"))
                check(a.ok("audit", "list", "--json").count("\n") == 2)


@test
def endless_lists(base):
    """The same rows for ever under a new "next", and rows that go back."""
    a = Admin(base)
    asked = {"n": 0}
    numbered = {"commands": ["command", "list"], "events": ["events"], "audit": ["audit", "list"],
                "hardware": ["hardware", "list"]}
    named = {"devices": (["device", "list"], ["keyset", "phones"]), "tickets": (["ticket", "list"],)}

    def row(kind, n):
        if kind == "commands":
            return command(ORDER, ASKED, row=n)
        if kind == "events":
            return event(n, ASKED)
        if kind == "audit":
            return entry(n, "00" * 32, "/v1/admin/tickets")
        return {"row": n, "serial": "S%d" % n, "ticket": ORDER}

    with Fake(a) as fake:
        for kind, args in numbered.items():
            key = "entries" if kind in ("audit", "hardware") else kind
            for numbers in ((7,), (7, 7), (7, 6)):
                asked["n"] = 0

                def page(path, body, kind=kind, key=key, numbers=numbers):
                    asked["n"] += 1
                    check(asked["n"] < 20, "it goes on and on")
                    return 200, json.dumps({key: [row(kind, n) for n in numbers],
                                            "next": 100 + asked["n"]})

                fake.answers["GET", "/v1/admin/" + kind] = (200, page)
                a.fails(4, *args, says="would never end")
                check(asked["n"] <= 2, kind, asked["n"])
        for kind, lists in named.items():
            for args in lists:
                for ids in ((ASKED,), (ASKED, ASKED), (OTHER, ASKED)):
                    asked["n"] = 0

                    def page(path, body, kind=kind, ids=ids):
                        asked["n"] += 1
                        rows = [device(id) if kind == "devices" else {
                            "id": id, "created": 1, "expires": 2, "groups": []} for id in ids]
                        return 200, json.dumps({kind: rows, "next": "ff" * 15 + "%02x" % asked["n"]})

                    fake.answers["GET", "/v1/admin/" + kind] = (200, page)
                    a.fails(4, *args, says="would never end")
                    check(asked["n"] <= 2, kind, asked["n"])


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
