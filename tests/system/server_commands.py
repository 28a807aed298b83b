#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mailbox of commands of the real mdm-server, as administrators and phones see it.
Usage: server_commands.py BUILD_DIR [NAME]."""

import os
import secrets
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from server_rig import Pki, Server, document, equal, event, limit, run_tests
from server_admin_rig import command, command_query, give, said, seen_device

TESTS = []


def test(function):
    TESTS.append(function)
    return function


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


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
