#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The net role's renewals (EST simplereenroll) against servers that answer as told: net_renew.py
OBJECT-TREE [WORD]"""

import base64
import os
import sys

sys.dont_write_bytecode = True
from net_role_rig import (answer, DAY, expect_failed, files, Lab, NET_EXCHANGED, NET_RENEWED,
                          NET_WOKEN, NOW, run, run_cases, Server)

assert Lab  # made by run_cases
PKCS7 = "Content-Type: application/pkcs7-mime; smime-type=certs-only\r\n"


def issue(lab, request, ca=None, since=NOW - 3600, until=NOW + 90 * DAY, key=None):
    """A certificate for the request's key, or for another one."""
    ca = ca or lab.ca
    csr, cert = ca.path("renewed.csr"), ca.path("renewed.pem")
    with open(csr, "wb") as f:
        if key:
            f.write(run("openssl", "req", "-new", "-key", key, "-subj", "/CN=other"))
        else:
            f.write(run("openssl", "req", "-inform", "DER", input=base64.b64decode(request.body)))
    ca.sign(csr, cert, "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n", since, until)
    return ca.bundle(cert)


class Est:
    """An EST server: `cas` are in cacerts, `reenrol` answers the rest. The TLS certificate is ca's."""

    def __init__(self, lab, cas=None, reenrol=None, ca=None, until=NOW + 300 * DAY, clients=None, strangers=False):
        self.lab, self.cas = lab, cas if cas is not None else [lab.ca]
        self.reenrol = reenrol or (lambda request: answer("200 OK", PKCS7, issue(lab, request)))
        ca = ca or lab.ca
        cert = ca.server("est-%d" % id(self), "DNS:localhost,IP:127.0.0.1", until=until)
        # Clients are always of the CA under which they enrolled, unless told otherwise.
        self.server = Server(clients or lab.ca, cert, self.answer_to, want_client=not strangers)

    def answer_to(self, _server, request, _tls):
        if "/cacerts" in request.line:
            return answer("200 OK", "Content-Type: application/pkcs7-mime\r\n",
                          self.lab.ca.bundle(*(ca.cert for ca in self.cas)))
        assert "/simplereenroll" in request.line, request.line
        return self.reenrol(request)

    def __enter__(self):
        self.server.__enter__()
        return self.server

    def __exit__(self, *args):
        self.server.__exit__(*args)


def enddate(path):
    return run("openssl", "x509", "-in", path, "-noout", "-enddate").decode()


def public(path):
    return run("openssl", "x509", "-in", path, "-noout", "-pubkey")


def anchors(directory):
    with open(os.path.join(directory, "anchors.pem")) as f:
        return f.read()


def case_renew(lab):
    directory = lab.enrolled()
    before = files(directory)
    with Est(lab) as server:
        role = lab.renew(server.url(), directory)
        result = role.finish()
        requests = server.requests
    assert result["kind"] == NET_RENEWED, result
    assert role.code == 0 and role.facts and role.log == "", role.log
    assert result["n_anchors"] == 1 and result["until_s"] == NOW + 90 * DAY, result
    assert result["from_s"] == NOW - 3600 and result["date_s"] == NOW
    after = files(directory)
    # What is in use stays; the new one stands beside it.
    assert sorted(after) == ["anchors.pem", "certificate-new.pem", "certificate.pem", "key.pem"]
    for name in ("certificate.pem", "key.pem", "anchors.pem"):
        assert after[name] == before[name], name
    new = os.path.join(directory, "certificate-new.pem")
    assert os.stat(new).st_mode & 0o777 == 0o600
    assert public(new) == public(os.path.join(directory, "certificate.pem"))
    # Both requests over mutual TLS, without a secret, for the same subject.
    assert [r.line.split()[0] for r in requests] == ["GET", "POST"]
    for request in requests:
        assert request.peer and "authorization" not in request.headers, request.headers
    csr = run("openssl", "req", "-inform", "DER", "-noout", "-subject", "-verify",
              input=base64.b64decode(requests[1].body))
    assert b"CN = " + lab.device_id.encode() in csr, csr


