#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The administrators' side of the real mdm-server: the mailbox of commands, withdrawal, clones,
roles, the audit log. Usage: server_admin.py BUILD_DIR [NAME]."""

import hashlib
import json
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
from server_rig import PATIENCE, Kept, Pki, Server, document, equal, event, limit, openssl, run_tests

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def seen_device(server):
    """One that has checked in, so that the server knows its enrolment."""
    device = server.device()
    equal(device.checkin(server).status, 204)
    return device


def command_query(device, id=None, verb="lock", seconds=3600):
    return "type=command&device=%s&id=%s&verb=%s&expires=%d" % (
        device, id or secrets.token_hex(16), verb, int(time.time()) + seconds)


def give(server, device, text="command", **kind):
    id = kind.setdefault("id", secrets.token_hex(16))
    equal(server.put(command_query(device.id, **kind), document(text)).status, 201)
    return id


def command(server, id):
    answer = server.admin("GET", "/v1/admin/commands/" + id)
    equal(answer.status, 200)
    return answer.json


def said(seq, id, state, verb="lock", **data):
    return dict(event(seq), type="command", data=dict({"id": id, "verb": verb, "state": state, "reason": "", "detail": ""}, **data))


def audit(server, after=0):
    entries = []
    while True:
        page = server.admin("GET", "/v1/admin/audit?after=%d" % after).json
        entries += page["entries"]
        if not page["entries"]:
            return entries
        after = page["next"]


def rebuild(entry):
    """The bytes that were chained: the entry as it came, without its last member."""
    text = json.dumps(entry, separators=(",", ":"), ensure_ascii=False)
    return re.sub(r',"chain":"[0-9a-f]{64}"}$', "}", text).encode()


# --- commands


@test
def a_command_goes_its_way(server):
    device = seen_device(server)
    id = give(server, device, "please lock")
    shown = command(server, id)
    equal([shown[k] for k in ("id", "device", "verb", "state", "reason", "detail")],
          [id, device.id, "lock", "queued", None, None])
    equal(shown["document"].encode(), document("please lock"))
    answer = device.checkin(server)
    equal((answer.status, answer.headers["content-type"], answer.body),
          (200, "application/jose", document("please lock")))
    equal(command(server, id)["state"], "delivered")
    # The answer may have got lost: it comes again until the phone says something.
    equal(device.checkin(server).body, document("please lock"))
    equal(device.checkin(server, events=[said(1, id, "accepted"), said(2, id, "running")]).status, 204)
    equal(command(server, id)["state"], "running")
    equal(device.checkin(server, events=[said(3, id, "done", reason="locked", detail="2 sessions")]).status, 204)
    shown = command(server, id)
    equal((shown["state"], shown["reason"], shown["detail"]), ("done", "locked", "2 sessions"))
    equal([h["state"] for h in shown["history"]], ["queued", "delivered", "accepted", "running", "done"])
    assert [h["time"] for h in shown["history"]] == sorted(h["time"] for h in shown["history"])
    equal(shown["changed"], shown["history"][-1]["time"])


@test
def commands_come_behind_all_other_documents_and_in_order(server):
    device = server.device(server.ticket(groups=[]))
    device.checkin(server)
    ids = [give(server, device, "command %d" % i) for i in range(3)]
    stream = "s" + secrets.token_hex(4)
    server.put("type=policy&stream=%s&serial=1" % stream, document("the policy"))
    server.put("type=assignment&device=%s&serial=1&groups=%s" % (device.id, stream), document("the assignment"))
    parts = device.checkin(server).body.split(b"\n\n")
    equal(parts, [document(t).rstrip() for t in ("the assignment", "the policy", "command 0", "command 1")] + [document("command 2")])
    equal([command(server, i)["state"] for i in ids], ["delivered"] * 3)


@test
def an_answer_holds_so_many_commands(server):
    device = seen_device(server)
    most = limit("LIMIT_RESPONSE_DOCUMENTS")
    ids = [give(server, device, "c%d" % i) for i in range(most + 1)]
    answer = device.checkin(server)
    equal(len(answer.body.split(b"\n\n")), most)
    equal(answer.headers["mdm-next-checkin"], str(limit("LIMIT_INTERVAL_MIN_S")))
    equal([command(server, i)["state"] for i in ids[-2:]], ["delivered", "queued"])
    events = [said(n + 1, id, "accepted") for n, id in enumerate(ids[:-1])]
    answer = device.checkin(server, events=events)
    equal((answer.body, answer.headers.get("mdm-next-checkin")), (document("c%d" % most), None))


@test
def a_command_is_for_one_enrolment(server):
    device = seen_device(server)
    id = give(server, device)
    first, device.enrolment = device.enrolment, secrets.token_hex(16)
    equal(device.checkin(server).status, 204)
    equal(command(server, id)["state"], "queued")
    newer = give(server, device, "newer")
    equal(device.checkin(server).body, document("newer"))
    # Not even a phone that goes back to the old one gets both.
    device.enrolment = first
    equal(device.checkin(server).body, document("command"))
    equal((command(server, id)["state"], command(server, newer)["state"]), ("delivered", "delivered"))


@test
def so_many_commands_wait_for_a_device(server):
    device, most = seen_device(server), limit("LIMIT_COMMANDS")
    ids = [give(server, device) for _ in range(most)]
    answer = server.put(command_query(device.id), document("one more"))
    equal((answer.status, answer.json["error"]), (409, "full"))
    equal(server.admin("DELETE", "/v1/admin/commands/" + ids[5]).status, 200)
    equal(server.put(command_query(device.id), document("one more")).status, 201)
    # Those of another enrolment do not count.
    device.enrolment = secrets.token_hex(16)
    device.checkin(server)
    give(server, device)


@test
def putting_the_same_again_is_no_other_command(server):
    device, other = seen_device(server), seen_device(server)
    query = command_query(device.id)
    equal(server.put(query, document("a")).status, 201)
    equal(server.put(query, document("a")).status, 200)
    equal(server.put(query, document("b")).status, 409)
    equal(server.put(query.replace(device.id, other.id), document("a")).status, 409)
    listed = server.admin("GET", "/v1/admin/commands?device=" + device.id).json
    equal((len(listed["commands"]), listed["next"]), (1, None))


@test
def what_was_not_delivered_in_time_expires(server):
    device = seen_device(server)
    kept = give(server, device, "kept")
    id = give(server, device, seconds=8)
    shown = command(server, id)
    while shown["state"] != "expired":
        equal(shown["state"], "queued")
        time.sleep(0.2)
        shown = command(server, id)
    equal(([h["state"] for h in shown["history"]], shown["changed"]), (["queued", "expired"], shown["expires"]))
    answer = server.admin("DELETE", "/v1/admin/commands/" + id)
    equal((answer.status, answer.json["error"]), (409, "expired"))
    equal(device.checkin(server).body, document("kept"))
    # What was delivered may have been done: only the phone can say.
    equal(command(server, kept)["state"], "delivered")


@test
def what_was_delivered_is_not_cancelled(server):
    device = seen_device(server)
    id, early = give(server, device), give(server, device)
    answer = server.admin("DELETE", "/v1/admin/commands/" + early)
    equal((answer.status, answer.json["state"], answer.json["id"]), (200, "cancelled", early))
    equal(server.admin("DELETE", "/v1/admin/commands/" + early).status, 409)
    equal(device.checkin(server).body, document("command"))
    for state in ("delivered", "accepted"):
        answer = server.admin("DELETE", "/v1/admin/commands/" + id)
        equal((answer.status, answer.json["error"]), (409, state))
        assert "cannot be taken back" in answer.json["message"]
        device.checkin(server, events=[said(1, id, "accepted")])
    equal(server.admin("DELETE", "/v1/admin/commands/" + "0" * 32).status, 404)
    equal(server.admin("DELETE", "/v1/admin/commands/xyz").status, 400)


@test
def bad_commands_are_refused(server):
    device, id = seen_device(server), secrets.token_hex(16)
    now = int(time.time())
    good = {"type": "command", "device": device.id, "id": id, "verb": "lock", "expires": str(now + 60)}
    for member, values in {"device": [None, "x", "A" * 32, device.id + "0"], "id": [None, "", "0" * 31, "g" * 32],
                           "verb": [None, "", "-x", "a" * 65, "a%20b"], "expires": [None, "0", str(now - 1), "x", "%2B5", str(now + 40 * 86400)],
                           "serial": ["1"], "stream": ["a"], "ticket": ["0" * 32], "groups": ["a"], "x": ["1"]}.items():
        for value in values:
            query = dict(good, **{member: value})
            text = "&".join("%s=%s" % q for q in query.items() if q[1] is not None)
            answer = server.put(text, document("x"))
            assert answer.status == 400 and answer.json["message"], (text, answer)
    text = "&".join("%s=%s" % q for q in good.items())
    for body in (b"", b"a.b", b"a.b.c\n\n", b"{}", document("x", 9)):
        equal(server.put(text, body).status, 400)
    most = 92 * 1024
    equal(server.put(text, b"a.b." + b"c" * (most - 3)).status, 413)
    equal(server.put(text.replace(device.id, "0" * 32), document("x")).status, 404)
    new = server.device()
    answer = server.put(text.replace(device.id, new.id), document("x"))
    equal((answer.status, answer.json["error"]), (409, "unseen"))
    equal(server.put(text, b"a.b." + b"c" * (most - 4)).status, 201)  # the largest
    equal(server.admin("GET", "/v1/admin/documents?type=command").status, 400)


@test
def a_phone_moves_its_own_commands_and_by_the_machine_only(server):
    device, other = seen_device(server), seen_device(server)
    id = give(server, device)
    # Not delivered yet, so nothing can have become of it.
    lies = [said(1, id, "done"), said(2, id, "running"), said(3, id, "cancelled"), said(4, id, "queued"), said(5, id, "DONE"),
            said(6, "0" * 32, "accepted"), said(7, "x", "accepted"), said(8, id, "accepted", verb="li es"),
            said(9, id, 1), said(10, id, "accepted", detail=7), said(11, id, "accepted", reason="two words"),
            said(12, id, "accepted", detail="x" * 513), dict(said(13, id, "accepted"), data={}), dict(said(14, id, "accepted"), data=None)]
    del lies[-1]["data"]
    equal(device.checkin(server, events=lies).headers["mdm-ack"], "14")
    equal(command(server, id)["state"], "delivered")
    other.checkin(server, events=[said(1, id, "accepted")])
    equal(command(server, id)["state"], "delivered")
    # They are all there to be read, as what the phone said.
    events = server.admin("GET", "/v1/admin/events?device=" + device.id).json["events"]
    equal(len(events), len(lies))
    device.checkin(server, events=[said(20, id, "accepted", detail="x" * 512)])
    # One that is told again, and one that went by already, change nothing.
    device.checkin(server, events=[said(20, id, "accepted"), said(12, id, "refused"), said(21, id, "delivered"), said(22, id, "cancelled")])
    shown = command(server, id)
    equal([h["state"] for h in shown["history"]], ["queued", "delivered", "accepted"])
    device.checkin(server, events=[said(23, id, "running"), said(24, id, "interrupted", reason="reboot"), said(25, id, "done")])
    equal(command(server, id)["state"], "interrupted")


@test
def records_that_a_phone_lost_do_not_leave_its_command_open(server):
    device = seen_device(server)
    for seq, states in ((1, ["done"]), (11, ["running", "failed"]), (21, ["accepted", "refused"]), (31, ["interrupted", "running"])):
        id = give(server, device)
        device.checkin(server)
        device.checkin(server, events=[said(seq + n, id, state) for n, state in enumerate(states)])
        told = [state for state in states if seq != 31 or state == "interrupted"]
        equal([h["state"] for h in command(server, id)["history"]], ["queued", "delivered", *told])


@test
def commands_come_in_pages(server):
    device = seen_device(server)
    ids = [give(server, device) for _ in range(3)]
    page = server.admin("GET", "/v1/admin/commands?limit=2&device=" + device.id).json
    equal([c["id"] for c in page["commands"]], ids[:2])
    assert "document" not in page["commands"][0] and "history" not in page["commands"][0]
    page = server.admin("GET", "/v1/admin/commands?limit=2&device=%s&after=%d" % (device.id, page["next"])).json
    equal(([c["id"] for c in page["commands"]], page["next"]), (ids[2:], None))
    everyone, after = [], 0
    while after is not None:
        page = server.admin("GET", "/v1/admin/commands?limit=5&after=%d" % after).json
        everyone += [c["id"] for c in page["commands"]]
        after = page["next"]
    assert len(everyone) == len(set(everyone)) and everyone[-3:] == ids
    for query in ("limit=501", "limit=0", "after=x", "after=-1", "device=x", "x=1", "limit=1&limit=1"):
        equal(server.admin("GET", "/v1/admin/commands?" + query).status, 400)


@test
def a_flood_of_commands_is_braked(server):
    with tempfile.TemporaryDirectory(prefix="mdm-brake-") as directory:
        braked = Server(server.program, Pki(os.path.join(directory, "pki")), "--commands-per-hour", "3")
        try:
            device, other = seen_device(braked), seen_device(braked)
            query = command_query(device.id)
            equal(braked.put(query, document("command")).status, 201)
            give(braked, other)
            give(braked, other)
            answer = braked.put(command_query(device.id), document("x"))
            equal((answer.status, 0 < int(answer.headers["retry-after"]) <= 3600), (429, True))
            equal(braked.put(query, document("command")).status, 200)
            braked.kill()
            # It is no counter of one process.
            braked = Server(server.program, braked.pki, "--commands-per-hour", "3")
            equal(braked.put(command_query(device.id), document("x")).status, 429)
            equal(len(braked.admin("GET", "/v1/admin/commands").json["commands"]), 3)
        finally:
            braked.kill()


@test
def a_phone_refuses_what_it_cannot_read(server):
    device = seen_device(server)
    id = give(server, device, verb="later")
    device.checkin(server)
    # It does not know the verb; it is not delivered again.
    equal(device.checkin(server, events=[said(1, id, "refused", verb="", reason="meaning", detail="verb: unknown")]).status, 204)
    shown = command(server, id)
    equal((shown["state"], shown["reason"], shown["detail"], shown["verb"]), ("refused", "meaning", "verb: unknown", "later"))


@test
def a_phone_made_anew_with_the_same_key_is_heard(server):
    for again in ("with a new ticket", "by its new enrolment alone"):
        device = seen_device(server)
        equal(device.checkin(server, events=[event(i) for i in range(1, 21)]).headers["mdm-ack"], "20")
        if again == "with a new ticket":
            device.ticket = server.ticket()
            equal(server.est(device.ticket, device.csr).status, 200)
        device.enrolment = secrets.token_hex(16)
        assert "mdm-ack" not in device.checkin(server).headers, again
        id = give(server, device)
        device.checkin(server)
        events = [said(1, id, "accepted"), said(2, id, "running"), said(3, id, "done")]
        for _ in range(2):  # the answer got lost
            equal(device.checkin(server, events=events).headers["mdm-ack"], "3")
        equal(command(server, id)["state"], "done")
        kept = server.admin("GET", "/v1/admin/events?device=" + device.id).json["events"]
        equal([e["seq"] for e in kept], [*range(1, 21), 1, 2, 3])


# --- withdrawal and clones


@test
def a_withdrawn_phone_is_out(server):
    device = seen_device(server)
    id, delivered = give(server, device, seconds=3000), None
    equal(server.admin("DELETE", "/v1/admin/devices/" + "0" * 32).status, 404)
    equal(server.admin("DELETE", "/v1/admin/devices/xyz").status, 400)
    answer = server.admin("DELETE", "/v1/admin/devices/" + device.id)
    equal(answer.status, 200)
    withdrawn = answer.json["withdrawn"]
    assert abs(withdrawn - time.time()) < 30
    time.sleep(1.1)
    equal(server.admin("DELETE", "/v1/admin/devices/" + device.id).json, {"id": device.id, "withdrawn": withdrawn})
    answer = device.checkin(server, events=[event(1)])
    equal(answer.status, 403)
    assert b"withdrawn" in answer.body
    equal(server.request("GET", "/v1/wait?mark=0", identity=device.identity).status, 403)
    record = server.admin("GET", "/v1/admin/devices/" + device.id).json
    equal((record["withdrawn"], record["enrolment"]), (withdrawn, device.enrolment))
    shown = command(server, id)
    equal((shown["state"], shown["reason"]), ("cancelled", "withdrawn"))
    answer = server.put(command_query(device.id), document("x"))
    equal((answer.status, answer.json["error"]), (409, "withdrawn"))
    # Its old ticket gets it nothing any more, a new one does.
    equal(server.est(device.ticket, device.csr).status, 403)
    equal(server.est(server.ticket(), device.csr).status, 200)
    record = server.admin("GET", "/v1/admin/devices/" + device.id).json
    equal((record["withdrawn"], record["enrolment"], record["nonce"]), (0, None, None))
    equal(device.checkin(server).status, 204)


@test
def two_phones_with_one_identity_are_seen(server):
    device = server.device()
    for number in (1, 2, 7):
        equal(device.checkin(server, report=number).status, 204)
    record = server.admin("GET", "/v1/admin/devices/" + device.id).json
    equal(record["clone"], 0)
    equal(device.checkin(server, report=7).status, 204)  # it is told nothing of it
    record = server.admin("GET", "/v1/admin/devices/" + device.id).json
    assert abs(record["clone"] - time.time()) < 30
    assert "device %s: the number of its reports did not grow" % device.id in server.messages()
    # A new enrolment counts anew, and an old agent does not count at all.
    fresh = server.device()
    fresh.checkin(server, report=9)
    fresh.enrolment = secrets.token_hex(16)
    fresh.checkin(server, report=1)
    fresh.checkin(server)
    fresh.checkin(server, report=2)
    equal(server.admin("GET", "/v1/admin/devices/" + fresh.id).json["clone"], 0)
    fresh.checkin(server, report=1)
    assert server.admin("GET", "/v1/admin/devices/" + fresh.id).json["clone"] > 0
    for value in (-1, "1", 1.5, 2**53):
        equal(fresh.checkin(server, report=value).status, 400)


@test
def a_push_endpoint_is_kept_and_checked(server):
    device = server.device()
    equal(device.checkin(server, push="https://push.example/up?id=1").status, 204)
    record = server.admin("GET", "/v1/admin/devices/" + device.id)
    equal(record.json["push"], True)
    assert b"push.example" not in record.body
    device.checkin(server)
    equal(server.admin("GET", "/v1/admin/devices/" + device.id).json["push"], False)
    for url in ("http://push.example/", "https://", "https://a/ b", "https://a/\u00e4", 'https://a/"', "https://a/#x", "x" * 10, 1,
                "https://user@a/", "https://a/" + "x" * limit("LIMIT_URL_BYTES")):
        equal(device.checkin(server, push=url).status, 400)


# --- roles


@test
def a_viewer_looks_and_changes_nothing(server):
    viewer = server.pki.issue("viewer", "/O=test/OU=mdm-viewer/CN=bob", "client")
    device = seen_device(server)
    id = give(server, device)
    for path in ("status", "tickets", "devices", "devices/" + device.id, "commands", "commands/" + id, "hardware", "audit", "events"):
        equal(server.admin("GET", "/v1/admin/" + path, identity=viewer).status, 200)
    stream = "s" + secrets.token_hex(4)
    attempts = [("POST", "/v1/admin/tickets", {"id": "0" * 32, "secret_sha256": "0" * 64, "expires": 2**33, "groups": []}),
                ("PUT", "/v1/admin/documents?type=policy&stream=%s&serial=1" % stream, document("x")),
                ("PUT", "/v1/admin/documents?" + command_query(device.id), document("x")),
                ("DELETE", "/v1/admin/commands/" + id, None), ("DELETE", "/v1/admin/devices/" + device.id, None),
                ("POST", "/v1/admin/hardware", {}), ("DELETE", "/v1/admin/hardware/1", None)]
    before = audit(server)[-1]["n"]
    for method, path, body in attempts:
        answer = server.admin(method, path, body, viewer)
        equal((answer.status, answer.json["error"]), (403, "forbidden"))
        assert "mdm-admin" in answer.json["message"], answer
    equal(command(server, id)["state"], "queued")
    equal(server.admin("GET", "/v1/admin/documents?type=policy&stream=" + stream).status, 404)
    entries = audit(server, before)
    equal([(e["who"], e["role"], e["method"], e["target"], e["status"], e["body_sha256"]) for e in entries],
          [("bob", "viewer", m, p, 403, None) for m, p, _ in attempts])


@test
def what_is_no_administrator_is_on_record(server):
    plain = server.pki.issue("plain", "/OU=mdm-viewers/CN=mallory", "client")
    both = server.pki.issue("both", "/OU=mdm-viewer/OU=mdm-admin/CN=mallory", "client")
    before = audit(server)
    for identity in (plain, both):
        equal(server.admin("GET", "/v1/admin/devices?limit=1", identity=identity).status, 403)
    entries = audit(server, before[-1]["n"] if before else 0)
    equal([(e["who"], e["role"], e["method"], e["target"], e["status"]) for e in entries],
          [("mallory", "none", "GET", "/v1/admin/devices?limit=1", 403)] * 2)


# --- audit


@test
def every_change_is_on_record_before_its_answer(server):
    start = audit(server)
    start = start[-1]["n"] if start else 0
    device = seen_device(server)
    body = document("x")
    stream = "s" + secrets.token_hex(4)
    target = "/v1/admin/documents?type=policy&stream=%s&serial=2" % stream
    for status in (201, 200):
        equal(server.admin("PUT", target, body).status, status)
    equal(server.admin("PUT", target.replace("=2", "=1"), body).status, 409)
    equal(server.admin("POST", "/v1/admin/tickets", b"nonsense").status, 400)
    equal(server.admin("DELETE", "/v1/admin/nothing/here").status, 404)
    equal(server.admin("POST", "/v1/admin/status", b"").status, 405)
    equal(server.admin("GET", "/v1/admin/status").status, 200)
    equal(server.admin("DELETE", "/v1/admin/devices/" + device.id).status, 200)
    entries = audit(server, start)
    serial = openssl("x509", "-in", server.pki.admin[0], "-noout", "-serial").decode().strip().split("=")[1].lower()
    digest = hashlib.sha256(body).hexdigest()
    equal([(e["method"], e["target"], e["status"], e["body_sha256"]) for e in entries][1:],
          [("PUT", target, 201, digest), ("PUT", target, 200, digest), ("PUT", target.replace("=2", "=1"), 409, digest),
           ("POST", "/v1/admin/tickets", 400, hashlib.sha256(b"nonsense").hexdigest()),
           ("DELETE", "/v1/admin/nothing/here", 404, None), ("POST", "/v1/admin/status", 405, None),
           ("DELETE", "/v1/admin/devices/" + device.id, 200, hashlib.sha256(b"").hexdigest())])
    equal((entries[0]["method"], entries[0]["target"], entries[0]["status"]), ("POST", "/v1/admin/tickets", 201))
    for e in entries:
        equal((e["who"], e["certificate"], e["role"]), ("alice", serial, "operator"))
        assert abs(e["time"] - time.time()) < 60
        equal(list(e), ["n", "time", "who", "certificate", "role", "method", "target", "body_sha256", "status", "chain"])


@test
def the_chain_fits_what_is_shown(server):
    server.ticket()
    chain = bytes(32)
    entries = audit(server)
    for n, e in enumerate(entries):
        equal(e["n"], n + 1)
        chain = hashlib.sha256(chain + rebuild(e)).digest()
        equal(chain.hex(), e["chain"])
    page = server.admin("GET", "/v1/admin/audit?limit=1").json
    equal((len(page["entries"]), page["next"]), (1, 1))
    equal(server.admin("GET", "/v1/admin/audit?after=%d" % len(entries)).json, {"entries": [], "next": len(entries)})


@test
def targets_are_on_record_as_they_came(server):
    start = audit(server)
    start = start[-1]["n"] if start else 0
    # What stands in no URL is no HTTP: each of it would take three places in the log.
    for odd in ('"', "\\", "\u00e4", "\t", "\x7f"):
        equal(server.admin("DELETE", "/v1/admin/devices/x?a=" + odd * 100).status, 400)
    equal(audit(server, start), [])
    longest = "/v1/admin/devices/x?a=%22<>'" + "x" * (2048 - 28)
    equal(server.admin("DELETE", longest).status, 400)
    entry = audit(server, start)[0]
    equal((entry["status"], entry["target"]), (400, longest))


def verify(server, directory, *more):
    return subprocess.run([server.program, "audit", "verify", "--state", directory, *more], capture_output=True, text=True)


@test
def a_changed_log_is_found(server):
    for _ in range(4):
        server.ticket()
    done = verify(server, server.pki.state)  # beside the running server
    equal(done.returncode, 0)
    entries = audit(server)
    assert "%d entries" % len(entries) in done.stdout, done
    note = re.search(r"(\d+:[0-9a-f]{64})", done.stdout).group(1)
    exported = subprocess.run([server.program, "audit", "export", "--state", server.pki.state], capture_output=True, check=True)
    equal([json.loads(line) for line in exported.stdout.splitlines()][:len(entries)], entries)

    def tampered(*statements):
        """A copy on which these were done; with the triggers in place, they would all have failed."""
        with tempfile.TemporaryDirectory(prefix="mdm-audit-") as directory:
            with sqlite3.connect(os.path.join(server.pki.state, "mdm.db")) as source, \
                    sqlite3.connect(os.path.join(directory, "mdm.db")) as copy:
                source.backup(copy)
            for statement in statements:
                if not statement.startswith("DROP"):
                    try:
                        copy.execute(statement)
                        raise AssertionError("the table took: " + statement)
                    except sqlite3.IntegrityError:
                        pass
            copy.executescript("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; DROP TRIGGER audit_in_order;")
            for statement in statements:
                copy.execute(statement)
            copy.commit()
            copy.close()
            source.close()
            done = verify(server, directory, "--known", note)
            return done.returncode, done.stdout

    n = len(entries)
    code, words = tampered("UPDATE audit SET json=replace(json, 'alice', 'alicf') WHERE n=%d" % (n - 2))
    assert code == 1 and "entry %d does not fit" % (n - 2) in words, words
    code, words = tampered("UPDATE audit SET chain=zeroblob(32) WHERE n=%d" % (n - 1))
    assert code == 1 and "entry %d" % (n - 1) in words, words
    code, words = tampered("DELETE FROM audit WHERE n=%d" % (n - 1))
    assert code == 1 and "entry %d" % (n - 1) in words, words
    code, words = tampered("INSERT OR REPLACE INTO audit SELECT 1, json, chain FROM audit WHERE n=2")
    assert code == 1 and "entry 1 " in words, words
    # What is missing at the end, only a note shows.
    code, words = tampered("DELETE FROM audit WHERE n=%d" % n)
    assert code == 1 and "shortened" in words, words
    equal(verify(server, server.pki.state, "--known", note).returncode, 0)
    equal(verify(server, server.pki.state, "--known", "1:" + "0" * 64).returncode, 1)
    equal(verify(server, server.pki.state, "--known", "nonsense").returncode, 2)
    equal(verify(server, server.pki.path("nowhere")).returncode, 1)


@test
def refused_attempts_do_not_fill_the_disk(server):
    with tempfile.TemporaryDirectory(prefix="mdm-refusals-") as directory:
        flooded = Server(server.program, Pki(os.path.join(directory, "pki")))
        try:
            most, statuses = 1000, []
            for _ in range(2):  # a connection serves so many requests
                kept = Kept(flooded, flooded.admin_port, flooded.pki.admin)
                statuses += [kept.request("DELETE", "/v1/admin/hardware/1").status for _ in range(most // 2 + 20)]
                kept.socket.close()
            equal((statuses.count(404), statuses.count(429)), (most, 40))
            equal(len(audit(flooded)), most)
            equal(flooded.messages().count("those that follow are not in the audit log"), 1)
            # What is not refused goes on, and is on record.
            device = seen_device(flooded)
            equal(audit(flooded)[-1]["status"], 201)
            equal(flooded.admin("DELETE", "/v1/admin/devices/" + device.id).status, 200)
            equal(audit(flooded)[-1]["target"], "/v1/admin/devices/" + device.id)
            query = "type=policy&stream=again&serial=1"
            equal(flooded.put(query, document("x")).status, 201)
            n = len(audit(flooded))
            # Nor does what changes nothing because it is so already.
            equal(flooded.put(query, document("x")).status, 429)
            equal(flooded.admin("DELETE", "/v1/admin/devices/" + device.id).status, 429)
            equal(len(audit(flooded)), n)
        finally:
            flooded.kill()


@test
def no_answer_without_its_entry(server):
    """A change and its entry are one transaction: killed in the middle, both are there or neither."""
    with tempfile.TemporaryDirectory(prefix="mdm-kill-") as directory:
        pki = Pki(os.path.join(directory, "pki"))
        answered = set()
        for _ in range(4):
            victim = Server(server.program, pki)
            stop, before = threading.Event(), len(answered)

            def work():
                while not stop.is_set():
                    try:
                        answered.add(victim.ticket()[0])
                    except (OSError, AssertionError):
                        return

            thread = threading.Thread(target=work)
            thread.start()
            deadline = time.time() + PATIENCE
            while len(answered) < before + 3 and time.time() < deadline:
                time.sleep(0.01)
            victim.kill()
            stop.set()
            thread.join()
        victim = Server(server.program, pki)
        try:
            tickets = set()
            after = ""
            while after is not None:
                page = victim.admin("GET", "/v1/admin/tickets?limit=500" + (after and "&after=" + after)).json
                tickets |= {t["id"] for t in page["tickets"]}
                after = page["next"]
            entries = audit(victim)
            assert len(answered) >= 12 and answered <= tickets
            equal(len(entries), len(tickets))
            equal(verify(server, pki.state).returncode, 0)
        finally:
            victim.kill()


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
