#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdmctl and a server that somebody took over: it answers for other objects than those that were
asked for, chooses which phone a short id means, and never comes to an end.

Usage: mdmctl_taken_over.py BUILD_DIR [NAME]...   the last line is "N passed, N failed, N skipped"
"""
import json
import os
import sys

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


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
