#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real mdm-server and push services: a local HTTPS server plays them, well and badly.
Usage: server_push.py BUILD_DIR [NAME]. BUILD_DIR holds mdm-server; NAME selects tests."""

import http.server
import os
import secrets
import socket
import ssl
import sys
import threading
import time

sys.dont_write_bytecode = True
from server_rig import PATIENCE, Kept, Pki, Server, document, equal, run_tests

TESTS = []
SERIAL = int(time.time())


def test(function):
    TESTS.append(function)
    return function


class Service:
    """Takes every POST down; answers with status, or with raw bytes, or not at all."""

    def __init__(self, directory, tls=True, status=201):
        self.requests, self.status, self.connections = [], status, 0
        self.pki = Pki(os.path.join(directory, secrets.token_hex(4)), "push")
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                service.requests.append((self.path, dict(self.headers), body))
                if service.status is None:
                    time.sleep(PATIENCE)
                self.send_response(service.status)
                if 300 <= service.status < 400:
                    self.send_header("Location", service.url + "elsewhere")
                self.send_header("Content-Length", "100000")
                self.end_headers()
                self.wfile.write(b"x" * 100000)

            def log_message(self, *args):
                pass

        class Plain(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args):
                pass

            def get_request(self):
                service.connections += 1
                return super().get_request()
        self.server = Plain(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = "https://127.0.0.1:%d/" % self.port
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.pki.path("state/server-chain.pem"), self.pki.path("state/server-key.pem"))
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def paths(self):
        return [path for path, _, _ in self.requests]


class Site:
    """A server that believes a service's CA and may tell it."""

    def __init__(self, server, service, *options, prefixes=None):
        self.service = service
        argv = [x for p in (prefixes or [service.url]) for x in ("--push-endpoint", p)]
        self.server = Server(server.program, Pki(os.path.join(server.pki.dir, secrets.token_hex(4))), *argv, *options,
                             env=dict(os.environ, SSL_CERT_FILE=service.pki.root))

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.service.close()
        code = self.server.stop()
        assert code == 0, self.server.messages()

    def phone(self, endpoint, group="staff"):
        device = self.server.device()
        answer = device.checkin(self.server, push=endpoint)
        assert answer.status in (200, 204), answer
        put(self.server, "type=assignment&device=%s&groups=%s" % (device.id, group))
        return device


def put(server, query):
    global SERIAL
    SERIAL += 1
    serial = server.next_keyset() if query == "type=keyset" else SERIAL
    equal(server.put("%s&serial=%d" % (query, serial), document("d%d" % SERIAL)).status, 201)


def until(what, condition):
    end = time.time() + PATIENCE
    while not condition():
        assert time.time() < end, "not seen: " + what
        time.sleep(0.05)


@test
def tells_with_one_byte(server):
    service = Service(server.pki.dir)
    with Site(server, service) as site:
        site.phone(service.url + "up/abc?up=1")
        until("the push", lambda: service.requests)
        path, headers, body = service.requests[0]
        equal((path, len(body)), ("/up/abc?up=1", 1))
        assert int(headers["TTL"]) > 0 and headers["Host"] == "127.0.0.1:%d" % service.port, headers
        assert not any(name.lower() in ("authorization", "cookie", "user-agent") for name in headers), headers


@test
def once_a_minute_for_a_phone(server):
    """And not for a phone that waits here, nor one that is not concerned."""
    service = Service(server.pki.dir)
    with Site(server, service) as site:
        site.phone(service.url + "one", "red")
        site.phone(service.url + "two", "blue")
        waiting = site.phone(service.url + "three", "red")
        until("three pushes", lambda: len(service.requests) >= 3)
        mark = waiting.checkin(site.server, push=service.url + "three").headers["mdm-mark"]
        kept = Kept(site.server, site.server.port, waiting.identity)
        kept.socket.sendall(b"GET /v1/wait?mark=%s HTTP/1.1\r\nHost: x\r\n\r\n" % mark.encode())
        time.sleep(0.5)
        other = site.phone(service.url + "four", "red")
        until("the fourth", lambda: "/four" in service.paths())
        for _ in range(5):
            put(site.server, "type=policy&stream=red")
        equal(kept.answer().status, 200)
        time.sleep(1.5)
        equal(sorted(service.paths()), ["/four", "/one", "/three", "/two"])
        assert other.id


