#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Renewal at mdm-server (EST simplereenroll), expired certificates, another generation of CA; with
openssl and curl as independent clients: server_renewal.py OBJECT-TREE [WORD]"""

import base64
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from server_rig import (Device, Kept, Pki, Server, device_id, equal, make_csr, openssl, pkcs7_certs,
                        refused, run_tests)

DAY = 86400
PKCS10 = ["Content-Type: application/pkcs10"]


def device(server):
    return Device(server, server.ticket())


def reenrol(server, identity, csr, headers=PKCS10):
    return server.request("POST", "/.well-known/est/simplereenroll", base64.encodebytes(csr),
                          headers, identity)


def csr_of(phone, subject=None, *options):
    return openssl("req", "-new", "-key", phone.key, "-subj", subject or "/CN=" + phone.id,
                   "-outform", "DER", *options)


def text_of(pem):
    return openssl("x509", "-noout", "-subject", "-issuer", "-serial", "-dates", data=pem.encode()).decode()


def stamp(seconds):
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def issue_dated(pki, phone, since, until, issuer=None, name=None):
    """A certificate for the phone's key with these dates, by the device CA unless told otherwise."""
    ca, ca_key = issuer or pki.device_ca
    name = name or phone.name + "-dated-%s" % secrets.token_hex(4)
    index, conf = name + ".index", name + ".cnf"
    open(index, "w").close()
    with open(conf, "w") as f:
        f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\n"
                "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\norganizationName=optional\n"
                "organizationalUnitName=optional\ncommonName=supplied\n[e]\n"
                "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n" % (
                    index, os.path.dirname(name)))
    with open(name + ".csr", "wb") as f:
        f.write(openssl("req", "-inform", "DER", data=csr_of(phone)))
    openssl("ca", "-batch", "-config", conf, "-extensions", "e", "-cert", ca, "-keyfile", ca_key,
            "-in", name + ".csr", "-out", name + ".pem", "-notext", "-startdate", stamp(since),
            "-enddate", stamp(until))
    return name + ".pem", phone.key


# --- renewal


def a_renewed_certificate_is_for_the_same_key(server):
    phone = device(server)
    answer = reenrol(server, phone.identity, csr_of(phone))
    equal(answer.status, 200)
    assert answer.headers["content-type"].startswith("application/pkcs7-mime"), answer
    certs = pkcs7_certs(answer)
    equal(len(certs), 1)
    assert certs[0] != phone.certificate
    assert "CN = " + phone.id in text_of(certs[0]), text_of(certs[0])
    equal(openssl("x509", "-noout", "-pubkey", data=certs[0].encode()),
          openssl("pkey", "-in", phone.key, "-pubout"))
    openssl("verify", "-CAfile", server.pki.root, "-untrusted", server.pki.device_ca[0], "-purpose",
            "sslclient", phone.name + ".pem")
    new = phone.name + "-new.pem"
    with open(new, "w") as f:
        f.write(certs[0])
    # Both are good until the old one ends.
    equal(phone.checkin(server, identity=(new, phone.key)).status, 204)
    equal(phone.checkin(server).status, 204)
    until = server.admin("GET", "/v1/admin/devices/" + phone.id).json["certificate_until"]
    assert until > time.time() + 25 * DAY, until
    # The ticket that enrolled it gives the newest one again.
    equal(pkcs7_certs(server.est(phone.ticket, phone.csr))[0], certs[0])


def curl_and_openssl_are_clients(server):
    phone = device(server)
    body = phone.name + ".b64"
    with open(body, "wb") as f:
        f.write(base64.encodebytes(csr_of(phone)))
    url = "https://127.0.0.1:%d/.well-known/est/" % server.port
    common = ["curl", "-sS", "--fail", "--cacert", server.pki.root, "--tlsv1.3", "--cert",
              phone.identity[0], "--key", phone.key]
    cacerts = subprocess.run(common + [url + "cacerts"], check=True, stdout=subprocess.PIPE).stdout
    assert base64.b64decode(cacerts)
    done = subprocess.run(common + ["-H", PKCS10[0], "-H", "Content-Transfer-Encoding: base64",
                                    "--data-binary", "@" + body, url + "simplereenroll"],
                          check=True, stdout=subprocess.PIPE).stdout
    pem = openssl("pkcs7", "-inform", "DER", "-print_certs", data=base64.b64decode(done)).decode()
    assert "CN = " + phone.id in pem, pem


