#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdm-agent-net over its channel: check-ins with servers that behave well and badly.

Usage: net_checkin.py BUILD_DIR [NAME]    (NAME: only the cases whose name contains it)

As net_role.py, which has the rest. The last line is "N passed, N failed" and perhaps
", N skipped".
"""
import os
import re
import shutil
import socket
import ssl
import sys
import time
import unittest

sys.dont_write_bytecode = True
from net_role_rig import (answer, Authority, DAY, EMULATED, expect_failed, files, NET_ENROLLED,
                          NET_EXCHANGED, NET_FAILED, NOW, run, run_cases, STAGES)


# --- check-in

JOSE = "Content-Type: application/jose\r\n"


def case_checkin(lab):
    directory = lab.enrolled()
    before = files(directory)
    report, documents = b'{"v":1,"nonce":"x"}' * 20, b"a.b.c\n\nd.e.f\n"

    def reply(_server, _request, _tls):
        return answer("200 OK", JOSE + "MDM-Ack: 17\r\nMDM-Resend: compliance, inventory\r\n"
                      "MDM-Next-Checkin: 3600\r\n", documents)
    with lab.checkin_server(reply) as server:
        role = lab.checkin(server.url(), directory, report)
        result = role.finish()
    assert result and result["kind"] == NET_EXCHANGED, (result, role.log)
    request = server.requests[0]
    assert role.code == 0 and lab.body(role) == documents and request.body == report
    assert request.line == "POST /v1/checkin HTTP/1.1"
    assert sorted(request.headers) == ["content-length", "content-type", "host"]
    assert request.peer["subject"] == ((("commonName", lab.device_id),),)
    assert result["status"] == 200 and result["n_response"] == len(documents)
    assert result["ack"] == 17 and result["resend"] == "compliance,inventory"
    assert result["next_checkin"] == 3600 and result["retry_after"] == -1
    assert result["date_s"] == NOW and result["cert_until_s"] == NOW + 30 * DAY
    assert result["from_s"] == NOW - 3600 and result["until_s"] == NOW + 90 * DAY
    assert result["up"] == request.size, (result["up"], request.size)
    assert result["down"] == server.sent, (result["down"], server.sent)
    assert files(directory) == before


def case_checkin_nothing_new(lab):
    report = b"x" * 800
    with lab.checkin_server(answer("204 No Content", "MDM-Ack: 3\r\n", length=False)) as server:
        role = lab.checkin(server.url("127.0.0.1"), lab.enrolled(), report)
        result = role.finish()
    assert result["kind"] == NET_EXCHANGED and result["status"] == 204, result
    assert result["n_response"] == 0 and lab.body(role) == b""
    # The header that every steady check-in pays for.
    assert result["up"] - len(report) <= 224 and result["down"] <= 512, result


def case_checkin_large_report(lab):
    report = os.urandom(256 * 1024)
    with lab.checkin_server(answer("204 No Content", length=False)) as server:
        role = lab.checkin(server.url(), lab.enrolled(), report)
        assert role.finish()["kind"] == NET_EXCHANGED
    assert server.requests[0].body == report


def case_checkin_report_above_limit(lab):
    with lab.checkin_server(answer("204 No Content", length=False)) as server:
        role = lab.checkin(server.url(), lab.enrolled(), b"x" * (256 * 1024 + 1))
        assert role.finish() is None and role.code == 1
    assert server.requests == []


def case_checkin_chunked(lab):
    data = answer("200 OK", JOSE + "Transfer-Encoding: chunked\r\n", length=False)
    data += b"5\r\na.b.c\r\n1\r\n\n\r\n0\r\nMDM-Ack: 99\r\n\r\n"
    with lab.checkin_server(data) as server:
        role = lab.checkin(server.url(), lab.enrolled())
        result = role.finish()
    assert result["kind"] == NET_EXCHANGED and lab.body(role) == b"a.b.c\n"
    assert result["ack"] == -1, "a trailer counted"


def case_checkin_bad_hints(lab):
    hints = ("MDM-Ack: 1x\r\nMDM-Next-Checkin: -5\r\nMDM-Resend: a,b;c\r\n"
             "Retry-After: soon\r\n")
    with lab.checkin_server(answer("200 OK", JOSE + hints, b"a.b.c\n")) as server:
        result = lab.checkin(server.url(), lab.enrolled()).finish()
    assert result["kind"] == NET_EXCHANGED
    assert (result["ack"], result["next_checkin"], result["resend"], result["retry_after"]) == (
        -1, -1, "", -1)


def case_checkin_statuses(lab):
    for status, words in [("403 Forbidden", "does not know this phone"),
                          ("400 Bad Request", "malformed"), ("404 Not Found", "no check-in"),
                          ("500 Oops", "broken"), ("418 Teapot", "unexpected")]:
        with lab.checkin_server(answer(status, JOSE, b"some text")) as server:
            role = lab.checkin(server.url(), lab.enrolled())
            result = role.finish()
        expect_failed(result, "http", words)
        assert result["status"] == int(status[:3]) and lab.body(role) == b""


def case_checkin_retry_after(lab):
    later = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(NOW + 90))
    for value in ("90", later):
        with lab.checkin_server(answer("503 Busy", "Retry-After: %s\r\n" % value)) as server:
            result = lab.checkin(server.url(), lab.enrolled()).finish()
        expect_failed(result, "http", "come back later")
        assert result["status"] == 503 and result["retry_after"] == 90, value


def case_checkin_redirect(lab):
    with lab.checkin_server(answer("204 No Content", length=False)) as target:
        with lab.checkin_server(answer("307 Moved", "Location: %s/v1/checkin\r\n" %
                                       target.url())) as server:
            expect_failed(lab.checkin(server.url(), lab.enrolled()).finish(), "http", "redirects")
    assert target.requests == []


def case_checkin_wrong_type(lab):
    with lab.checkin_server(answer("200 OK", "Content-Type: text/html\r\n", b"<html>")) as server:
        expect_failed(lab.checkin(server.url(), lab.enrolled()).finish(), "response", "documents")


def case_checkin_body_limit(lab):
    for size, kind in ((4096, NET_EXCHANGED), (4097, NET_FAILED)):
        for length in (True, False):
            with lab.checkin_server(answer("200 OK", JOSE, b"x" * size, length)) as server:
                role = lab.checkin(server.url(), lab.enrolled(), limit=4096)
                result = role.finish()
            assert result["kind"] == kind, (size, length, result)
            if kind == NET_FAILED:
                expect_failed(result, "response", "more than the 4096 bytes")
            os.close(role.response)


def case_checkin_flood(lab):
    """100 MB without a length, and in the body of an error."""
    for status in ("200 OK", "500 Oops"):
        def reply(server, _request, tls):
            tls.sendall(answer(status, JOSE, length=False))
            for _ in range(1600):
                tls.sendall(b"x" * 65536)
        with lab.checkin_server(reply) as server:
            role = lab.checkin(server.url(), lab.enrolled())
            expect_failed(role.finish(), "response", "more than")
        assert os.fstat(role.response).st_size <= 1 << 20
        os.close(role.response)


def case_checkin_header_flood(lab):
    with lab.checkin_server(answer("200 OK", "X: y\r\n" * 3000)) as server:
        expect_failed(lab.checkin(server.url(), lab.enrolled()).finish(), "http", "header above")


def case_checkin_garbage(lab):
    for data in (b"\0\1\2" * 40, b"SSH-2.0-x\r\n", b"HTTP/2 200\r\n\r\n", b"", b"HTTP/1.1 200"):
        with lab.checkin_server(data) as server:
            result = lab.checkin(server.url(), lab.enrolled()).finish()
        assert result["kind"] == NET_FAILED and STAGES[result["stage"]] == "http", (data, result)


def case_checkin_short_body(lab):
    data = answer("200 OK", JOSE + "Content-Length: 99\r\n", b"a.b", length=False)
    with lab.checkin_server(data) as server:
        expect_failed(lab.checkin(server.url(), lab.enrolled()).finish(), "http", "closed")


def case_checkin_no_tls(lab):
    def plain(_server, client):
        client.sendall(b"220 mail.example.org ESMTP\r\n")
        client.recv(4096)
    with lab.checkin_server(b"", plain=plain) as server:
        expect_failed(lab.checkin(server.url(), lab.enrolled()).finish(), "tls", "port")


def case_checkin_tls_1_2(lab):
    with lab.checkin_server(b"", maximum=ssl.TLSVersion.TLSv1_2) as server:
        expect_failed(lab.checkin(server.url(), lab.enrolled()).finish(), "tls", "TLS 1.3")


def case_checkin_other_ca(lab):
    with lab.checkin_server(b"", cert=lab.other.server("x", "DNS:localhost")) as server:
        expect_failed(lab.checkin(server.url(), lab.enrolled()).finish(), "tls", "not from the CA")
    assert server.requests == []


def case_checkin_client_refused(lab):
    """The server trusts another CA for its clients."""
    with lab.checkin_server(answer("204 No Content", length=False), want_client=False) as server:
        server.context.load_verify_locations(lab.other.cert)
        server.context.verify_mode = ssl.CERT_REQUIRED
        result = lab.checkin(server.url(), lab.enrolled()).finish()
    # The server may reset the connection before its alert is read: then it is only a guess.
    stage = "tls" if "was the device removed" in result["message"] else "http"
    expect_failed(result, stage, "this phone's certificate")


def case_checkin_intermediate(lab):
    """A server certified by an intermediate that only the phone knows: it is in anchors.pem."""
    sub = Authority(lab.dir, "Sub CA")
    run("openssl", "req", "-new", "-key", sub.key, "-subj", "/CN=Sub CA", "-out",
        sub.path("ca.csr"))
    lab.ca.sign(sub.path("ca.csr"), sub.cert, "basicConstraints=critical,CA:TRUE\n"
                "keyUsage=critical,keyCertSign\n", NOW - DAY, NOW + 400 * DAY)
    cert = sub.server("below", "DNS:localhost")

    def est(server, request, tls):
        if "/cacerts" not in request.line:
            return answer("200 OK", "Content-Type: application/pkcs7-mime\r\n",
                          sub.issue(request.body))
        return answer("200 OK", "Content-Type: application/pkcs7-mime\r\n",
                      lab.ca.bundle(lab.other.cert, sub.cert, lab.ca.cert))
    directory = lab.identity()
    with lab.est_server(cert=cert, answer_to=est) as server:
        result = lab.enrol(server.url(), directory).finish()
    assert result["kind"] == NET_ENROLLED, result
    text = files(directory)["anchors.pem"].decode()
    assert re.findall("(?m)^(pinned|intermediate)$", text) == ["pinned", "intermediate"], text
    # The server's clients must send the intermediate themselves: it knows the root only.
    with lab.checkin_server(answer("204 No Content", length=False), cert=cert) as server:
        result = lab.checkin(server.url(), directory).finish()
    assert result["kind"] == NET_EXCHANGED, result


def case_checkin_dead(lab):
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    url = "https://127.0.0.1:%d" % s.getsockname()[1]
    expect_failed(lab.checkin(url, lab.enrolled()).finish(), "connect", "cannot be reached")
    s.close()


def case_checkin_no_such_name(lab):
    role = lab.checkin("https://no-such-host.invalid", lab.enrolled(), timeout=5)
    expect_failed(role.finish(), "resolve", "no-such-host.invalid")


def case_checkin_hangs(lab):
    if EMULATED:
        raise unittest.SkipTest("its deadline is over before an emulated role has begun: " + EMULATED)

    def before_tls(server, _client):
        server.stopping.wait(20)

    def after_request(server, _request, _tls):
        server.stopping.wait(20)
    for plain, stage in ((before_tls, "tls"), (None, "http")):
        with lab.checkin_server(after_request, plain=plain) as server:
            result = lab.checkin(server.url(), lab.enrolled(), timeout=1).finish()
            expect_failed(result, stage, "did not answer in time")


def case_checkin_drip(lab):
    """A byte now and then keeps a connection busy, not the deadline."""
    if EMULATED:
        raise unittest.SkipTest("its deadline is over before an emulated role has begun: " + EMULATED)

    def reply(server, _request, tls):
        tls.sendall(answer("200 OK", JOSE, length=False))
        while not server.stopping.wait(0.1):
            tls.sendall(b"x")
    with lab.checkin_server(reply) as server:
        result = lab.checkin(server.url(), lab.enrolled(), timeout=1).finish()
        expect_failed(result, "http", "did not answer in time")


def case_checkin_no_identity(lab):
    expect_failed(lab.checkin("https://localhost:9", lab.identity()).finish(), "identity", "enrol")


def case_checkin_damaged_identity(lab):
    for name in ("key.pem", "certificate.pem", "anchors.pem"):
        for data in (b"", b"rubbish\n", b"x" * 70000, None):
            directory = lab.enrolled()
            path = os.path.join(directory, name)
            if data is None:
                os.unlink(path)
            else:
                with open(path, "wb") as f:
                    f.write(data)
            result = lab.checkin("https://localhost:9", directory).finish()
            expect_failed(result, "identity")


def case_checkin_interrupted_enrolment(lab):
    """Every state that a crash between the renames can leave holds one whole identity."""
    old, new = lab.enrolled(), lab.identity()
    with lab.est_server() as server:
        assert lab.enrol(server.url(), new).finish()["kind"] == NET_ENROLLED
    for renamed in ([], ["certificate.pem"], ["certificate.pem", "anchors.pem"]):
        directory = lab.identity(old)
        for name in ("key.pem", "certificate.pem", "anchors.pem"):
            shutil.copy2(os.path.join(new, name), os.path.join(
                directory, name + ("" if name in renamed else ".new")))
        directory = lab.identity(directory)
        with lab.checkin_server(answer("204 No Content", length=False)) as server:
            result = lab.checkin(server.url(), directory).finish()
        assert result["kind"] == NET_EXCHANGED, (renamed, result)
        # A later enrolment that fails at the very end cleans up without losing it.
        with lab.est_server() as server:
            assert lab.enrol(server.url(), directory).finish()["kind"] == NET_ENROLLED
        assert sorted(os.listdir(directory)) == ["anchors.pem", "certificate.pem", "key.pem"]


if __name__ == "__main__":
    sys.exit(run_cases(globals()) if len(sys.argv) > 1 else __doc__)
