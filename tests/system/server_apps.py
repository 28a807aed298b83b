#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The section "apps" at the real mdm-server: what changed is put into what is held, and whatever does
not come out as the phone says is asked for again and changes nothing. Usage: server_apps.py BUILD_DIR
[NAME]."""

import hashlib
import json
import sys

sys.dont_write_bytecode = True
from server_rig import equal, run_tests, section

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def app(name, version="1"):
    return {"kind": "package", "name": name, "version": version}


def whole(apps, **about):
    """The text of a section, as a phone writes it."""
    return compact({"v": 1, "about": about, "apps": sorted(apps, key=compact)})


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def delta(before, now, **replace):
    """What makes the second text of the first."""
    old, new = ([compact(a) for a in json.loads(t)["apps"]] for t in (before, now))
    made = {"v": 1, "from": digest(before), "about": json.loads(now)["about"],
            "gone": [i for i, a in enumerate(old) if a not in new],
            "put": [json.loads(a) for a in new if a not in old]}
    made.update(replace)
    return made


def send(server, device, text, change=None):
    """A report; with a change it stands in place of the text. The answer."""
    report = json.loads(device.report())
    report["sections"]["apps"] = {"digest": digest(text)}
    if change is not None:
        report["sections"]["apps"]["delta"] = change
        body = compact(report)
    else:
        report["sections"]["apps"]["body"] = "@"
        body = compact(report).replace('"@"', text)
    return device.checkin(server, body.encode())


def held(server, device):
    """What the server has: digest and body as the phone wrote it."""
    body = server.admin("GET", "/v1/admin/devices/" + device.id).body.decode()
    kept = json.loads(body)["sections"].get("apps")
    if not kept:
        return None
    text = compact(kept["body"])
    assert text in body, "not verbatim"
    equal(digest(text), kept["digest"])
    return text


def resend(answer):
    return [n for n in answer.headers.get("mdm-resend", "").split(",") if n]


@test
def what_changed_is_put_together(server):
    device = server.device()
    now = whole([app("b"), app("d"), app("f")], packages=3)
    equal(resend(send(server, device, now)), [])
    equal(held(server, device), now)
    for apps in (["b", "c", "d", "f"], ["a", "b", "d", "z"], ["z"], [], ["m"]):
        before, now = now, whole([app(a) for a in apps], packages=len(apps))
        equal(resend(send(server, device, now, delta(before, now))), [])
        equal(held(server, device), now)
    before, now = now, whole([app("m", "2"), app("\u00e4 \" \\")], packages=1)
    equal(resend(send(server, device, now, delta(before, now))), [])
    equal(held(server, device), now)


@test
def an_answer_that_got_lost(server):
    device = server.device()
    first, second = whole([app("a")]), whole([app("a"), app("b")])
    send(server, device, first)
    change = delta(first, second)
    equal(resend(send(server, device, second, change)), [])
    # The phone knows nothing of that and says it again: it is held already.
    equal(resend(send(server, device, second, change)), [])
    equal(held(server, device), second)
    # Meanwhile something else changed: for that what the phone believes is too old.
    third = whole([app("c")])
    equal(resend(send(server, device, third, delta(first, third))), ["apps"])
    equal(held(server, device), second)
    equal(resend(send(server, device, third)), [])
    equal(held(server, device), third)


@test
def nothing_is_held(server):
    device = server.device()
    now = whole([app("a")])
    equal(resend(send(server, device, now, delta(whole([]), now))), ["apps"])
    equal(held(server, device), None)


@test
def what_does_not_fit_changes_nothing(server):
    device = server.device()
    first, now = whole([app("a"), app("b")]), whole([app("b"), app("c")])
    send(server, device, first)
    for change in (delta(first, now, gone=[]), delta(first, now, gone=[2]), delta(first, now, gone=[1, 0]),
                   delta(first, now, gone=["0"]), delta(first, now, gone=0), delta(first, now, put=[]),
                   delta(first, now, put=[1]), delta(first, now, about=None), delta(first, now, about={"x": 1}),
                   {"from": digest(first)}):
        answer = send(server, device, now, change)
        equal((answer.status, resend(answer)), (204, ["apps"]))
        equal(held(server, device), first)
    for change in ([], 1, {}, {"from": "x"}, {"from": digest(first)[1:]}, {"from": None}):
        equal(send(server, device, now, change).status, 400)
    # And what is left of the phone's report counts all the same.
    equal(resend(send(server, device, now, delta(first, now))), [])
    equal(held(server, device), now)


@test
def what_is_held_was_no_list(server):
    device = server.device()
    first, now = '{"too_large":true}', whole([app("c")])
    send(server, device, first)
    change = delta(whole([]), now)
    change["from"] = digest(first)
    equal(resend(send(server, device, now, change)), ["apps"])
    equal(held(server, device), first)


@test
def changes_grow_no_further_than_reports(server):
    device = server.device()
    now = whole([app("%08d" % i, "v" * 200) for i in range(700)])
    equal(resend(send(server, device, now)), [])
    before, now = now, whole([app("%08d" % i, "v" * 200) for i in range(1080)])
    assert len(now) > 256 * 1024
    equal(resend(send(server, device, now, delta(before, now))), ["apps"])
    equal(held(server, device), before)


@test
def other_sections_have_no_changes(server):
    device = server.device()
    first = {"a": 1}
    device.checkin(server, sections={"inventory": section(first)})
    answer = device.checkin(server, sections={"inventory": {"digest": "00" * 8, "delta": {"from": "x"}}})
    equal((answer.status, resend(answer)), (204, ["inventory"]))


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
