#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdmctl and a server: none, a false one that answers what it is told to, the real mdm-server.

Usage: mdmctl_online.py BUILD_DIR [NAME]...   the last line is "N passed, N failed, N skipped"
"""
import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
from mdmctl_rig import (Admin, Fake, MDMCTL, PASSPHRASE, Phone, Server, check, openssl, payload_of,
                        run_tests, signed)

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# --- a server that is away or hostile ------------------------------------------------------------

@test
def no_server(base):
    a = Admin(base)
    for command in (["status"], ["device", "list"], ["device", "show", "00"], ["ticket", "new"],
                    ["ticket", "new", "--group", "staff"], ["events"],
                    ["assign", "00", "--group", "g"]):
        a.fails(3, *command, says="cannot talk to https://127.0.0.1:1")
    a.fails(3, "policy", "push", signed(a))
    a.ok("config", "set", "admin", "https://name.invalid:9443")
    a.fails(3, "status", says="name.invalid")


ID = "00112233445566778899aabbccddeeff"


@test
def garbage_from_the_server(base):
    a = Admin(base)
    with Fake(a) as fake:
        for answer in ("", "<html>", "[]", '{"devices":1}', '{"devices":[{"id":"../x"}]}',
                       '{"devices":[{"id":"%s","state":"\\u001b[2J"}]}' % ID, "{" * 100,
                       '{"devices":[],"devices":[]}'):
            fake.answers["GET", "/v1/admin/devices"] = (200, answer)
            a.fails(1, "device", "list", says="makes no sense")
        fake.answers["GET", "/v1/admin/devices"] = (200, " " * (4 * 1024 * 1024 + 1))
        a.fails(1, "device", "list", says="more than")
        fake.answers["GET", "/v1/admin/events"] = (200, '{"events":[{"type":7}]}')
        a.fails(1, "events", says="makes no sense")
        for status in (400, 403, 404, 500, 503, 302):
            fake.answers["GET", "/v1/admin/devices"] = (
                status, '{"error":"nope","message":"because of \\u001b[2J"}')
            check("\033" not in a.fails(4, "device", "list", says=str(status)))
        fake.answers["GET", "/v1/admin/devices"] = (403, '{"error":"forbidden","message":"not you"}')
        a.fails(4, "device", "list", says="not you")


@test
def a_page_that_does_not_move_on_is_refused(base):
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices"] = (
            200, '{"devices":[{"id":"%s"}],"next":"%s"}' % (ID, ID))
        a.fails(4, "device", "list", says="would never end")
        fake.answers["GET", "/v1/admin/events"] = (200, '{"events":[{"row":1,"type":"x"}],"next":0}')
        check(a.ok("events").count("x") == 1)
        fake.answers["GET", "/v1/admin/events"] = (200, '{"events":[{"type":"x"}],"next":0}')
        a.fails(4, "events", says="would never end")


@test
def the_server_cannot_use_up_the_serials(base):
    """Only documents that our keys signed count; a number that the server makes up does not."""
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    old = a.ok("policy", "sign", a.policy(), "--stream", "staff", "--offline", "--serial", "41",
               "--expires", "1s")
    os.unlink(os.path.join(a.org, "serials/policy.staff"))
    time.sleep(2.1)
    with Fake(a) as fake:
        # One of ours, expired: its serial was used nevertheless.
        fake.answers["GET", "/v1/admin/documents"] = (200, old)
        check(payload_of(a.ok("policy", "sign", a.policy(), "--stream", "staff"))["serial"] == 42)
        # For another stream an honest server would not show it.
        a.fails(4, "policy", "sign", a.policy(), "--stream", "guests", says="taken over")
        foreign = b.ok("policy", "sign", b.policy(), "--stream", "staff", "--offline", "--serial",
                       "9007199254740990")
        fake.answers["GET", "/v1/admin/documents"] = (200, foreign)
        a.fails(4, "policy", "sign", a.policy(), "--stream", "staff", says="did not sign")
        fake.answers["GET", "/v1/admin/documents"] = (200, "garbage")
        a.fails(4, "policy", "sign", a.policy(), "--stream", "staff", says="--serial")


@test
def a_foreign_keyset_on_the_server_stops(base):
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    path = signed(a)
    with open(os.path.join(b.org, "keysets/1.jose")) as f:
        foreign = f.read()
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/documents"] = (200, foreign)
        a.fails(4, "ticket", "new", says="keyset")
        a.fails(4, "policy", "push", path, says="keyset")
        check(not [r for r in fake.requests if r[0] != "GET"])


@test
def the_wrong_server(base):
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    with Fake(a, certificates=os.path.join(b.org, "server")):
        a.fails(3, "status", says="not the organisation's server")
    with Fake(a, tls=ssl.TLSVersion.TLSv1_2):
        a.fails(3, "status")


@test
def an_administrator_of_elsewhere(base):
    a, b = Admin(base), Admin(os.path.join(base, "b"))
    for name in ("admin.pem", "admin-key.pem"):
        os.replace(os.path.join(b.org, name), os.path.join(a.org, name))
    with Fake(a):
        r = a.run("status")
        check(r.returncode in (3, 4), r.returncode, r.stderr)
        check("alert" not in r.stderr or r.returncode == 4, r.stderr)


@test
def tickets_are_registered_by_digest(base):
    a = Admin(base, server="https://mdm.example.org:8443")
    with Fake(a) as fake:
        fake.answers["POST", "/v1/admin/tickets"] = (201, "{}")
        fake.answers["PUT", "/v1/admin/documents"] = (201, "{}")
        t = a.json("ticket", "new", "--group", "staff", "--group", "kiosk", "--expires", "2h",
                   "--ownership", "personal", "--user", "M. Muster")
        uri = urllib.parse.urlsplit(t["uri"])
        fields = urllib.parse.parse_qs(uri.query)
        check(uri.scheme == "mdm" and uri.netloc == "mdm.example.org:8443", t["uri"])
        posted = [json.loads(r[2]) for r in fake.requests if r[0] == "POST"]
        check(len(posted) == 1)
        secret = fields["s"][0]
        check(posted[0]["secret_sha256"] == hashlib.sha256(secret.encode()).hexdigest())
        check(posted[0]["id"] == fields["t"][0] == t["id"])
        check(posted[0]["groups"] == ["staff", "kiosk"])
        check(posted[0]["expires"] == int(fields["x"][0]) and
              abs(posted[0]["expires"] - time.time() - 7200) < 600)
        sent = b"".join(r[2] + r[1].encode() for r in fake.requests)
        check(secret.encode() not in sent, "the server learned the secret")
        # The pin is the root's key, and the keyset's digest is what was pushed.
        der = openssl("x509", "-in", os.path.join(a.org, "root.pem"), "-noout", "-pubkey").stdout
        spki = base64.b64decode(b"".join(der.splitlines()[1:-1]))
        pin = base64.urlsafe_b64encode(hashlib.sha256(spki).digest()).decode().rstrip("=")
        check(fields["c"] == [pin])
        puts = [r for r in fake.requests if r[0] == "PUT"]
        check("type=keyset&serial=1" in puts[0][1] and "type=assignment&ticket=" + t["id"] in
              puts[1][1] and "groups=staff,kiosk" in urllib.parse.unquote(puts[1][1]), puts)
        payload = payload_of(puts[1][2].decode())
        check(payload["groups"] == ["staff", "kiosk"] and payload["ownership"] == "personal" and
              payload["user"] == "M. Muster" and payload["target"] == {"ticket": t["id"]}, payload)
        keyset = base64.urlsafe_b64decode(puts[0][2].split(b".")[1] + b"==")
        check(fields["k"] == [base64.urlsafe_b64encode(hashlib.sha256(keyset).digest()).decode()
                              .rstrip("=")])
        check(secret in t["text"] and "server" in t["text"])
        # Without a group there is no assignment.
        fake.requests.clear()
        out = a.ok("ticket", "new", "--qr")
        check(not [r for r in fake.requests if "assignment" in r[1]])
        check("secret" in out and "\u2588" in out and "\033" not in out, out)
        wide = [len(line) for line in out.splitlines() if "\u2588" in line]
        check(len(set(wide)) == 1 and wide[0] <= 80, set(wide))
        check("####" in a.ok("ticket", "new", "--qr", "--ascii"))


@test
def ticket_arguments_are_judged_first(base):
    a = Admin(base)
    for bad in (["--group", "a b"], ["--group", "a", "--group", "a"], ["--ownership", "mine"],
                ["--ownership", "personal"], ["--user", "x"], ["--expires", "soon"],
                ["--est", "http://a/x"], ["--group", "g", "--user", "a\nb"],
                [x for i in range(17) for x in ("--group", "g%d" % i)]):
        a.fails(2, "ticket", "new", *bad)


@test
def a_refused_assignment_prints_no_ticket(base):
    a = Admin(base)
    with Fake(a) as fake:
        fake.answers["POST", "/v1/admin/tickets"] = (201, "{}")
        fake.answers["PUT", "/v1/admin/documents"] = (
            200, lambda path, body: (500, "{}") if "assignment" in path else (201, "{}"))
        r = a.run("ticket", "new", "--group", "staff")
        check(r.returncode == 4 and "mdm://" not in r.stdout, r.stdout, r.stderr)
        fake.answers["POST", "/v1/admin/tickets"] = (409, '{"error":"exists","message":"x"}')
        r = a.run("ticket", "new")
        check(r.returncode == 4 and "mdm://" not in r.stdout, r.stdout, r.stderr)


DEVICE = {
    "id": ID, "enrolment": "ff" * 16, "ticket": "ab" * 16, "enrolled": 1700000000,
    "last_seen": 1700000100, "agent": "0.1.0", "groups": ["staff"],
    "have": {"keyset": 1, "assignment": 3, "policy": {"staff": 7}}, "state": "noncompliant",
    "certificate_until": 1900000000}


@test
def devices_are_shown(base):
    a = Admin(base)
    with Fake(a) as fake:
        other = dict(DEVICE, id="0011" + "f" * 28, state="compliant",
                     groups=["g%02d-with-a-long-name" % i for i in range(16)])
        pages = {"": {"devices": [DEVICE], "next": ID},
                 ID: {"devices": [other], "next": None}}

        def page(path, body):
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
            if query.get("limit") == "2":
                found = [d for d in (DEVICE, other) if d["id"] > query.get("after", "")]
                return 200, json.dumps({"devices": found[:2], "next": None})
            return 200, json.dumps(pages[query.get("after", "")])

        fake.answers["GET", "/v1/admin/devices"] = (200, page)
        out = a.ok("device", "list")
        check(len(out.splitlines()) == 3 and "ago" in out, out)
        check(max(len(line) for line in out.splitlines()) <= 80, out)
        check([d["id"] for d in a.json("device", "list")["devices"]] == [ID, other["id"]])
        full = dict(DEVICE, sections={"compliance": {"digest": "0" * 16, "body": {
            "state": "noncompliant", "settings": [
                {"area": "encryption", "setting": "storage", "state": "noncompliant",
                 "reason": "plain_storage", "desired": True, "desired_text": "yes",
                 "observed": False, "observed_text": "no", "detail": "mmcblk0p3", "since": 1,
                 "items": []},
                {"area": "apps", "setting": "required", "state": "noncompliant", "reason": "app_unknown",
                 "desired_text": "one, " * 20, "observed_text": "one, " * 20, "detail": "nosuch: no repository has it",
                 "since": 1, "items": [
                     {"name": "nosuch", "state": "noncompliant", "reason": "app_unknown", "detail": "no repository has it"},
                     {"name": "fine", "state": "compliant", "reason": "ok", "detail": ""},
                     {"name": "far", "state": "pending", "reason": "no_network", "detail": ""}]}]}}})
        fake.answers["GET", "/v1/admin/devices/" + ID] = (200, json.dumps(full))
        out = a.ok("device", "show", ID)
        for word in ("encryption.storage", "plain_storage\n    mmcblk0p3\n", "assignment 3",
                     "policy staff 7", "2030-03-17"):
            check(word in out, word, "is not in", out)
        check(max(len(line) for line in out.splitlines()) <= 80, out)
        check("\033" not in out)
        # A list of apps leaves room for the reason, and each app has a line of its own.
        check(re.search(r"^apps.required +noncompliant  one, one, one, one, one~ +- +app_unknown$", out, re.M), out)
        check("  apps.required: noncompliant, app_unknown\n    nosuch: no repository has it\n    far" in out, out)
        check(", no_network\n" in out and "fine" not in out, out)
        check(a.json("device", "show", "00112")["id"] == ID)
        # Where it told to be; what makes no sense there is left out, and steers no terminal.
        position = {"latitude": -48.137154, "longitude": 11.5, "radius": 2000, "time": 1700000000, "source": "gnss"}
        for body, says in (
                ({"why": "always", "position": position}, "location      -48.137154, 11.500000, within 2000 m, "),
                ({"why": "lost", "position": dict(position, made_up=True), "missing": "switched_off"},
                 "the source says it is made up\n              nothing newer: its user has switched location off\n"),
                ({"why": "lost", "position": None}, "LOST          it counts as lost\nlocation      not known\n"),
                ({"why": "always", "position": None, "missing": "no_source"},
                 "location      not known: nothing on it tells where it is\n"),
                ({"why": "always", "position": dict(position, latitude=91)}, "location      not known\n"),
                ({"why": "always", "position": dict(position, longitude="11")}, "location      not known\n"),
                ({"why": "always", "position": dict(position, radius="\033[2J")}, None),
                ({"why": "\033[2J", "position": position}, None), (7, None), ({"why": "always", "position": [1]}, None)):
            full["sections"]["location"] = {"digest": "0" * 16, "body": body}
            fake.answers["GET", "/v1/admin/devices/" + ID] = (200, json.dumps(full))
            out = a.ok("device", "show", ID)
            check(says in out if says else "location  " not in out, body, out)
            check("\033" not in out and "encryption.storage" in out, out)
        a.fails(2, "device", "show", "0011", says="more than one")
        a.fails(4, "device", "show", "9", says="no device")
        a.fails(4, "device", "show", "12" * 16, says="no device")
        for bad in ("", "x", "0011/..", "00" * 17, "A"):
            a.fails(2, "device", "show", bad)


@test
def assign_outdoes_the_tickets_assignment(base):
    a = Admin(base)
    ticket = DEVICE["ticket"]
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/devices/" + ID] = (200, json.dumps(DEVICE))
        fake.answers["PUT", "/v1/admin/documents"] = (201, "{}")
        a.fails(2, "assign", ID, says="--group")
        # The phone's ticket had serial 4 here.
        with open(os.path.join(a.org, "serials/assignment." + ticket), "w") as f:
            f.write("4\n")
        check(a.json("assign", ID, "--group", "staff")["serial"] == 5)
        check(a.json("assign", ID, "--group", "staff", "--group", "kiosk")["serial"] == 6)
        put = [r for r in fake.requests if "assignment&device" in r[1]][-1]
        check(payload_of(put[2].decode())["groups"] == ["staff", "kiosk"])
        fake.answers["PUT", "/v1/admin/documents"] = (
            200, lambda path, body: (409, "{}") if "assignment" in path else (201, "{}"))
        r = a.run("assign", ID, "--group", "staff")
        check(r.returncode == 4 and "serial" in r.stderr, r.stderr)


@test
def events_are_followed(base):
    a = Admin(base)
    rows = [{"row": i, "device": ID, "seq": i, "time": 1700000000 + i, "boot": "00112233",
             "type": "type%d" % i, "data": {"n": i}} for i in range(1, 4)]

    def page(path, body):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        found = [r for r in rows if r["row"] > int(query["after"])][:2]
        return 200, json.dumps({"events": found,
                                "next": found[-1]["row"] if found else int(query["after"])})

    rows[0]["data"] = {"settings": [{"setting": "guard", "items": [{"name": "x\033y"}]}, 7], "none": None, "deep": [[[[[[[7]]]]]]],
                       "empty": []}
    with Fake(a) as fake:
        fake.answers["GET", "/v1/admin/events"] = (200, page)
        told = a.ok("events").splitlines()[0]
        check(told.endswith("settings: setting: guard, items: name: x?y, 7, none: none, deep: ..., empty: none"), told)
        out = a.ok("events")
        check([w in out for w in ("type1", "type2", "type3")] == [True] * 3, out)
        check(len(a.ok("events", "--after", "2").splitlines()) == 1)
        check([json.loads(x)["row"] for x in a.ok("events", "--json").splitlines()] == [1, 2, 3])
        for bad in ("-1", "x", "1.5", ""):
            a.fails(2, "events", "--after=" + bad)
        p = subprocess.Popen([MDMCTL, "events", "--follow"], env=a.env(), stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        try:
            for i in (1, 2, 3):
                check("type%d" % i in p.stdout.readline())
            rows.append(dict(rows[0], row=4, type="late"))
            check("late" in p.stdout.readline())
        finally:
            p.terminate()
            p.wait()
            p.stdout.close()


# --- with the real server ------------------------------------------------------------------------

@test
def a_fleet_of_two(base):
    a = Admin(base)
    with Server(a) as server:
        check(a.json("status")["devices"] == 0)
        check("No phone" in a.ok("device", "list"))
        a.fails(4, "device", "show", "00", says="no device")
        signed(a)
        check(a.json("policy", "push", "s.jose")["serial"] == 1)
        # The same again is no trouble, other contents under the same serial are.
        a.ok("policy", "push", "s.jose")
        os.unlink(os.path.join(a.org, "serials/policy.staff"))
        a.ok("policy", "sign", a.policy(settings={"screen_lock": {"idle_delay": 60}}), "--stream",
             "staff", "--offline", "-o", "clash.jose")
        a.fails(4, "policy", "push", "clash.jose", says="sign again")
        os.unlink(os.path.join(a.org, "serials/policy.staff"))
        # Asked, the server tells: the memory that was lost is no harm.
        check(payload_of(a.ok("policy", "sign", a.policy(), "--stream", "staff"))["serial"] == 2)

        ticket = a.json("ticket", "new", "--group", "staff")
        other = a.json("ticket", "new", "--group", "staff", "--expires", "15m")
        tickets = a.json("ticket", "list")["tickets"]
        check({t["id"] for t in tickets} == {ticket["id"], other["id"]}, tickets)
        check(a.ok("ticket", "list").count("open") == 2)
        one = Phone(a, server, ticket, "one")
        two = Phone(a, server, other, "two")
        check(a.ok("ticket", "list").count("used") == 2)

        types = [payload_of(d)["type"] for d in one.checkin({}, "unknown")]
        check(types == ["keyset", "assignment", "policy"], types)
        setting = {"area": "screen_lock", "setting": "idle_delay", "state": "noncompliant",
                   "reason": "weaker", "desired": 300, "desired_text": "300 s", "observed": 600,
                   "observed_text": "600 s", "detail": "", "since": 1, "items": []}
        one.checkin({"keyset": 1, "assignment": 1, "policy": {"staff": 1}}, "noncompliant", [setting],
                    [{"seq": 1, "time": 1700000000, "boot": "00112233", "type": "boot", "data": {}},
                     {"seq": 2, "time": 1700000001, "boot": "00112233", "type": "drift_repaired",
                      "data": {"setting": "idle_delay"}}])
        two.checkin({}, "compliant")
        listed = {d["id"]: d for d in a.json("device", "list")["devices"]}
        check({i: d["state"] for i, d in listed.items()} ==
              {one.id: "noncompliant", two.id: "compliant"}, listed)
        out = a.ok("device", "show", one.id[:12])
        for word in ("weaker", "300 s", "600 s", "assignment 1", "policy staff 1", "ago"):
            check(word in out or (word == "ago" and "now" in out), word, "is not in", out)
        out = a.ok("events")
        check(out.count(one.id[:12]) == 2 and "drift_repaired" in out, out)
        check(a.ok("events", "--device", two.id) == "")
        check(len(a.ok("events", "--device", one.id[:8], "--after", "1", "--json").splitlines()) == 1)

        # A device's own assignment outdoes the one of its ticket.
        check(a.json("assign", one.id, "--group", "kiosk", "--user", "M. Muster")["serial"] == 2)
        got = [payload_of(d) for d in one.checkin({"keyset": 1, "assignment": 1}, "compliant")]
        check([p["type"] for p in got] == ["assignment"] and got[0]["groups"] == ["kiosk"] and
              got[0]["target"] == {"device": one.id}, got)
        check(a.json("device", "show", one.id)["groups"] == ["kiosk"])
        check(a.json("assign", one.id[:10], "--group", "staff", "--yes")["serial"] == 3)


@test
def the_server_refuses_other_administrators(base):
    a = Admin(base)
    with Server(a) as server:
        ticket = a.json("ticket", "new")
        phone = Phone(a, server, ticket, "phone")
        a.ok("status")
        # What a phone holds opens nothing here, whatever the server wrote into it.
        shutil.copy(phone.certificate, os.path.join(a.org, "admin.pem"))
        key = openssl("pkcs8", "-topk8", "-in", phone.key, "-v2", "aes-256-cbc", "-passout",
                      "file:" + a.passphrase_file).stdout
        with open(os.path.join(a.org, "admin-key.pem"), "wb") as f:
            f.write(key)
        r = a.run("status")
        check(r.returncode in (3, 4), r.returncode, r.stdout, r.stderr)


def put_junk(a, query, body=b"a.b.c\n"):
    """A document that nobody signed, stored by somebody with the administrator's certificate."""
    key = os.path.join(a.base, "admin.key")
    openssl("pkey", "-in", os.path.join(a.org, "admin-key.pem"), "-passin", "pass:" + PASSPHRASE,
            "-out", key)
    context = ssl.create_default_context(cafile=os.path.join(a.org, "root.pem"))
    context.load_cert_chain(os.path.join(a.org, "admin.pem"), key)
    url = urllib.parse.urlsplit(a.json("config", "show")["admin"])
    c = http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=60)
    try:
        c.request("PUT", "/v1/admin/documents?" + query, body, {"Content-Type": "application/jose"})
        r = c.getresponse()
        r.read()
        check(r.status == 201, query, r.status)
    finally:
        c.close()


