#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The server was taken over: somebody has its machine, its database, its TLS key and the CA key that
issues device certificates, and tries everything with a real phone. No phone may loosen, lock, leave
or wipe, whatever comes; what the key holders signed before goes on to hold, and reaches the phone
again when the true server is back.

Usage: stolen_server.py BUILD_DIR [NAME...]    The last line is "N passed, N failed".
"""
import base64
import email.utils
import hashlib
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, Server, check, run_tests
from agent_rig import Agent, wait_for

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

JOSE = "application/jose"
STRICT = {"screen_lock": {"enabled": True, "idle_delay": 60, "require_unlock": True}}
LOOSE = {"screen_lock": {"enabled": True, "idle_delay": 3600}}


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def payload(document):
    return json.loads(unb64(document.split("\n")[0].split(".")[1]))


class Thief:
    """A key of the thief's own, and documents signed with it."""

    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        raw = self.key.public_key().public_bytes(serialization.Encoding.Raw,
                                                 serialization.PublicFormat.Raw)
        self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        thumb = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": b64(raw)}, separators=(",", ":"))
        self.kid = b64(hashlib.sha256(thumb.encode()).digest())

    def sign(self, typ, body, kid=None):
        header = json.dumps({"alg": "EdDSA", "kid": kid or self.kid, "typ": "mdm-" + typ},
                            separators=(",", ":"))
        text = b64(header.encode()) + "." + b64(json.dumps(body, separators=(",", ":")).encode())
        return text + "." + b64(self.key.sign(text.encode())) + "\n"


class Rogue:
    """Answers as the thief likes, with the true server's name, key and certificate."""

    def __init__(self, admin, port):
        self.answer = (204, {}, b"")  # of the next check-ins
        self.wait = None              # of long polls; None: 404
        self.est = {}                 # answers of EST, by the last word of the path
        self.requests = []
        rogue = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def reply(self, status, headers, body):
                self.send_response_only(status)
                for name, value in dict({"Date": self.date_time_string()}, **headers).items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body if status != 204 else b"")

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                rogue.requests.append((self.command, self.path, body))
                if self.path.startswith("/v1/checkin"):
                    self.reply(*rogue.answer)
                elif self.path.startswith("/v1/wait") and rogue.wait:
                    self.reply(*rogue.wait)
                elif self.path.startswith("/.well-known/est/") and self.path.split("/")[-1] in rogue.est:
                    self.reply(200, {"Content-Type": "application/pkcs7-mime"},
                               rogue.est[self.path.split("/")[-1]])
                else:
                    self.reply(404, {}, b"")

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        directory = os.path.join(admin.org, "server")
        context.load_cert_chain(os.path.join(directory, "server-chain.pem"),
                                os.path.join(directory, "server-key.pem"))
        context.load_verify_locations(os.path.join(directory, "device-ca.pem"))
        context.load_verify_locations(os.path.join(directory, "root.pem"))
        context.verify_mode = ssl.CERT_OPTIONAL
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                 do_handshake_on_connect=False)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.server.shutdown()
        self.server.server_close()

    def documents(self, *documents, headers=None):
        body = "\n".join(documents).encode()
        self.answer = (200, dict({"Content-Type": JOSE}, **(headers or {})), body)

    def checkins(self):
        return sum(1 for _, path, _ in self.requests if path.startswith("/v1/checkin"))


