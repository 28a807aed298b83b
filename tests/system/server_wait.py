#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Waiting at the real mdm-server (GET /v1/wait): who is woken by what, bounds, peers that misbehave.
Usage: server_wait.py BUILD_DIR [NAME]. BUILD_DIR holds mdm-server; NAME selects tests."""

import os
import secrets
import select
import socket
import sys
import time

sys.dont_write_bytecode = True
from server_rig import PATIENCE, Kept, Pki, Server, document, equal, refused, run_tests

TESTS = []
SERIAL = int(time.time())


def test(function):
    TESTS.append(function)
    return function


def serial():
    global SERIAL
    SERIAL += 1
    return SERIAL


class Waiter:
    """One phone at /v1/wait."""

    def __init__(self, server, device, mark):
        self.kept = Kept(server, server.port, device.identity)
        self.kept.socket.settimeout(PATIENCE)
        request = "GET /v1/wait?mark=%s HTTP/1.1\r\nHost: x\r\n\r\n" % mark
        self.kept.socket.sendall(request.encode())

    def silent(self, seconds=0.3):
        return not self.kept.socket.pending() and not select.select([self.kept.socket], [], [], seconds)[0]

    def answer(self):
        return self.kept.answer()

    def close(self):
        self.kept.socket.close()


def mark(server, device):
    answer = device.checkin(server)
    assert answer.status in (200, 204), answer
    return int(answer.headers["mdm-mark"])


def put_policy(server, group):
    answer = server.put("type=policy&stream=%s&serial=%d" % (group, serial()), document("p%d" % SERIAL))
    equal(answer.status, 201)


def put_assignment(server, whom, groups):
    answer = server.put("type=assignment&%s&serial=%d&groups=%s" % (whom, serial(), groups), document("a%d" % SERIAL))
    equal(answer.status, 201)


def parked(server, device, at=None):
    """A phone that surely waits: parked after the answer to nothing in between."""
    w = Waiter(server, device, mark(server, device) if at is None else at)
    assert w.silent(), w.answer()
    return w


def member(server, group):
    """A phone in a group."""
    device = server.device()
    put_assignment(server, "device=" + device.id, group)
    return device


def until(what, condition):
    end = time.time() + PATIENCE
    while not condition():
        assert time.time() < end, "not seen: " + what
        time.sleep(0.05)


@test
def needs_a_device_and_a_mark(server):
    device = server.device()
    equal(server.request("GET", "/v1/wait?mark=0").status, 403)
    for query in ("", "?", "?mark", "?mark=", "?mark=-1", "?mark=1x", "?mark=0x1", "?mark=1&mark=1", "?mark=+1",
                  "?mark=9007199254740993", "?mark=99999999999999999999", "?other=1", "?mark=1&other=1", "?mark=%00"):
        answer = server.request("GET", "/v1/wait" + query, identity=device.identity)
        equal((query, answer.status), (query, 400))
    equal(server.request("POST", "/v1/wait?mark=1", b"x", identity=device.identity).status, 405)


@test
def unknown_device(server):
    """A certificate of ours for a phone that the database does not know."""
    cert, key = server.pki.issue("stranger", "/CN=stranger", "client", server.pki.device_ca)
    equal(server.request("GET", "/v1/wait?mark=0", identity=(cert, key)).status, 403)


@test
def old_mark_is_answered_at_once(server):
    device = member(server, "early")
    now = mark(server, device)
    w = parked(server, device, now)
    put_policy(server, "early")
    equal(w.answer().status, 200)
    # The same mark again: what is new is still new, without waiting.
    equal(Waiter(server, device, now).answer().status, 200)
    # A mark of the future: the server was set back.
    equal(Waiter(server, device, now + 1000000).answer().status, 200)
    w = parked(server, device)
    w.close()


@test
def woken_by_its_group_only(server):
    ours, theirs = member(server, "red,green"), member(server, "greens")
    w, other = parked(server, ours), parked(server, theirs)
    put_policy(server, "green")
    answer = w.answer()
    equal((answer.status, answer.body), (200, b""))
    assert other.silent(), other.answer()
    put_policy(server, "greens")
    equal(other.answer().status, 200)


@test
def woken_by_assignments(server):
    device, other = server.device(), server.device()
    w, silent = parked(server, device), parked(server, other)
    put_assignment(server, "device=" + device.id, "one")
    equal(w.answer().status, 200)
    w = parked(server, device)
    put_assignment(server, "ticket=" + device.ticket[0], "two")
    equal(w.answer().status, 200)
    assert silent.silent(), silent.answer()
    # The groups are those of the new assignment.
    w = parked(server, device)
    put_policy(server, "two")
    equal(w.answer().status, 200)
    silent.close()


@test
def a_keyset_wakes_everybody(server):
    devices = [server.device() for _ in range(3)]
    waiters = [parked(server, d) for d in devices]
    equal(server.put("type=keyset&serial=%d" % server.next_keyset(), document("k")).status, 201)
    equal([w.answer().status for w in waiters], [200] * 3)


@test
def refused_documents_wake_nobody(server):
    device = member(server, "calm")
    put_policy(server, "calm")
    w = parked(server, device)
    equal(server.put("type=policy&stream=calm&serial=1", document("old")).status, 409)
    equal(server.put("type=policy&stream=calm&serial=%d" % SERIAL, document("p%d" % SERIAL)).status, 200)
    equal(server.put("type=policy&stream=calm&serial=%d" % serial(), b"no document").status, 400)
    assert w.silent(), w.answer()
    w.close()


@test
def a_newer_wait_takes_the_place(server):
    device = member(server, "twice")
    first = parked(server, device)
    second = parked(server, device)
    refused(first.answer)
    assert second.silent(), second.answer()
    put_policy(server, "twice")
    equal(second.answer().status, 200)


def small(server, *options):
    """A second server on the same state would be another one: the bounds get a server of their own."""
    pki = Pki(os.path.join(server.pki.dir, secrets.token_hex(4)))
    other = Server(server.program, pki, *options)
    other.program = server.program
    return other


@test
def places_are_bounded_and_come_back(server):
    other = small(server, "--max-waiting", "3", "--max-connections", "64")
    try:
        devices = [other.device() for _ in range(4)]
        waiters = [parked(other, d) for d in devices[:3]]
        answer = Waiter(other, devices[3], mark(other, devices[3])).answer()
        equal(answer.status, 503)
        assert 300 <= int(answer.headers["retry-after"]) <= 900, answer
        # Whoever has a place may take it anew.
        again = parked(other, devices[0])
        refused(waiters[0].answer)
        # A phone that goes leaves its place at once, however it goes.
        again.close()
        until("a free place", lambda: Waiter(other, devices[3], mark(other, devices[3])).silent())
        waiters[1].kept.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        waiters[1].close()
        until("a place after a reset", lambda: Waiter(other, devices[0], mark(other, devices[0])).silent())
        waiters[2].close()
    finally:
        equal(other.stop(), 0)


@test
def waiting_does_not_starve_checkins(server):
    """More phones wait than the server has room for active connections."""
    other = small(server, "--max-waiting", "100", "--max-connections", "4")
    try:
        devices = [other.device() for _ in range(12)]
        waiters = [parked(other, d) for d in devices]
        for d in devices:
            mark(other, d)
        # Woken all at once, they are active again; everybody gets the answer.
        equal(other.put("type=keyset&serial=1", document("k")).status, 201)
        equal([w.answer().status for w in waiters], [200] * len(waiters))
        for w in waiters:
            w.close()
        mark(other, devices[0])
    finally:
        equal(other.stop(), 0)


@test
def who_speaks_while_waiting_is_cut_off(server):
    device = server.device()
    w = parked(server, device)
    w.kept.socket.sendall(b"GET /v1/wait?mark=0 HTTP/1.1\r\nHost: x\r\n\r\n")
    refused(w.answer)
    # Its place is free: the phone waits again, and only once.
    parked(server, device).close()


@test
def groups_are_woken_at_a_rate(server):
    """And the order for one phone does not stand in that queue."""
    other = small(server, "--wakes-per-second", "10")
    try:
        devices = [member(other, "crowd") for _ in range(24)]
        marks = mark(other, devices[0])
        waiters = [parked(other, d, marks) if d is devices[0] else Waiter(other, d, marks) for d in devices]
        assert waiters[-1].silent(0.5)
        began = time.time()
        put_policy(other, "crowd")
        # The last one of the queue, whichever that is, gets its own word long before its turn.
        sockets = {w.kept.socket: i for i, w in enumerate(waiters)}
        urgent = [i for i in range(len(devices)) if waiters[i].silent(0)][-1]
        put_assignment(other, "device=" + devices[urgent].id, "crowd")
        order = []
        while sockets:
            ready, _, _ = select.select(list(sockets), [], [], PATIENCE)
            assert ready, "%d were never woken" % len(sockets)
            for s in ready:
                i = sockets.pop(s)
                equal(waiters[i].answer().status, 200)
                order.append(i)
        seconds = time.time() - began
        assert seconds >= 1.5, "24 phones at 10 a second took %.1f s" % seconds
        assert order.index(urgent) < len(order) - 2, (urgent, order)
    finally:
        equal(other.stop(), 0)


@test
def ends_while_phones_wait(server):
    other = small(server)
    try:
        w = parked(other, other.device())
    finally:
        equal(other.stop(), 0)
    refused(w.answer)


@test
def half_open_and_slow(server):
    """Peers that vanish before, in and after the handshake hold no place of a phone that waits."""
    other = small(server, "--max-waiting", "2", "--request-timeout", "1")
    try:
        device = other.device()
        cut = [socket.create_connection(("127.0.0.1", other.port)) for _ in range(20)]
        for s in cut[:10]:
            s.sendall(b"\x16\x03\x01")
        halves = [Kept(other, other.port, device.identity) for _ in range(5)]
        for h in halves:
            h.socket.sendall(b"GET /v1/wait?mark=")
        w = parked(other, device)
        second = parked(other, other.device())
        for s in cut:
            s.settimeout(PATIENCE)
            try:
                while s.recv(100):
                    pass
            except ConnectionError:
                pass
            s.close()
        for h in halves:
            refused(h.answer)
        # The deadline of requests is not that of waiting.
        assert w.silent() and second.silent()
        equal(other.put("type=keyset&serial=1", document("k")).status, 201)
        equal((w.answer().status, second.answer().status), (200, 200))
    finally:
        equal(other.stop(), 0)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