@test
def groups_reach_their_phones(server):
    service = Service(server.pki.dir)
    with Site(server, service) as site:
        phones = []
        for i in range(4):
            device = site.server.device()
            device.checkin(site.server, push=service.url + str(i))
            phones.append(device)
        equal(service.requests, [])
        put(site.server, "type=keyset")
        until("all of them", lambda: sorted(service.paths()) == ["/0", "/1", "/2", "/3"])


@test
def only_where_the_configuration_allows(server):
    """A phone cannot make the server talk into its own network, nor to a name that looks similar."""
    service, inner = Service(server.pki.dir), Service(server.pki.dir)
    base = service.url + "push"
    with Site(server, service, prefixes=[base]) as site:
        for endpoint in (inner.url + "x", service.url + "other", base + "er/x", "https://127.0.0.1/x",
                         "https://127.0.0.1:%d.example.org/x" % service.port, base + "/../admin"):
            device = site.server.device()
            # Some are refused in the report, the others when it would come to it.
            if device.checkin(site.server, push=endpoint).status == 400:
                continue
            put(site.server, "type=assignment&device=%s&groups=a" % device.id)
        site.phone(base + "/good")
        until("the good one", lambda: service.paths() == ["/push/good"])
        equal((inner.connections, service.connections), (0, 1))
        inner.close()


@test
def off_without_configuration(server):
    service = Service(server.pki.dir)
    pki = Pki(os.path.join(server.pki.dir, secrets.token_hex(4)))
    other = Server(server.program, pki, env=dict(os.environ, SSL_CERT_FILE=service.pki.root))
    try:
        device = other.device()
        device.checkin(other, push=service.url + "x")
        put(other, "type=assignment&device=%s&groups=a" % device.id)
        put(other, "type=keyset")
        time.sleep(1)
        equal(service.connections, 0)
    finally:
        service.close()
        equal(other.stop(), 0)


@test
def bad_prefixes_are_refused(server):
    for prefix in ("http://x/", "https://", "ftp://x/", "https://x/?a", "https://x y/", "*", "https://u@x/"):
        pki = Pki(os.path.join(server.pki.dir, secrets.token_hex(4)))
        try:
            other = Server(server.program, pki, "--push-endpoint", prefix)
        except RuntimeError as error:
            assert "push-endpoint" in str(error), error
        else:
            other.stop()
            raise AssertionError("started with " + prefix)


def failing(server, service, what, prefixes=None, ca=None):
    """Nothing but a line in the log; the server goes on."""
    with Site(server, service, prefixes=prefixes) as site:
        site.phone((prefixes or [service.url])[0] + "x")
        until("the failure", lambda: "could not be told" in site.server.messages())
        assert what in site.server.messages(), site.server.messages()
        return site, list(service.requests)


@test
def redirects_are_not_followed(server):
    _, requests = failing(server, Service(server.pki.dir, status=302), "302")
    equal(len(requests), 1)


@test
def refusals_and_strange_peers(server):
    failing(server, Service(server.pki.dir, status=404), "404")
    _, requests = failing(server, Service(server.pki.dir, tls=False), "could not be told")
    equal(requests, [])
    # Nobody there.
    gone = Service(server.pki.dir)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        failing(server, gone, "cannot be reached", ["https://127.0.0.1:%d/" % closed.getsockname()[1]])
    equal(gone.requests, [])


@test
def another_ca_or_name_is_not_believed(server):
    """The certificate is for 127.0.0.1 and by the CA that is believed; nothing else will do."""
    one, other = Service(server.pki.dir), Service(server.pki.dir)
    with Site(server, one, prefixes=[one.url, other.url]) as site:
        site.phone(other.url + "x")
        until("the failure", lambda: "certificate" in site.server.messages())
    equal(other.requests, [])
    other.close()
    named = Service(server.pki.dir)
    with Site(server, named, prefixes=["https://localhost:%d/" % named.port]) as site:
        site.phone("https://localhost:%d/x" % named.port)
        until("the failure", lambda: "could not be told" in site.server.messages())
    equal(named.requests, [])


@test
def silent_services_hold_nothing_up(server):
    """All connections are taken by a service that never answers: check-ins and waits go on, and the
    others are told when the deadline has passed."""
    service = Service(server.pki.dir, status=None)
    with Site(server, service) as site:
        for i in range(18):
            device = site.server.device()
            equal(device.checkin(site.server, push=service.url + str(i)).status, 204)
        put(site.server, "type=keyset")
        until("sixteen at once", lambda: len(service.requests) == 16)
        time.sleep(1)
        equal(len(service.requests), 16)
        site.server.device().checkin(site.server)
        until("the deadline", lambda: "no answer in time" in site.server.messages())
        until("the others", lambda: len(service.requests) == 18)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