class Fleet:
    """An organisation with a true server and two phones; then the server is taken over."""

    def __init__(self, base):
        self.base, self.admin, self.documents = base, Admin(base), {}
        self.server = Server(self.admin)
        self.url = self.server.url
        self.port = int(self.url.rsplit(":", 1)[1])
        self.policy("staff", LOOSE)
        self.policy("kiosk", LOOSE)
        self.phone, self.other = Agent(base, "phone").start(), Agent(base, "other").start()
        self.enrol(self.phone, "staff")
        self.former = self.phone.status()["enrolment"]
        self.keep("former_unenroll", self.order(self.phone, "unenroll"))
        self.phone.ok("unenroll", "--yes")
        self.enrol(self.phone, "staff")
        self.enrol(self.other, "kiosk")
        self.policy("staff", STRICT)
        self.settle(self.phone, STRICT)
        self.device = self.phone.status()["device"]

    def close(self):
        self.phone.stop()
        self.other.stop()
        if self.server:
            self.server.__exit__()

    def keep(self, name, document):
        self.documents[name] = document
        return document

    def file(self, name):
        with open(os.path.join(self.admin.home, name)) as f:
            return f.read()

    def policy(self, stream, settings):
        self.admin.policy("p.json", settings)
        self.admin.ok("policy", "sign", "p.json", "--stream", stream, "-o", "p.jws")
        self.admin.ok("policy", "push", "p.jws")
        document = self.file("p.jws")
        self.keep("%s.%d" % (stream, payload(document)["serial"]), document)

    def order(self, phone, *arguments):
        """A signed command that is not sent."""
        self.admin.ok("command", *arguments, "--device", phone.status()["device"], "-o", "c.jws")
        return self.file("c.jws")

    def enrol(self, phone, group):
        phone.enrol(self.admin.json("ticket", "new", "--group", group)["uri"])

    def settle(self, phone, settings):
        phone.sync()
        wait_for("the policy", lambda: phone.effective().get("screen_lock.idle_delay") ==
                 settings["screen_lock"]["idle_delay"])

    def take_over(self):
        self.server.__exit__()
        self.server = None
        return Rogue(self.admin, self.port)

    def standing(self):
        """What must not change."""
        status = self.phone.status()
        return {
            "enrolled": status["enrolled"], "organisation": status["organisation"],
            "server": status["server"], "groups": status["groups"],
            "ownership": status["ownership"], "keyset": status["keyset"],
            "policies": status["policies"], "effective": self.phone.effective(),
            "file": self.phone.read(),
            "accepted": len(self.phone.journal("document_accepted")),
            "commands": [(r["data"]["id"], r["data"]["state"]) for r in self.phone.journal("command")
                         if r["data"]["state"] not in ("refused", "expired")],
        }


def attempt(fleet, rogue, name, reason=None, *documents):
    """One check-in with these documents, or with what the rogue answers now; nothing may come of it."""
    before, seen = fleet.standing(), rogue.checkins()
    refusals = len(fleet.phone.journal("document_refused"))
    # Not before the counting: the phone checks in by itself as well, and notes a refusal once.
    if documents:
        rogue.documents(*documents)
    fleet.phone.sync()
    check(rogue.checkins() > seen, name, "did not reach the rogue server")
    after = fleet.standing()
    check(after == before, name, "changed", [(k, before[k], after[k]) for k in before
                                             if before[k] != after[k]])
    if reason:
        told = [r["data"]["reason"] for r in fleet.phone.journal("document_refused")]
        check(len(told) > refusals, name, "was not refused")
        check(told[-1] in reason, name, "was refused by", told[-1], "not", reason)


def with_fleet(function):
    def run(base):
        os.chmod(base, 0o755)
        fleet = Fleet(base)
        try:
            function(fleet)
        finally:
            fleet.close()
    run.__name__ = function.__name__
    return run


def a_payload(fleet, kind, serial, **members):
    now = int(time.time())
    return dict({"type": kind, "org": fleet.phone.status()["organisation"]["id"], "serial": serial,
                 "issued": now, "expires": now + 86400}, **members)