@test
def what_nobody_signed_is_taken_away(base):
    a = Admin(base)
    for bad in (["policy"], ["policy", "a b"], ["assignment", "00"], ["ticket"], ["keyset", "x"],
                ["command", "00" * 16]):
        a.fails(2, "document", "remove", *bad)
    with Server(a) as server:
        a.fails(4, "document", "remove", "policy", "staff", says="no such document")
        ticket = a.json("ticket", "new", "--group", "staff")
        phone = Phone(a, server, ticket, "phone")
        a.ok("policy", "push", signed(a))
        sign = ("policy", "sign", a.policy(), "--stream", "staff")
        put_junk(a, "type=policy&stream=staff&serial=7")
        a.fails(4, *sign, says="did not sign")
        words = a.fails(2, "document", "remove", "policy", "staff", says="--yes")
        check("not signed by the keyset here" in words, words)
        check(a.json("document", "remove", "policy", "staff", "--yes") == {"serial": 7, "newest": 1})
        check(payload_of(a.ok(*sign))["serial"] == 2)
        # Ours is told apart.
        a.fails(2, "document", "remove", "policy", "staff", says="OURS, serial 1")
        check("none is left" in a.ok("document", "remove", "policy", "staff", "--yes"))
        put_junk(a, "type=assignment&device=%s&serial=3&groups=x" % phone.id)
        a.fails(4, "assign", phone.id, "--group", "staff", says="did not sign")
        check(a.json("document", "remove", "assignment", phone.id, "--yes")["serial"] == 3)
        a.ok("assign", phone.id, "--group", "staff")
        a.ok("document", "remove", "ticket", ticket["id"], "--yes")
        put_junk(a, "type=keyset&serial=2")
        a.fails(4, "ticket", "new", says="keyset")
        check(a.json("document", "remove", "keyset", "--yes") == {"serial": 2, "newest": 1})
        a.ok("ticket", "new")


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
