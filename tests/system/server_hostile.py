#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real mdm-server under hostile peers, another CA, falls, a full disk and wrong files.
Usage: server_hostile.py BUILD_DIR [NAME]. BUILD_DIR holds mdm-server; NAME selects tests."""

import base64
import os
import resource
import secrets
import select
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from server_rig import (PATIENCE, Device, Kept, Pki, Server, device_id, document, equal, event, make_csr, pkcs7_certs,
                        read_all, refused, run_tests)

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# --- hostile peers


@test
def malformed_requests_are_refused(server):
    host = b"Host: x\r\n"
    for request, status in (
            (b"GET / HTTP/1.1\r\n\r\n", 400), (b"GET /x HTTP/1.0\r\n" + host + b"\r\n", 505), (b"GARBAGE\r\n\r\n", 400),
            (b"\r\n\r\n", 400), (b"BREW /x HTTP/1.1\r\n" + host + b"\r\n", 501), (b"GET http://x/ HTTP/1.1\r\n" + host + b"\r\n", 400),
            (b"GET /%2e HTTP/1.1\r\n" + host + b"\r\n", 400), (b"GET /x HTTP/1.1\r\n" + host * 2 + b"\r\n", 400),
            (b"GET /x HTTP/1.1\r\n" + host + b" folded: 1\r\n\r\n", 400), (b"GET /x HTTP/1.1\r\n" + host + b"A : 1\r\n\r\n", 400),
            (b"GET /x HTTP/1.1\r\n" + host + b"A: \x01\r\n\r\n", 400), (b"GET /x HTTP/1.1\nHost: x\r\n\r\n", 400),
            (b"GET /x HTTP/1.1\r\n" + host + b"A: 1\r\n" * 64 + b"\r\n", 431), (b"GET /x HTTP/1.1\r\nA: " + b"a" * 9000, 431),
            (b"GET /" + b"x" * 2100 + b" HTTP/1.1\r\n" + host + b"\r\n", 414),
            (b"GET /x HTTP/1.1\r\n" + host + b"Expect: tea\r\n\r\n", 417),
            (b"POST /.well-known/est/simpleenroll HTTP/1.1\r\n" + host + b"\r\n", 411),
            (b"POST /.well-known/est/simpleenroll HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
            (b"POST /.well-known/est/simpleenroll HTTP/1.1\r\n" + host + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
            (b"POST /.well-known/est/simpleenroll HTTP/1.1\r\n" + host + b"Content-Length: +1\r\n\r\nx", 400),
            (b"POST /.well-known/est/simpleenroll HTTP/1.1\r\n" + host + b"Content-Length: 1\r\n\r\nxy", 400),
            (b"POST /.well-known/est/simpleenroll HTTP/1.1\r\n" + host + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
            (b"GET /.well-known/est/cacerts HTTP/1.1\r\n" + host + b"\r\nGET /.well-known/est/cacerts HTTP/1.1\r\n", 400)):
        answer = server.raw(request)
        assert answer.startswith(b"HTTP/1.1 %d " % status), (request[:100], answer[:200])
    equal(server.request("GET", "/.well-known/est/cacerts").status, 200)


@test
def a_refused_large_body_still_gets_its_answer(server):
    device = server.device()
    head = b"POST /v1/checkin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (10 * 1024 * 1024)
    with server.connect(server.port, device.identity) as s:
        s.sendall(head + b" " * 100000)
        assert s.recv(100).startswith(b"HTTP/1.1 413 ")


@test
def connections_are_kept(server):
    device = server.device()
    kept = Kept(server, server.port, device.identity)
    for _ in range(5):
        equal(kept.request("POST", "/v1/checkin", device.report(), ["Content-Type: application/json"]).status, 204)
    answer = kept.request("POST", "/v1/checkin", device.report(), ["Content-Type: application/json", "Connection: close"])
    equal((answer.status, answer.headers["connection"]), (204, "close"))
    equal(read_all(kept.socket), b"")


@test
def a_body_is_asked_for_with_100_continue(server):
    device = server.device()
    body = device.report()
    with server.connect(server.port, device.identity) as s:
        s.sendall(b"POST /v1/checkin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body))
        equal(s.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
        for byte in (body[i:i + 1] for i in range(len(body))):  # in as many records as bytes
            s.sendall(byte)
        assert s.recv(1000).startswith(b"HTTP/1.1 204 ")


@test
def slow_peers_are_dropped(server):
    pki = Pki(server.pki.path("slow"))
    slow = Server(server.program, pki, "--request-timeout", "2", "--idle-timeout", "1", "--max-connections", "8")
    try:
        silent = socket.create_connection(("127.0.0.1", slow.port), PATIENCE)  # never a handshake
        idle = slow.connect(slow.port)
        dribble = slow.connect(slow.port)
        refused_or_end(lambda: read_all(idle))
        try:
            dribble.sendall(b"GET /.well-known/est/cacerts HTTP/1.1\r\n")
            for _ in range(4 * PATIENCE):  # a byte now and then does not extend the deadline
                dribble.sendall(b"A")
                time.sleep(0.25)
            raise AssertionError("the server still listens")
        except (ssl.SSLError, ConnectionError):
            pass
        equal(silent.recv(1), b"")
        silent.close()
        # All places taken: the next one waits until one is free again, nobody is lost.
        crowd = [socket.create_connection(("127.0.0.1", slow.port), PATIENCE) for _ in range(8)]
        equal(slow.request("GET", "/.well-known/est/cacerts").status, 200)
        for s in crowd:
            s.close()
        equal(slow.stop(), 0)
    finally:
        slow.process.kill()


def refused_or_end(action):
    try:
        equal(action(), b"")
    except (ssl.SSLError, ConnectionError):
        pass


@test
def one_address_does_not_keep_administrators_out(server):
    crowd = [socket.create_connection(("127.0.0.1", server.admin_port), PATIENCE, ("127.0.0.2", 0)) for _ in range(64)]
    until = time.monotonic() + PATIENCE
    ended = []
    while len(ended) < 56 and time.monotonic() < until:
        ended = select.select(crowd, [], [], 0.1)[0]
    assert len(ended) >= 56, len(ended)
    equal(server.admin("GET", "/v1/admin/status").status, 200)
    # Who does not say hello is sent away long before the minute that a request may take.
    for s in crowd:
        s.settimeout(40)
        refused_or_end(lambda s=s: s.recv(1))
        s.close()


@test
def garbage_instead_of_tls_is_dropped(server):
    for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(1000), b"\x16\x03\x01\xff\xff" + b"\0" * 1000):
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            try:
                while s.recv(4096):
                    pass
            except ConnectionError:
                pass
    equal(server.request("GET", "/.well-known/est/cacerts").status, 200)


# --- another CA


@test
def devices_of_another_ca_are_adopted(server):
    pki, foreign = Pki(server.pki.path("home")), Pki(server.pki.path("foreign"), "foreign")
    ca = foreign.issue("ca", "/CN=foreign devices", "device-ca")
    home = Server(server.program, pki, "--client-ca", ca[0])
    try:
        identity = foreign.issue("phone", "/CN=phone", "client", ca)
        device = Device.__new__(Device)
        device.id, device.enrolment, device.identity = device_id(identity[1]), secrets.token_hex(16), identity
        device.ticket = home.ticket()
        own = home.device()
        home.put("type=assignment&ticket=%s&serial=1&groups=a" % device.ticket[0], document("for the adopted"))
        home.put("type=assignment&ticket=%s&serial=1&groups=a" % own.ticket[0], document("for the other"))
        equal(device.checkin(home).body, document("for the adopted"))
        # It cannot take over a ticket that somebody has used, nor one of an image.
        image = secrets.token_hex(16)
        equal(home.admin("POST", "/v1/admin/tickets", {"id": image, "secret_sha256": "0" * 64, "expires": int(time.time()) + 3600,
                                                       "groups": ["a"], "zero_touch": True}).status, 201)
        for name, ticket in (("thief", own.ticket), ("second", (image, ""))):
            identity = foreign.issue(name, "/CN=" + name, "client", ca)
            device.id, device.identity, device.ticket = device_id(identity[1]), identity, ticket
            equal(device.checkin(home).status, 204)
            equal(home.admin("GET", "/v1/admin/devices/" + device.id).json["ticket"], None)
        tickets = home.admin("GET", "/v1/admin/tickets").json["tickets"]
        equal([t["used"] for t in tickets if t["id"] == image], [None])
        # The administrator of the other CA, and a direct leaf of its root, are nobody here.
        refused(lambda: device.checkin(home, identity=foreign.admin))
        equal(home.stop(), 0)
    finally:
        home.process.kill()


# --- falls


@test
def nothing_acknowledged_is_lost(server):
    pki = Pki(server.pki.path("falls"))
    devices = []
    for fall in range(4):
        falling = Server(server.program, pki)
        devices += [falling.device() for _ in range(2)]
        acked = {d.id: getattr(d, "acked", 0) for d in devices}
        stop = threading.Event()

        def run(device):
            seq = acked[device.id]
            while not stop.is_set():
                try:
                    answer = device.checkin(falling, events=[event(seq + 1)])
                except (ssl.SSLError, OSError):
                    return
                equal(answer.status, 204)
                seq = device.acked = int(answer.headers["mdm-ack"])

        threads = [threading.Thread(target=run, args=(d,)) for d in devices]
        for t in threads:
            t.start()
        deadline = time.time() + PATIENCE
        while any(getattr(d, "acked", 0) <= acked[d.id] for d in devices) and time.time() < deadline:
            time.sleep(0.01)
        falling.kill()
        stop.set()
        for t in threads:
            t.join()
    falling = Server(server.program, pki)
    for device in devices:
        page = falling.admin("GET", "/v1/admin/events?limit=500&device=" + device.id).json
        seqs = [e["seq"] for e in page["events"]]
        assert device.acked > 0 and len(seqs) >= min(device.acked, 500), (device.acked, len(seqs))
        equal(seqs, list(range(1, len(seqs) + 1)))
        equal(pkcs7_certs(falling.est(device.ticket, device.csr))[0], device.certificate)
    equal(falling.stop(), 0)


@test
def a_full_disk_is_503_and_then_over(server):
    pki = Pki(server.pki.path("full"))
    first = Server(server.program, pki)
    device, ticket = first.device(), first.ticket()
    equal(first.stop(), 0)
    size = os.path.getsize(os.path.join(pki.state, "mdm.db"))
    limit = size + 96 * 1024
    full = Server(server.program, pki, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY)))
    try:
        seq, answer = 0, None
        while answer is None or answer.status == 204:
            assert seq < 2000, "the disk does not get full"
            acked = seq
            answer = device.checkin(full, events=[event(seq + i + 1, fill="x" * 3000) for i in range(20)])
            seq += 20
        equal(answer.status, 503)
        assert "retry-after" in answer.headers and "mdm-ack" not in answer.headers
        csr = base64.b64encode(make_csr(Pki.key(pki.path("late-key.pem"))))
        assert full.est(ticket, csr).status in (200, 503)
        assert "make space" in full.messages(), full.messages()
        equal(full.admin("GET", "/v1/admin/devices/" + device.id).status, 200)
        # Space again, without a restart.
        resource.prlimit(full.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        answer = device.checkin(full, events=[event(acked + 1)])
        equal((answer.status, answer.headers["mdm-ack"]), (204, str(acked + 1)))
        assert "works again" in full.messages()
        equal(full.admin("GET", "/v1/admin/status").json["events"], acked + 1)
        equal(full.stop(), 0)
    finally:
        full.process.kill()
    with sqlite3.connect(os.path.join(pki.state, "mdm.db")) as db:
        equal(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        equal(db.execute("PRAGMA foreign_key_check").fetchall(), [])


@test
def a_damaged_database_is_said_so(server):
    pki = Pki(server.pki.path("damaged"))
    with open(os.path.join(pki.state, "mdm.db"), "wb") as f:
        f.write(b"this is not a database at all " * 1000)
    message = fails_to_start(server.program, pki)
    assert "damaged" in message and "backup" in message, message


def fails_to_start(program, pki, *options):
    done = subprocess.run([program, "--state", pki.state, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", *options],
                          capture_output=True, timeout=PATIENCE)
    equal((done.returncode, done.stdout), (1, b""))
    return done.stderr.decode()


@test
def wrong_files_say_what_to_do(server):
    for name in ("root.pem", "server-key.pem", "server-chain.pem", "device-ca-key.pem", "device-ca.pem"):
        pki = Pki(server.pki.path("files-" + name))
        path = os.path.join(pki.state, name)
        good = open(path).read()
        os.unlink(path)
        message = fails_to_start(server.program, pki)
        assert name in message and "mdmctl init" in message, message
        with open(path, "w") as f:
            f.write("garbage")
        message = fails_to_start(server.program, pki)
        assert name in message and "mdmctl init" in message, message
        if "key" in name:
            Pki.key(path)
            assert "is not the key of" in fails_to_start(server.program, pki)
        with open(path, "w") as f:
            f.write(good)
    # Certificates of another organisation.
    pki, other = Pki(server.pki.path("mixed")), Pki(server.pki.path("mixed-other"))
    shutil.copy(other.root, pki.root)
    assert "root.pem" in fails_to_start(server.program, pki)
    pki = Pki(server.pki.path("own-root"))
    assert "--client-ca" in fails_to_start(server.program, pki, "--client-ca", pki.root)


@test
def arguments_are_checked(server):
    nothing = server.pki.path("empty.conf")  # an installed server's settings are not what is tried here
    with open(nothing, "w", encoding="utf-8"):
        pass
    for args in ([], ["--state", "x"], ["--bogus"], ["--state", "x", "--listen", "localhost:1", "--admin-listen", "127.0.0.1:0"],
                 ["--state", "x", "--listen", "127.0.0.1:65536", "--admin-listen", "127.0.0.1:0"], ["--idle-timeout", "0"],
                 ["--certificate-days", "826"], ["--state"], ["extra"]):
        done = subprocess.run([server.program, "--config", nothing, *args], capture_output=True, timeout=PATIENCE)
        assert done.returncode == 2 and done.stderr.startswith(b"mdm-server: error: ") and not done.stdout, (args, done)
    for option in ("--help", "--version"):
        done = subprocess.run([server.program, option], capture_output=True, timeout=PATIENCE)
        assert done.returncode == 0 and done.stdout and not done.stderr


@test
def the_end_is_orderly(server):
    pki = Pki(server.pki.path("end"))
    ending = Server(server.program, pki)
    ending.device()
    waiting = ending.connect(ending.port)
    equal(ending.stop(), 0)
    waiting.close()
    assert "ended" in ending.messages()
    assert not os.path.exists(os.path.join(pki.state, "mdm.db-wal"))
    equal(os.stat(os.path.join(pki.state, "mdm.db")).st_mode & 0o777, 0o600)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