def case_checkin_with_the_candidate(lab):
    directory = lab.enrolled()
    with Est(lab) as server:
        assert lab.renew(server.url(), directory).finish()["kind"] == NET_RENEWED
    serials = []
    for candidate, name in ((0, "certificate.pem"), (1, "certificate-new.pem")):
        with lab.checkin_server(answer("204 No Content")) as server:
            result = lab.checkin(server.url(), directory, candidate=candidate).finish()
            serials.append(server.requests[0].peer["serialNumber"])
        assert result["kind"] == NET_EXCHANGED, result
        text = run("openssl", "x509", "-in", os.path.join(directory, name), "-noout", "-serial")
        assert text.decode().strip() == "serial=" + serials[-1]
    assert serials[0] != serials[1]
    # Renamed as the enforcer does, it is the one in use.
    os.rename(os.path.join(directory, "certificate-new.pem"), os.path.join(directory, "certificate.pem"))
    with lab.checkin_server(answer("204 No Content")) as server:
        lab.checkin(server.url(), directory).finish()
        assert server.requests[0].peer["serialNumber"] == serials[1]
        expect_failed(lab.checkin(server.url(), directory, candidate=1).finish(), "identity",
                      "certificate-new.pem")


def unchanged(lab, directory, before, result, stage, *words):
    expect_failed(result, stage, *words)
    assert files(directory) == before, sorted(files(directory))


def case_certificates_that_are_not_taken(lab):
    directory = lab.enrolled()
    before = files(directory)
    other_key = lab.ca.path("other.key")
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", other_key)
    for reenrol, words in [
            (lambda r: answer("200 OK", PKCS7, issue(lab, r, key=other_key)), ["another key"]),
            (lambda r: answer("200 OK", PKCS7, issue(lab, r, until=NOW + 89 * DAY)),
             ["before the one held"]),
            (lambda r: answer("200 OK", PKCS7, issue(lab, r, since=NOW - 9 * DAY, until=NOW - DAY)),
             ["ended at"]),
            (lambda r: answer("200 OK", PKCS7, b"*junk*"), ["base64"]),
            (lambda r: answer("200 OK", PKCS7), ["nothing"]),
            (lambda r: answer("200 OK", "Content-Type: text/html\r\n", b"<p>"), ["EST"])]:
        with Est(lab, reenrol=reenrol) as server:
            result = lab.renew(server.url(), directory).finish()
        unchanged(lab, directory, before, result, "est", *words)


def case_refusals_say_what_to_do(lab):
    directory = lab.enrolled()
    before = files(directory)
    for status, words in [("403 Forbidden", "withdrawn"), ("401 Unauthorized", "withdrawn"),
                          ("400 Bad Request", "malformed"), ("404 Not Found", "update it"),
                          ("302 Found", "redirects"), ("500 Oops", "log")]:
        with Est(lab, reenrol=lambda _, status=status: answer(status)) as server:
            result = lab.renew(server.url(), directory).finish()
        unchanged(lab, directory, before, result, "est", words)
        assert result["status"] == int(status.split()[0]) and result["retry_after"] == -1
    with Est(lab, reenrol=lambda _: answer("503 Busy", "Retry-After: 77\r\n")) as server:
        result = lab.renew(server.url(), directory).finish()
    unchanged(lab, directory, before, result, "est", "overloaded")
    assert result["retry_after"] == 77


def case_a_shorter_one_after_the_end(lab):
    """The one held has ended: anything that is valid is better."""
    directory = lab.enrolled()
    now = NOW + 100 * DAY  # the enforcer's floor
    with Est(lab, reenrol=lambda r: answer("200 OK", PKCS7, issue(
            lab, r, until=now + DAY))) as server:
        result = lab.renew(server.url(), directory, floor=now).finish()
    assert result["kind"] == NET_RENEWED and result["until_s"] == now + DAY, result