@with_fleet
def test_forge(fleet):
    """Documents of every type, signed with the thief's key, in its own name and in another's."""
    thief, admin_kid = Thief(), None
    keyset = json.loads(fleet.admin.ok("keyset", "show", "--json"))
    admin_kid = keyset["keys"][0]["kid"]
    enrolment = fleet.phone.status()["enrolment"]
    loose = {"profiles": [{"id": "p", "settings": LOOSE}]}
    bodies = [
        ("policy", a_payload(fleet, "policy", 99, target={"stream": "staff"}, **loose)),
        ("policy", a_payload(fleet, "policy", 99, target={"stream": "staff"}, profiles=[])),
        ("assignment", a_payload(fleet, "assignment", 99, target={"device": fleet.device},
                                 groups=["kiosk"], ownership="company")),
        ("keyset", a_payload(fleet, "keyset", 2, org_name="Thief", keys=[{
            "kid": thief.kid, "name": "thief", "alg": "EdDSA", "jwk": thief.jwk,
            "roles": ["keyset", "policy", "command", "destroy"]}],
            thresholds={"keyset": 1, "policy": 1, "command": 1, "destroy": 1})),
    ] + [("command", a_payload(fleet, "command", 1, target={"device": fleet.device, "enrolment": enrolment},
                               id=os.urandom(16).hex(), verb=verb))
         for verb in ("lock", "unenroll", "reboot", "wipe")]
    with fleet.take_over() as rogue:
        for kind, body in bodies:
            attempt(fleet, rogue, "forged " + kind, ("signature",), thief.sign(kind, body))
            body["serial"] += kind != "command" and kind != "keyset"
            attempt(fleet, rogue, "forged %s in the administrator's name" % kind, ("signature",),
                    thief.sign(kind, body, admin_kid))


@with_fleet
def test_replay_and_swap(fleet):
    """True documents: old ones, another phone's, another group's, another enrolment's."""
    assignment = fleet.admin.ok
    assignment("assign", fleet.device, "--group", "staff", "--group", "extra")
    fleet.phone.sync()
    wait_for("the assignment", lambda: "extra" in fleet.phone.status()["groups"])
    other = fleet.order(fleet.other, "lock")
    expired = fleet.order(fleet.phone, "unenroll", "--expires", "1s")
    fleet.admin.ok("command", "sync", "--device", fleet.device)
    sync = fleet.admin.json("command", "list")["commands"][-1]["id"]
    fleet.phone.sync()
    wait_for("the command", lambda: any(
        r["data"]["id"] == sync and r["data"]["state"] == "done" for r in fleet.phone.journal("command")))
    executed = json.loads(fleet.admin.ok("command", "show", sync, "--json"))["document"]
    store = fleet.documents
    time.sleep(2.1)
    with fleet.take_over() as rogue:
        for name, document, reason in (
                ("the policy before", store["staff.1"], ("rollback",)),
                ("a policy of another group", store["kiosk.1"], ("target",)),
                ("a command for another phone", other, ("target",)),
                ("a command for a former enrolment", store["former_unenroll"], ("target",)),
                ("a command that expired", expired, ("expired", "replay"))):
            attempt(fleet, rogue, name, reason, document)
        # Executed once; offered again it is known, and nothing happens.
        done = [r for r in fleet.phone.journal("command") if r["data"]["id"] == sync]
        rogue.documents(executed)
        attempt(fleet, rogue, "a command that was executed")
        fleet.phone.stop()
        fleet.phone.start()
        attempt(fleet, rogue, "a command that was executed before the restart")
        check([r for r in fleet.phone.journal("command") if r["data"]["id"] == sync] == done,
              "an executed command moved again")
        # All of it at once, in an order of the thief's.
        rogue.documents(*reversed([store["staff.1"], other, expired, store["former_unenroll"], executed]))
        attempt(fleet, rogue, "everything at once")


