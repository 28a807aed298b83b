#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The brake on destructive commands of the real mdm-server: a few an hour for one administrator, each of
the others waits for another one. Usage: server_brake.py BUILD_DIR [NAME]."""

import contextlib
import http.client
import os
import re
import secrets
import sqlite3
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
from server_rig import PATIENCE, Pki, Server, document, equal, run_tests
from server_admin_rig import audit, command, command_query, give, give_destructive, seen_device

TESTS = []


def test(function):
    TESTS.append(function)
    return function


class Braked(Server):
    """A server of its own, with bob as the second operator beside alice, whom the rig acts for."""

    def __init__(self, program, pki, most):
        super().__init__(program, pki, "--destructive-per-hour", str(most), "--metrics-listen", "127.0.0.1:0")
        self.program, self.most = program, most
        self.bob = pki.bob
        self.metrics_port = int(re.findall(r"event=started.* metrics=127\.0\.0\.1:(\d+)", self.messages())[-1])

    def restarted(self, most=None):
        self.kill()
        return Braked(self.program, self.pki, self.most if most is None else most)

    def number(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics_port, timeout=PATIENCE)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return int(re.search(r"^%s (\d+)$" % name, text, re.M).group(1))

    def decide(self, method, id, identity=None):
        """POST approves, DELETE rejects."""
        return self.admin(method, "/v1/admin/approvals/" + id, b"" if method == "POST" else None, identity)

    def change(self, sql):
        db = sqlite3.connect(os.path.join(self.pki.state, "mdm.db"), timeout=PATIENCE, isolation_level=None)
        db.execute(sql)
        db.close()


@contextlib.contextmanager
def braked(server, most):
    """In a list, so that whoever starts it anew can put the new one there."""
    with tempfile.TemporaryDirectory(prefix="mdm-brake-") as directory:
        pki = Pki(os.path.join(directory, "pki"))
        pki.bob = pki.issue("bob", "/O=test/OU=mdm-admin/CN=bob", "client")
        box = [Braked(server.program, pki, most)]
        try:
            yield box
        finally:
            box[0].kill()


@test
def so_many_pass_and_one_more_is_held(server):
    with braked(server, 2) as box:
        own = box[0]
        phones = [seen_device(own) for _ in range(3)]
        statuses = [give_destructive(own, phone)[0] for phone in phones[:2]]
        equal(statuses, [201, 201])
        status, id = give_destructive(own, phones[2])
        equal(status, 202)
        shown = command(own, id)
        equal([shown[k] for k in ("state", "held", "given_by", "approved_by", "reason", "detail")],
              ["queued", True, "alice", None, None, "waits for another administrator than alice"])
        equal([h["state"] for h in shown["history"]], ["queued"])
        equal([c["held"] for c in own.admin("GET", "/v1/admin/commands").json["commands"]], [False, False, True])
        # It is not handed out, nor news for its phone; the others are.
        equal([phone.checkin(own).status for phone in phones], [200, 200, 204])
        equal((own.number("mdm_commands_held_total"), own.number("mdm_commands_waiting_approval")), (1, 1))
        equal(own.admin("GET", "/v1/admin/status").json["commands_held"], 1)
        assert re.search(r"level=warning .*command %s \(wipe\) of administrator alice.* is held" % id, own.messages())
        # The same bytes again, after a lost answer: as before.
        query = command_query(phones[2].id, id, "wipe")
        answer = own.put(query, document(id, verb="wipe", nonce="n" * 22))
        equal((answer.status, answer.json), (202, {"held": True}))
        equal(own.number("mdm_commands_held_total"), 1)
        equal([e["status"] for e in audit(own) if e["method"] == "PUT"], [201, 201, 202, 202])


@test
def nobody_approves_his_own(server):
    with braked(server, 0) as box:
        own = box[0]
        device = seen_device(own)
        status, id = give_destructive(own, device)
        equal(status, 202)
        # Not with the same certificate, nor with another one of that name, however it is written.
        again = own.pki.issue("alice-renewed", "/O=test/OU=mdm-admin/CN=alice", "client")
        shouted = own.pki.issue("alice-shouted", "/O=test/OU=mdm-admin/CN=ALICE", "client")
        for identity in (None, again, shouted):
            answer = own.decide("POST", id, identity)
            equal((answer.status, answer.json["error"]), (403, "same_administrator"))
            assert "you gave this command yourself" in answer.json["message"]
        viewer = own.pki.issue("viewer", "/O=test/OU=mdm-viewer/CN=carol", "client")
        equal([own.decide(method, id, viewer).status for method in ("POST", "DELETE")], [403, 403])
        equal((command(own, id)["held"], device.checkin(own).status), (True, 204))
        tried = [(e["who"], e["role"], e["status"]) for e in audit(own) if e["target"] == "/v1/admin/approvals/" + id]
        equal(tried, [("alice", "operator", 403)] * 2 + [("ALICE", "operator", 403)] + [("carol", "viewer", 403)] * 2)


@test
def another_one_approves_one(server):
    with braked(server, 1) as box:
        own = box[0]
        phones = [seen_device(own) for _ in range(3)]
        equal(give_destructive(own, phones[0])[0], 201)
        (_, id), (_, other) = (give_destructive(own, phone, "crypto-lock") for phone in phones[1:])
        expires = command(own, id)["expires"]
        # Who waits hears of it when it is approved.
        mark = phones[1].checkin(own).headers["mdm-mark"]
        heard = []
        waiting = threading.Thread(target=lambda: heard.append(
            own.request("GET", "/v1/wait?mark=" + mark, identity=phones[1].identity).status))
        waiting.start()
        answer = own.decide("POST", id, own.bob)
        equal((answer.status, answer.json["held"], answer.json["approved_by"], answer.json["state"], answer.json["expires"]),
              (200, False, "bob", "queued", expires))
        waiting.join(PATIENCE)
        equal(heard, [200])
        equal(phones[1].checkin(own).body, document(id, verb="crypto-lock", nonce="n" * 22))
        shown = command(own, id)
        equal([(h["state"], h["detail"]) for h in shown["history"]],
              [("queued", "waits for another administrator than alice"), ("queued", "approved by administrator bob"),
               ("delivered", None)])
        equal((shown["given_by"], shown["approved_by"]), ("alice", "bob"))
        # It was one approval: not for the one beside it, nor for the next, and not twice.
        equal((command(own, other)["held"], phones[2].checkin(own).status), (True, 204))
        equal(give_destructive(own, phones[2])[0], 202)
        answer = own.decide("POST", id, own.bob)
        equal((answer.status, answer.json["error"]), (409, "not_held"))
        entries = [(e["who"], e["status"]) for e in audit(own) if e["target"] == "/v1/admin/approvals/" + id]
        equal(entries, [("bob", 200), ("bob", 409)])
        assert "administrator bob approved command %s (crypto-lock) of administrator alice" % id in own.messages()
        # Bob is nobody's second for what he gave himself; alice is.
        _, bobs = give_destructive(own, phones[0], identity=own.bob)
        equal((own.decide("POST", bobs, own.bob).status, own.decide("POST", bobs).status), (403, 200))


@test
def the_hour_slides_over_restarts(server):
    with braked(server, 2) as box:
        own = box[0]
        device = seen_device(own)
        equal([give_destructive(own, device)[0] for _ in range(2)], [201, 201])
        _, held = give_destructive(own, device)
        box[0] = own = own.restarted()
        equal(give_destructive(own, device)[0], 202)
        assert command(own, held)["held"]
        equal((own.number("mdm_commands_held_total"), own.number("mdm_commands_waiting_approval")), (1, 2))
        equal(own.decide("POST", held, own.bob).status, 200)
        equal(give_destructive(own, device)[0], 202)
        # A little less than an hour later, and a little more.
        own.change("UPDATE commands SET created=created-3500")
        equal(give_destructive(own, device)[0], 202)
        own.change("UPDATE commands SET created=created-200")
        equal([give_destructive(own, device)[0] for _ in range(3)], [201, 201, 202])
        # A clock that was set back opens nothing.
        own.change("UPDATE commands SET created=created+100000")
        equal(give_destructive(own, device)[0], 202)
        # Another setting counts what is there: four.
        box[0] = own = own.restarted(5)
        equal([give_destructive(own, device)[0] for _ in range(2)], [201, 202])


@test
def uploads_at_once_do_not_pass_together(server):
    with braked(server, 3) as box:
        own = box[0]
        phones, results = [seen_device(own) for _ in range(8)], []
        start = threading.Barrier(len(phones))

        def run(device, identity):
            start.wait(PATIENCE)
            results.append(give_destructive(own, device, identity=identity)[0])

        threads = [threading.Thread(target=run, args=(device, (None, own.bob)[i % 2])) for i, device in enumerate(phones)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        equal(sorted(results), [201] * 3 + [202] * 5)


@test
def it_expires_while_it_is_held(server):
    with braked(server, 0) as box:
        own = box[0]
        device = seen_device(own)
        _, id = give_destructive(own, device, seconds=8)
        while command(own, id)["state"] != "expired":
            time.sleep(0.2)
        shown = command(own, id)
        equal((shown["held"], shown["detail"], shown["changed"]),
              (False, "no other administrator approved it before its end", shown["expires"]))
        for method in ("POST", "DELETE"):
            answer = own.decide(method, id, own.bob)
            equal((answer.status, answer.json["error"]), (409, "expired"))
            assert "expired while it was held" in answer.json["message"]
        equal(device.checkin(own).status, 204)
        equal(own.number("mdm_commands_waiting_approval"), 0)


@test
def it_is_rejected_or_cancelled(server):
    with braked(server, 0) as box:
        own = box[0]
        device = seen_device(own)
        ids = [give_destructive(own, device)[1] for _ in range(4)]
        answer = own.decide("DELETE", ids[0], own.bob)
        equal([answer.json[k] for k in ("state", "held", "reason", "detail", "approved_by")],
              ["cancelled", False, "rejected", "by administrator bob", None])
        # Taking back is for everybody, also for whoever gave it.
        equal(own.decide("DELETE", ids[1]).status, 200)
        equal(own.admin("DELETE", "/v1/admin/commands/" + ids[2]).json["held"], False)
        for id in ids[:3]:
            for method in ("POST", "DELETE"):
                answer = own.decide(method, id, own.bob)
                equal((answer.status, answer.json["error"]), (409, "not_held"))
        equal(device.checkin(own).status, 204)
        equal(own.decide("POST", ids[3], own.bob).status, 200)
        equal(own.decide("DELETE", ids[3], own.bob).json["error"], "not_held")
        equal(len(device.checkin(own).body.split(b"\n\n")), 1)
        equal([own.decide("POST", id, own.bob).status for id in ("0" * 32, "xyz", ids[0] + "?x=1")], [404, 400, 400])
        # A withdrawn phone's are over, held or not.
        _, id = give_destructive(own, device)
        equal(own.admin("DELETE", "/v1/admin/devices/" + device.id).status, 200)
        equal(command(own, id)["state"], "cancelled")
        equal(own.decide("POST", id, own.bob).json["error"], "not_held")


@test
def what_destroys_nothing_is_never_held(server):
    with braked(server, 0) as box:
        own = box[0]
        device = seen_device(own)
        for verb in ("sync", "lock", "message", "reboot", "unenroll", "diagnostics", "unlock-attempts", "rotate-recovery-key",
                     "install", "remove", "update", "lost"):
            equal(own.put(command_query(device.id, verb=verb), document(verb, verb=verb, nonce="n" * 22)).status, 201)
        # A flood of them uses nothing up, and what is destructive is held beside them all the same.
        for _ in range(20):
            equal(own.put(command_query(device.id, verb="reboot"), document("r", verb="reboot")).status, 201)
        equal(give_destructive(own, device)[0], 202)
        equal(len(device.checkin(own).body.split(b"\n\n")), 32)
        # Verbs that this server does not know: as their nonce says.
        equal(own.put(command_query(device.id, verb="shine"), document("x", verb="shine")).status, 201)
        equal(give_destructive(own, device, "shred")[0], 202)
        equal(own.number("mdm_commands_waiting_approval"), 2)
    with braked(server, 1) as box:
        own = box[0]
        device = seen_device(own)
        for _ in range(5):
            give(own, device)
        equal([give_destructive(own, device)[0] for _ in range(2)], [201, 202])


@test
def the_document_says_what_it_is(server):
    with braked(server, 0) as box:
        own = box[0]
        device = seen_device(own)
        wipe = {"type": "command", "verb": "wipe", "nonce": "n" * 22}
        # Not under another verb's name …
        answer = own.put(command_query(device.id, verb="lock"), document("x", **wipe))
        equal((answer.status, "not the verb of the document" in answer.json["message"]), (400, True))
        # … nor unreadable …
        for body in (b"a.b.c\n", document("x", verb=1), document("x", verb="lock")[:-1] + b"\n" + document("x", verb="sync")):
            equal(own.put(command_query(device.id), body).status, 202)
        # … nor as a document of another kind, which the phone would take for what it is.
        headed = '{"alg":"EdDSA","kid":"k","typ":"mdm-command"}'
        for query in ("type=policy&stream=staff&serial=1", "type=keyset&serial=1",
                      "type=assignment&device=%s&serial=1&groups=staff" % device.id):
            for body in (document("x", **wipe), document("x", header=headed), document("a") + document("b", header=headed)):
                answer = own.put(query, body)
                equal((answer.status, "type=command" in answer.json["message"]), (400, True))
        equal(device.checkin(own).status, 204)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
