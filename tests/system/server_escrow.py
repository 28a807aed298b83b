#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sealed secrets at the real mdm-server: kept once and for ever, handed out on record, and no phone
fills the disk with them. Usage: server_escrow.py BUILD_DIR [NAME]."""

import base64
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from server_rig import Pki, Server, equal, run_tests, section
from server_admin_rig import audit

TESTS = []
DIGEST = "ab" * 32


def test(function):
    TESTS.append(function)
    return function


def bound(name):
    with open(os.path.join(os.path.dirname(__file__), "../../server/bounds.h")) as f:
        return int(re.search(r"^#define %s (\d+)" % name, f.read(), re.M).group(1))


def entry(generation=1, cms=None, kind="unlock", **more):
    return dict({"kind": kind, "generation": generation, "counter": 0, "certificates": [DIGEST],
                 "cms": base64.b64encode(cms or secrets.token_bytes(300)).decode()}, **more)


def send(server, device, *entries, **more):
    body = dict({"v": 1, "entries": list(entries)}, **more)
    return device.checkin(server, sections={"escrow": section(body)})


def kept(server, device=None):
    rows, after = [], 0
    while after is not None:
        query = "?limit=3&after=%d%s" % (after, "&device=" + device.id if device else "")
        answer = server.admin("GET", "/v1/admin/escrow" + query)
        equal(answer.status, 200)
        rows += answer.json["escrow"]
        after = answer.json["next"]
    return rows


def fetch(server, row, device, **how):
    return server.admin("GET", "/v1/admin/escrow/%s?device=%s" % (row, device), **how)


@test
def every_generation_is_kept(server):
    device, other = server.device(), server.device()
    first, second = entry(1), entry(2)
    equal(send(server, device, first).status, 204)
    equal(send(server, device, dict(first, counter=5)).status, 204)
    equal(send(server, device, second, entry(1, kind="luks")).status, 204)
    equal(send(server, other, first).status, 204)
    rows = kept(server, device)
    equal([(r["kind"], r["generation"]) for r in rows], [("unlock", 1), ("unlock", 2), ("luks", 1)])
    equal(len([r for r in kept(server) if r["device"] in (device.id, other.id)]), 4)
    for row, sent in zip(rows, (first, second)):
        equal((row["device"], row["enrolment"], row["certificates"]),
              (device.id, device.enrolment, [DIGEST]))
        assert "cms" not in row and abs(row["received"] - time.time()) < 60
        equal(fetch(server, row["row"], device.id).json, dict(row, cms=sent["cms"]))
    # The section itself shows the counter that the phone told last.
    send(server, device, dict(second, counter=9))
    body = server.admin("GET", "/v1/admin/devices/" + device.id).json["sections"]["escrow"]["body"]
    equal(body["entries"][0]["counter"], 9)
    equal(len(kept(server, device)), 3)


@test
def another_enrolment_is_another(server):
    device, same = server.device(), entry(1)
    send(server, device, same)
    device.enrolment = secrets.token_hex(16)
    send(server, device, same)
    equal(len({r["enrolment"] for r in kept(server, device)}), 2)


@test
def handing_out_is_on_record(server):
    device = server.device()
    send(server, device, entry())
    row = kept(server, device)[0]["row"]
    before = len(audit(server))
    equal(fetch(server, row, device.id).status, 200)
    entries = audit(server)
    equal(len(entries), before + 1)
    last = entries[-1]
    equal((last["method"], last["status"], last["who"], last["role"]), ("GET", 200, "alice", "operator"))
    equal(last["target"], "/v1/admin/escrow/%d?device=%s" % (row, device.id))
    # Looking at the list is not.
    kept(server, device)
    equal(len(audit(server)), before + 1)


@test
def who_may_and_what(server):
    device, other = server.device(), server.device()
    send(server, device, entry())
    row = kept(server, device)[0]["row"]
    viewer = server.pki.issue("viewer-escrow", "/O=test/OU=mdm-viewer/CN=vera", "client")
    equal(server.admin("GET", "/v1/admin/escrow", identity=viewer).status, 200)
    equal(fetch(server, row, device.id, identity=viewer).status, 403)
    assert audit(server)[-1]["status"] == 403
    equal(fetch(server, row, other.id).status, 404)
    equal(fetch(server, row + 1000, device.id).status, 404)
    for path in ("x?device=" + device.id, "%d" % row, "0?device=" + device.id, "%d?device=xyz" % row,
                 "%d?device=%s&more=1" % (row, device.id)):
        equal(server.admin("GET", "/v1/admin/escrow/" + path).status, 400)
    equal(server.admin("GET", "/v1/admin/escrow?device=xyz").status, 400)
    for method in ("PUT", "POST", "DELETE"):
        equal(server.admin(method, "/v1/admin/escrow/%d?device=%s" % (row, device.id)).status, 405)
    # Where phones talk it is not to be had.
    equal(server.request("GET", "/v1/admin/escrow", identity=device.identity).status, 404)


@test
def what_is_malformed_is_refused_whole(server):
    device = server.device()
    for bad in (entry(0), entry(1, kind="a b"), dict(entry(), cms="?"), dict(entry(), certificates=[]),
                dict(entry(), cms=base64.b64encode(bytes(4097)).decode()), {"kind": "unlock"}, 7):
        equal(send(server, device, entry(5), bad).status, 400)
    # Of a code and a recovery key for each of eight disks two, and one more.
    equal(send(server, device, *[entry(n) for n in range(1, 20)]).status, 400)
    equal(kept(server, device), [])
    # What had no room in the report comes again, and a member of tomorrow is no reason to refuse.
    equal(device.checkin(server, sections={"escrow": section({"too_large": True})}).status, 204)
    equal(send(server, device, dict(entry(), note="later"), later=1).status, 204)


@test
def no_phone_fills_the_disk(server):
    device, most = server.device(), bound("BOUND_ESCROW_PER_DAY")
    for n in range(most):
        equal(send(server, device, entry(n + 1)).headers.get("mdm-resend"), None)
    again = send(server, device, entry(most + 1))
    equal((again.status, again.headers.get("mdm-resend")), (204, "escrow"))
    equal(len(kept(server, device)), most)
    other = server.device()
    equal(send(server, other, entry()).headers.get("mdm-resend"), None)
    # The rest of such a report is taken.
    body = {"v": 1, "entries": [entry(most + 2)]}
    answer = device.checkin(server, sections={"escrow": section(body), "agent": section({"version": "9"})})
    equal(answer.headers.get("mdm-resend"), "escrow")
    sections = server.admin("GET", "/v1/admin/devices/" + device.id).json["sections"]
    equal(sections["agent"]["body"], {"version": "9"})


@test
def it_survives(server):
    """A power cut behind the answer, a backup, a restore."""
    with tempfile.TemporaryDirectory(prefix="mdm-escrow-") as directory:
        pki = Pki(os.path.join(directory, "main"))
        own = Server(server.program, pki)
        device, sent = own.device(), entry()
        equal(send(own, device, sent).status, 204)
        own.kill()
        own = Server(server.program, pki)
        row = kept(own, device)[0]["row"]
        equal(fetch(own, row, device.id).json["cms"], sent["cms"])
        copy = os.path.join(directory, "copy")
        subprocess.run([server.program, "backup", "--state", pki.state, "--output", copy], check=True,
                       capture_output=True, timeout=60)
        equal(own.stop(), 0)
        os.rename(pki.state, pki.state + ".old")
        done = subprocess.run([server.program, "restore", "--state", pki.state, "--from", copy],
                              capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        own = Server(server.program, pki)
        equal(fetch(own, row, device.id).json["cms"], sent["cms"])
        equal(own.stop(), 0)


sys.exit(run_tests(TESTS, __doc__))