@with_fleet
def test_damage(fleet):
    """True documents with parts taken from others, stripped, repeated, cut."""
    good = fleet.keep("good", fleet.order(fleet.phone, "reboot", "delay=3600"))
    strict, loose = fleet.documents["staff.2"].strip(), fleet.documents["staff.1"].strip()
    h, p, s = strict.split(".")
    h2, p2, s2 = loose.split(".")
    hc, pc, sc = good.strip().split(".")
    # The next keyset, of which the thief has caught a copy before it was pushed.
    fleet.admin.ok("keyset", "renew", "--expires", "3y")
    fleet.admin.ok("keyset", "sign", "--yes", "--key", "admin", "-o", "next.jose")
    half = fleet.file("next.jose").strip()
    with fleet.take_over() as rogue:
        for name, document, *reason in (
                ("the old payload under the new signature", ".".join((h, p2, s)), "signature"),
                ("the old signature over the new payload", ".".join((h, p, s2)), "signature"),
                ("without a signature", ".".join((h, p2, "")), "form"),
                ("a policy called command", ".".join((hc, p2, s2)), "signature"),
                ("a command called policy", ".".join((h, pc, sc)), "signature"),
                ("alg none", ".".join((b64(b'{"alg":"none","typ":"mdm-policy"}'), p2, s2)), "signature"),
                ("the same line twice", loose + "\n" + loose, "duplicate_signature"),
                ("lines of two documents", strict + "\n" + loose, "payload_mismatch"),
                ("cut", loose[:len(loose) // 2], "form"),
                ("padding", loose + "=", "form"),
                ("nothing signed", "..", "form"),
                ("a keyset without one of its signatures", half, "threshold"),
                ("a keyset signed twice by one key", half + "\n" + half, "duplicate_signature")):
            attempt(fleet, rogue, name, reason, document + "\n")


@with_fleet
def test_nonsense(fleet):
    """Answers that are no documents, and hints beyond all bounds."""
    far = "Thu, 01 Jan 2099 00:00:00 GMT"
    with fleet.take_over() as rogue:
        for name, answer in (
                ("a page", (200, {"Content-Type": "text/html"}, b"<html>wipe</html>")),
                ("JSON", (200, {"Content-Type": JOSE}, b'{"wipe":true}')),
                ("a megabyte", (200, {"Content-Type": JOSE}, b"A" * (1 << 20))),
                ("too many", (200, {"Content-Type": JOSE}, b"a.b.c\n\n" * 40)),
                ("hints", (204, {"MDM-Next-Checkin": "99999999999999999999", "MDM-Ack": "9" * 18,
                                 "MDM-Mark": "-1", "MDM-Resend": "../../etc", "Date": far}, b"")),
                ("bounded hints", (204, {"MDM-Next-Checkin": "604800", "MDM-Ack": "9" * 15}, b"")),
                ("unknown phone", (403, {}, b"")),
                ("gone", (410, {}, b"")),
                ("elsewhere", (301, {"Location": "https://127.0.0.1:1/"}, b"")),
                ("broken", (500, {}, b"x" * 1000)),
                ("come back in years", (503, {"Retry-After": "999999999"}, b""))):
            rogue.answer = answer
            attempt(fleet, rogue, name)
        # The far date did not make the phone refuse what key holders sign today.
        status = fleet.phone.status()
        check(status["checkin"]["next_in_s"] <= 7 * 86400 + 86400, status["checkin"])
    fleet.server = back(fleet)
    fleet.policy("staff", dict(STRICT, screen_lock=dict(STRICT["screen_lock"], idle_delay=30)))
    fleet.phone.sync()
    wait_for("the new policy", lambda: fleet.phone.effective()["screen_lock.idle_delay"] == 30)


def back(fleet):
    """The true server again, at its old address."""
    import mdmctl_rig
    import re
    import subprocess
    server = object.__new__(Server)
    server.log = open(os.path.join(fleet.base, "server-again.log"), "w+")
    server.process = subprocess.Popen(
        [mdmctl_rig.SERVER, "--state", os.path.join(fleet.admin.org, "server"), "--listen",
         "127.0.0.1:%d" % fleet.port, "--admin-listen", "127.0.0.1:0"], stdout=subprocess.PIPE,
        stderr=server.log, text=True)
    match = re.search(r"administration on (https://\S+)", server.process.stdout.readline())
    check(match, "the server does not start again")
    server.url = fleet.url
    fleet.admin.ok("config", "set", "admin", match.group(1))
    return server


@with_fleet
def test_withhold(fleet):
    """Silence: the rules stay over restarts of the phone; a command that was held back expires."""
    held_back = fleet.order(fleet.phone, "unenroll", "--expires", "2s")
    with fleet.take_over() as rogue:
        attempt(fleet, rogue, "silence")
        before = fleet.standing()
        fleet.phone.stop()
        fleet.phone.start()
        wait_for("the policy", lambda: fleet.standing()["effective"] == before["effective"])
        # Two seconds, and the one at whose end it expires.
        time.sleep(3.1)
        attempt(fleet, rogue, "a command held back too long", ("expired",), held_back)
        check(fleet.phone.read() == before["file"])


@with_fleet
def test_wakes(fleet):
    """The phone waits at the thief's, who wakes it without end: it comes ten times, then rests."""
    always = {"time": {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}}
    fleet.admin.file("w.json", json.dumps({"checkin": {"interval": 3600, "long_poll": always},
                                           "profiles": [{"id": "p", "settings": STRICT}]}))
    fleet.admin.ok("policy", "sign", "w.json", "--stream", "staff", "-o", "w.jws")
    fleet.admin.ok("policy", "push", "w.jws")
    fleet.phone.sync()
    with fleet.take_over() as rogue:
        marks = iter(range(10**6, 2 * 10**6))

        class Answer(tuple):
            """204 with a mark that grows: there always is something new."""
            def __iter__(self):
                return iter((204, {"MDM-Mark": str(next(marks))}, b""))
        rogue.answer, rogue.wait = Answer(), (200, {}, b"")
        before = fleet.standing()
        fleet.phone.sync()
        waits = lambda: sum(1 for _, path, _ in rogue.requests if path.startswith("/v1/wait"))
        wait_for("a wait at the thief's\n" + fleet.phone.log(), lambda: waits() >= 2)
        time.sleep(20)
        check(rogue.checkins() <= 13, "woken %d times" % rogue.checkins())
        check(waits() <= 20, "%d waits" % waits())
        check(fleet.standing() == before)


def pkcs7(*paths):
    """Certificates as EST sends them."""
    args = sum((["-certfile", path] for path in paths), [])
    der = subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-outform", "DER", *args],
                         capture_output=True, check=True).stdout
    return base64.encodebytes(der)


@with_fleet
def test_identity(fleet):
    """The phone renews its certificate at the thief's, who has the CA key and answers with a
    certificate for a key of his own: a stranger's certificate never replaces the phone's."""
    server, net = os.path.join(fleet.admin.org, "server"), os.path.join(fleet.phone.state, "net")
    key, request, stranger, shim = (os.path.join(fleet.base, n) for n in ("k", "r", "s.pem", "shim.so"))
    for command in (
            ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-keyout", key, "-subj", "/CN=" + fleet.device, "-out", request],
            ["openssl", "x509", "-req", "-in", request, "-CA", os.path.join(server, "device-ca.pem"), "-CAkey",
             os.path.join(server, "device-ca-key.pem"), "-set_serial", "77", "-days", "200", "-out", stranger],
            [os.environ.get("MDM_CC", "cc"), "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", shim, os.path.join(
                os.path.dirname(os.path.abspath(__file__)), "../lib/clock_shim.c")]):
        subprocess.run(command, check=True, capture_output=True)
    # Beyond the half of the certificate's 90 days.
    later = 50 * 86400
    fleet.phone.stop()
    fleet.phone.env = {"LD_PRELOAD": shim, "CLOCK_SHIM_OFFSET": str(later),
                       "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}
    with fleet.take_over() as rogue:
        rogue.answer = (204, {"Date": email.utils.formatdate(time.time() + later, usegmt=True)}, b"")
        rogue.est = {"cacerts": pkcs7(os.path.join(server, "root.pem")), "simplereenroll": pkcs7(stranger)}
        fleet.phone.start()
        before = {n: open(os.path.join(net, n), "rb").read() for n in sorted(os.listdir(net))}

        def asked():
            fleet.phone.sync()
            return any(path.endswith("/simplereenroll") for _, path, _ in rogue.requests)
        wait_for("a renewal at the thief's\n" + fleet.phone.log(), asked)
        fleet.phone.sync()
        after = {n: open(os.path.join(net, n), "rb").read() for n in sorted(os.listdir(net))}
        check(after == before, "the identity changed", sorted(before), sorted(after))
        told = [r["data"]["what"] for r in fleet.phone.journal("certificate")]
        check("renewed" not in told and "proven" not in told, told)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(run_tests([test_forge, test_replay_and_swap, test_damage, test_nonsense, test_withhold,
                        test_wakes, test_identity]))