def a_renewal_is_for_key_and_subject_of_the_certificate(server):
    phone, other = device(server), device(server)
    cases = [
        (make_csr(other.key, "/CN=" + other.id), "another key"),
        (make_csr(other.key, "/CN=" + phone.id), "another key"),
        (csr_of(phone, "/CN=phone"), "subject"),
        (csr_of(phone, "/CN=" + other.id), "subject"),
        (csr_of(phone, "/O=x/CN=" + phone.id), "subject"),
        (csr_of(phone, "/CN=%s/CN=%s" % (phone.id, phone.id)), "subject"),
        (csr_of(phone, "/CN=%sx" % phone.id), "subject"),
        (csr_of(phone, "/O=" + phone.id), "subject"),
        (csr_of(phone, None, "-addext", "subjectAltName=DNS:example.org"), "subject"),
        (b"junk", "PKCS #10"),
    ]
    before = server.admin("GET", "/v1/admin/devices/" + phone.id).json["certificate_until"]
    for csr, word in cases:
        answer = reenrol(server, phone.identity, csr)
        equal(answer.status, 400)
        assert word in answer.body.decode(), (word, answer)
    equal(reenrol(server, phone.identity, csr_of(phone), ["Content-Type: text/plain"]).status, 415)
    equal(server.admin("GET", "/v1/admin/devices/" + phone.id).json["certificate_until"], before)
    # The largest request and one above it.
    answer = server.request("POST", "/.well-known/est/simplereenroll", b"A" * 16384, PKCS10, phone.identity)
    equal(answer.status, 400)
    answer = server.request("POST", "/.well-known/est/simplereenroll", b"A" * 16385, PKCS10, phone.identity)
    equal(answer.status, 413)


def without_a_certificate_nothing_is_renewed(server):
    phone = device(server)
    equal(reenrol(server, None, csr_of(phone)).status, 403)
    # A ticket does not help: that is simpleenroll.
    basic = base64.b64encode(("%s:%s" % phone.ticket).encode()).decode()
    equal(reenrol(server, None, csr_of(phone), PKCS10 + ["Authorization: Basic " + basic]).status, 403)
    equal(reenrol(server, server.pki.admin, csr_of(phone)).status if admits(server) else 403, 403)
    equal(server.request("GET", "/.well-known/est/simplereenroll", identity=phone.identity).status, 405)


def admits(server):
    """Whether an administrator's certificate passes TLS at the devices' port: it must not."""
    try:
        server.request("GET", "/.well-known/est/cacerts", identity=server.pki.admin)
    except (ssl.SSLError, ConnectionError):
        return False
    raise AssertionError("an administrator's certificate passed as a device's")


def a_withdrawn_or_unknown_phone_is_not_renewed(server):
    phone = device(server)
    answer = server.admin("DELETE", "/v1/admin/devices/" + phone.id)
    assert answer.status in (200, 204), answer
    answer = reenrol(server, phone.identity, csr_of(phone))
    equal(answer.status, 403)
    assert "withdrawn" in answer.body.decode(), answer
    # A key that our CA certified and that the database does not know.
    stranger = device(server)
    stranger.key = Pki.key(stranger.name + "-other-key.pem")
    stranger.id = device_id(stranger.key)
    identity = issue_dated(server.pki, stranger, time.time() - DAY, time.time() + DAY)
    answer = reenrol(server, identity, csr_of(stranger))
    equal(answer.status, 403)
    assert "not known" in answer.body.decode(), answer


# --- expired certificates


def an_expired_phone_may_check_in_and_renew(server):
    phone, now = device(server), time.time()
    for since in (60, 30 * DAY, 364 * DAY):
        old = issue_dated(server.pki, phone, now - since - 90 * DAY, now - since)
        equal(phone.checkin(server, identity=old).status, 204)
        equal(server.request("GET", "/.well-known/est/cacerts", identity=old).status, 200)
        answer = reenrol(server, old, csr_of(phone))
        equal(answer.status, 200)
        assert pkcs7_certs(answer)[0]


def an_expired_phone_may_nothing_else(server):
    phone, now = device(server), time.time()
    old = issue_dated(server.pki, phone, now - 90 * DAY, now - DAY)
    answer = server.request("POST", "/.well-known/est/simpleenroll", phone.csr, PKCS10, old)
    equal(answer.status, 403)
    assert "expired" in answer.body.decode(), answer
    equal(server.request("GET", "/v1/wait?mark=0", identity=old).status, 403)
    equal(server.request("GET", "/nothing", identity=old).status, 404)


def beyond_the_grace_tls_refuses(server):
    phone, now = device(server), time.time()
    old = issue_dated(server.pki, phone, now - 500 * DAY, now - 365 * DAY - 60)
    refused(lambda: phone.checkin(server, identity=old))
    refused(lambda: reenrol(server, old, csr_of(phone)))
    future = issue_dated(server.pki, phone, now + DAY, now + 2 * DAY)
    refused(lambda: phone.checkin(server, identity=future))


