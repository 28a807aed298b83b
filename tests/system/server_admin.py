#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The administrators' side of the real mdm-server: withdrawal, clones, roles, the audit log.
Usage: server_admin.py BUILD_DIR [NAME]."""

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
from server_admin_rig import audit, command, command_query, give, rebuild, seen_device

TESTS = []


def test(function):
    TESTS.append(function)
    return function


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