def case_both_pinned_cas_are_kept(lab):
    directory = lab.enrolled()
    with Est(lab, cas=[lab.ca, lab.other]) as server:
        result = lab.renew(server.url(), directory, pins=[lab.other.pin(), lab.ca.pin()]).finish()
    assert result["kind"] == NET_RENEWED and result["n_anchors"] == 2, result
    assert anchors(directory).count("pinned\n") == 2
    # A server under either is believed now.
    for ca in (lab.ca, lab.other):
        cert = ca.server("either", "DNS:localhost")
        server = Server(lab.ca, cert, lambda *_: answer("204 No Content"), want_client=True)
        with server:
            result = lab.checkin(server.url(), directory, pins=[lab.other.pin(), lab.ca.pin()]).finish()
            assert result["kind"] == NET_EXCHANGED, result
    # Pinned no more, it goes.
    with Est(lab, cas=[lab.ca, lab.other], ca=lab.other) as server:
        result = lab.renew(server.url(), directory, pins=[lab.other.pin()]).finish()
    assert result["kind"] == NET_RENEWED and result["n_anchors"] == 1, result
    with lab.checkin_server(answer("204 No Content")) as server:
        expect_failed(lab.checkin(server.url(), directory, pins=[lab.other.pin()]).finish(), "tls", "not from the CA")


def plant(directory, ca):
    """A CA, marked as the role marks those that are pinned, before the ones that are there."""
    path = os.path.join(directory, "anchors.pem")
    with open(path) as f:
        text = f.read()
    with open(path, "w") as f, open(ca.cert) as cert:
        f.write("pinned\n" + cert.read() + text)


def case_a_planted_ca_counts_for_nothing(lab):
    """An earlier role was taken over and marked a CA of its own as pinned."""
    directory = lab.enrolled()
    plant(directory, lab.other)
    cert = lab.other.server("impostor", "DNS:localhost")
    with Server(lab.ca, cert, lambda *_: answer("204 No Content"), want_client=True) as server:
        for exchange in (lab.checkin, lab.wait):
            expect_failed(exchange(server.url(), directory).finish(), "tls", "not from the CA")
        assert not server.requests
    with lab.checkin_server(answer("204 No Content")) as server:
        for exchange in (lab.checkin, lab.wait):
            assert exchange(server.url(), directory).finish()["kind"] in (NET_EXCHANGED, NET_WOKEN)
    # The next renewal leaves it out of the file.
    with Est(lab) as server:
        assert lab.renew(server.url(), directory).finish()["n_anchors"] == 1
    assert anchors(directory).count("pinned\n") == 1
    # Where none that is pinned is held, nobody is believed.
    with lab.checkin_server(answer("204 No Content")) as server:
        for exchange in (lab.checkin, lab.wait):
            result = exchange(server.url(), directory, pins=[lab.other.pin()]).finish()
            expect_failed(result, "tls", "holds no CA certificate")
        assert not server.requests


def case_what_is_held_and_pinned_stays(lab):
    """The server sends only its own CA; the other one is pinned still."""
    directory = lab.enrolled()
    with Est(lab, cas=[lab.ca, lab.other]) as server:
        assert lab.renew(server.url(), directory, pins=[lab.ca.pin(), lab.other.pin()]).finish()["n_anchors"] == 2
    with Est(lab, cas=[lab.other], ca=lab.other) as server:
        result = lab.renew(server.url(), directory, pins=[lab.ca.pin(), lab.other.pin()]).finish()
    assert result["kind"] == NET_RENEWED and result["n_anchors"] == 2, result


def case_anchors_that_shut_the_server_out(lab):
    """The pins name a CA that is not the server's: nothing is stored."""
    directory = lab.enrolled()
    before = files(directory)
    with Est(lab, cas=[lab.ca, lab.other], strangers=True) as server:
        result = lab.renew(server.url(), directory, pins=[lab.other.pin()]).finish()
        assert len(server.requests) == 1
    unchanged(lab, directory, before, result, "tls", "not from the CA")
    with Est(lab, cas=[lab.ca], strangers=True) as server:
        result = lab.renew(server.url(), directory, pins=[lab.other.pin()]).finish()
    unchanged(lab, directory, before, result, "est", "no CA that the ticket names")
    with Est(lab, cas=[]) as server:
        server.answer_to = lambda *_: answer("200 OK", PKCS7)
        result = lab.renew(server.url(), directory).finish()
    unchanged(lab, directory, before, result, "est", "nothing")