def the_grace_can_be_set(server):
    now = time.time()
    with_pki(server, "grace", lambda pki: None, lambda other: (
        check_grace(other, now)), "--expired-grace-days", "2")
    with_pki(server, "none", lambda pki: None, lambda other: (
        check_no_grace(other, now)), "--expired-grace-days", "0")


def check_grace(server, now):
    phone = device(server)
    equal(phone.checkin(server, identity=issue_dated(server.pki, phone, now - 9 * DAY, now - 2 * DAY + 600)).status, 204)
    refused(lambda: phone.checkin(server, identity=issue_dated(server.pki, phone, now - 9 * DAY, now - 2 * DAY - 600)))


def check_no_grace(server, now):
    phone = device(server)
    equal(phone.checkin(server).status, 204)
    refused(lambda: phone.checkin(server, identity=issue_dated(server.pki, phone, now - 9 * DAY, now - 60)))


def with_pki(server, name, change, check, *options):
    """Another server with a PKI of its own."""
    pki = Pki(server.pki.path(name + "-" + secrets.token_hex(4)), name)
    change(pki)
    other = Server(server.program, pki, *options)
    try:
        check(other)
    finally:
        equal(other.stop(), 0)


def everything_else_about_an_expired_chain_counts(server):
    """Signed by a key that is not the CA's, by a foreign CA, by the root directly; administrators."""
    phone, now = device(server), time.time()
    pki = server.pki
    forged_key = Pki.key(pki.path("forged-" + secrets.token_hex(4) + ".pem"))
    forged_ca = pki.path("forged-ca.pem")
    subject = openssl("x509", "-in", pki.device_ca[0], "-noout", "-subject", "-nameopt", "compat").decode().split("=", 1)[1].strip()
    openssl("req", "-x509", "-new", "-key", forged_key, "-days", "30", "-subj", subject if subject.startswith("/") else "/" + subject,
            "-out", forged_ca, "-addext", "basicConstraints=critical,CA:TRUE")
    for issuer in ((forged_ca, forged_key), (pki.root, pki.root_key)):
        old = issue_dated(pki, phone, now - 90 * DAY, now - DAY, issuer)
        refused(lambda old=old: phone.checkin(server, identity=old))
        good = issue_dated(pki, phone, now - 90 * DAY, now + DAY, issuer)
        refused(lambda good=good: phone.checkin(server, identity=good))
    # An administrator's that ended yesterday.
    name = pki.path("late-admin-" + secrets.token_hex(4))
    admin = Pki.key(name + "-key.pem")

    class Late:
        key, id = admin, "0"
    Late.name = name
    with open(name + ".csr", "wb") as f:
        f.write(openssl("req", "-new", "-key", admin, "-subj", "/O=test/OU=mdm-admin/CN=late"))
    for until, passes in ((now + DAY, True), (now - DAY, False)):
        conf, index = name + ".cnf", name + ".index"
        open(index, "w").close()
        with open(conf, "w") as f:
            f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nnew_certs_dir=%s\nrand_serial=yes\n"
                    "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\norganizationName=optional\n"
                    "organizationalUnitName=optional\ncommonName=supplied\n[e]\n"
                    "basicConstraints=critical,CA:FALSE\nextendedKeyUsage=clientAuth\n" % (index, pki.dir))
        openssl("ca", "-batch", "-config", conf, "-extensions", "e", "-cert", pki.root, "-keyfile", pki.root_key,
                "-in", name + ".csr", "-out", name + ".pem", "-notext", "-startdate", stamp(now - 90 * DAY),
                "-enddate", stamp(until))
        status = lambda: server.admin("GET", "/v1/admin/status", identity=(name + ".pem", admin))
        if passes:
            equal(status().status, 200)
        else:
            refused(status)


def an_expired_foreign_phone_is_refused(server):
    pki = server.pki
    foreign = pki.path("foreign-" + secrets.token_hex(4))
    key = Pki.key(foreign + "-key.pem")
    openssl("req", "-x509", "-new", "-key", key, "-days", "30", "-subj", "/CN=foreign", "-out", foreign + ".pem",
            "-addext", "basicConstraints=critical,CA:TRUE")
    now = time.time()

    def check(other):
        phone = device(other)
        good = issue_dated(other.pki, phone, now - DAY, now + DAY, (foreign + ".pem", key))
        equal(phone.checkin(other, identity=good).status, 204)
        # It may check in; its own CA renews it.
        answer = reenrol(other, good, csr_of(phone))
        equal(answer.status, 403)
        assert "another CA" in answer.body.decode(), answer
        old = issue_dated(other.pki, phone, now - 9 * DAY, now - 60, (foreign + ".pem", key))
        refused(lambda: phone.checkin(other, identity=old))
    with_pki(server, "with-foreign", lambda _: None, check, "--client-ca", foreign + ".pem")