def case_the_ca_changed_while_the_phone_was_away(lab):
    """It holds CA 1 only, both are pinned, the server is under CA 2 by now."""
    directory = lab.enrolled()
    cert = lab.other.server("moved", "DNS:localhost")
    seen = []

    def reply(_server, request, _tls):
        seen.append(request)
        if "/cacerts" in request.line:
            return answer("200 OK", "Content-Type: application/pkcs7-mime\r\n", lab.other.bundle(lab.other.cert))
        return answer("200 OK", PKCS7, issue(lab, request))
    with Server(lab.other, cert, reply) as server:
        result = lab.renew(server.url(), directory, pins=[lab.ca.pin(), lab.other.pin()]).finish()
    assert result["kind"] == NET_RENEWED and result["n_anchors"] == 2, result
    # From anybody only the pinned CA is taken; then all of it from the server that CA 2 verifies.
    assert [r.line.split()[0] for r in seen] == ["GET", "GET", "POST"]
    # With CA 1 alone pinned it is a man in the middle, and is not asked for anything.
    directory = lab.enrolled()
    before, seen[:] = files(directory), []
    with Server(lab.other, cert, reply) as server:
        result = lab.renew(server.url(), directory).finish()
    unchanged(lab, directory, before, result, "tls", "not from the CA")
    assert not seen


def case_whom_the_phone_could_verify_it_does(lab):
    """All that is pinned is held and good: no fault of a server is a reason to ask it unverified."""
    directory = lab.enrolled()
    before = files(directory)
    for ca, san, until, word in [
            (lab.ca, "DNS:elsewhere", NOW + DAY, "is not for"),
            (lab.ca, "DNS:localhost", NOW - 3600, "expired"),
            (lab.other, "DNS:localhost", NOW + DAY, "not from the CA")]:
        cert = ca.server("faulty", san, until=until)
        with Server(ca, cert, lambda *_: answer("500 Oops")) as server:
            result = lab.renew(server.url(), directory).finish()
            assert not server.requests, server.requests[0].line
        unchanged(lab, directory, before, result, "tls", word)


def case_the_held_ca_has_ended(lab):
    """Its key got a new certificate while the phone was away."""
    directory = lab.enrolled()
    now = NOW + 3700 * DAY  # the enforcer's floor
    longer = lab.ca.path("longer.pem")
    name = run("openssl", "x509", "-in", lab.ca.cert, "-noout", "-subject", "-nameopt", "RFC2253").decode()
    run("openssl", "req", "-x509", "-new", "-key", lab.ca.key, "-out", longer, "-days", "4000", "-subj",
        "/" + name.strip().split("=", 1)[1], "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    cert, seen = lab.ca.server("later", "DNS:localhost", until=now + 10 * DAY), []

    def reply(_server, request, _tls):
        seen.append(request.line.split()[0])
        if "/cacerts" in request.line:
            return answer("200 OK", "Content-Type: application/pkcs7-mime\r\n", lab.ca.bundle(longer))
        return answer("200 OK", PKCS7, issue(lab, request, until=now + DAY))
    with Server(lab.ca, cert, reply) as server:
        result = lab.renew(server.url(), directory, floor=now).finish()
    assert result["kind"] == NET_RENEWED and result["n_anchors"] == 1, result
    assert seen == ["GET", "GET", "POST"], seen
    with open(longer) as f:
        assert f.read() in anchors(directory)


def case_without_an_identity(lab):
    directory = lab.identity()
    with Est(lab) as server:
        expect_failed(lab.renew(server.url(), directory).finish(), "identity", "no certificate")
        assert not server.requests
    assert not os.listdir(directory)


if __name__ == "__main__":
    sys.exit(run_cases(dict(globals())))