# --- another generation of CA


def moved(server, name, previous, nxt=()):
    """A server with a new PKI whose previous.pem and next.pem hold these certificates."""
    pki = Pki(server.pki.path(name + "-" + secrets.token_hex(4)), name)
    for file, paths in (("previous.pem", previous), ("next.pem", nxt)):
        if paths:
            with open(os.path.join(pki.state, file), "w") as out:
                out.write("".join(open(p).read() for p in paths))
    return pki


def cacerts_of(server, identity=None):
    return pkcs7_certs(server.request("GET", "/.well-known/est/cacerts", identity=identity))


def a_phone_survives_a_change_of_ca(server):
    old = server.pki
    phone = device(server)
    pki = moved(server, "second", [old.root, old.device_ca[0]])
    # The records of the phones move with the server.
    equal(server.stop(), 0)
    for name in os.listdir(old.state):
        if name.startswith("mdm.db"):
            shutil.copy(os.path.join(old.state, name), pki.state)
    second = Server(server.program, pki)
    try:
        certs = "".join(cacerts_of(second))
        for path in (old.root, old.device_ca[0], pki.root, pki.device_ca[0]):
            assert open(path).read().strip() in certs, path
        equal(phone.checkin(second).status, 204)
        answer = reenrol(second, phone.identity, csr_of(phone))
        equal(answer.status, 200)
        new = phone.name + "-second.pem"
        with open(new, "w") as f:
            f.write(pkcs7_certs(answer)[0])
        openssl("verify", "-CAfile", pki.root, "-untrusted", pki.device_ca[0], new)
        equal(phone.checkin(second, identity=(new, phone.key)).status, 204)
        # Expired ones of the earlier CA, too.
        now = time.time()
        late = issue_dated(old, phone, now - 90 * DAY, now - DAY)
        equal(phone.checkin(second, identity=late).status, 204)
        # What the earlier root signed directly is no device, and its administrators are none.
        refused(lambda: second.request("GET", "/.well-known/est/cacerts", identity=old.admin))
        refused(lambda: second.admin("GET", "/v1/admin/status", identity=old.admin))
        equal(second.stop(), 0)
        # At the end of the change nothing of the old one is left.
        os.unlink(os.path.join(pki.state, "previous.pem"))
        second = Server(server.program, pki)
        equal(phone.checkin(second, identity=(new, phone.key)).status, 204)
        refused(lambda: phone.checkin(second))
        equal(len(cacerts_of(second)), 2)
    finally:
        equal(second.stop(), 0)
        restart(server)


def restart(server):
    again = Server(server.program, server.pki)
    server.process, server.port, server.admin_port = again.process, again.port, again.admin_port


def the_next_ca_is_served_before_it_issues(server):
    coming = Pki(server.pki.path("coming-" + secrets.token_hex(4)), "coming")
    pki = moved(server, "present", [], [coming.root])
    other = Server(server.program, pki)
    try:
        certs = cacerts_of(other)
        equal(len(certs), 3)
        assert open(coming.root).read().strip() in "".join(certs)
        phone = device(other)
        assert "devices" in text_of(phone.certificate), text_of(phone.certificate)
        openssl("verify", "-CAfile", pki.root, "-untrusted", pki.device_ca[0], phone.name + ".pem")
    finally:
        equal(other.stop(), 0)


def other_generations_must_be_cas(server):
    old = server.pki
    leaf = device(server)

    def starts(previous, nxt=()):
        pki = moved(server, "odd", previous, nxt)
        try:
            equal(Server(server.program, pki).stop(), 0)
            return ""
        except RuntimeError as error:
            return str(error)
    equal(starts([old.root, old.device_ca[0]]), "")
    assert "no root CA" in starts([leaf.name + ".pem"])
    # A device CA whose root is not there.
    assert "no root CA" in starts([old.device_ca[0]])
    equal(starts([old.root], [old.device_ca[0]]), "")
    junk = server.pki.path("junk.pem")
    with open(junk, "w") as f:
        f.write("junk\n")
    assert "does not hold certificates" in starts([junk])
    assert "more than 6" in starts([old.root] * 7)
    equal(starts([old.root] * 6), "")


TESTS = [value for value in list(globals().values()) if callable(value) and getattr(value, "__module__", "") == "__main__"
         and getattr(value, "__code__", None) and value.__code__.co_varnames[:1] == ("server",)
         and value.__code__.co_argcount == 1 and not value.__name__.startswith("check_")
         and value.__name__ not in ("device", "admits", "restart")]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
