#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real mdm-server from outside: enrolment, check-in, who may what, administration.
Usage: server.py BUILD_DIR [NAME]. BUILD_DIR holds mdm-server; NAME selects tests."""

import base64
import email.utils
import hashlib
import json
import secrets
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from server_rig import (PATIENCE, Kept, Pki, Server, device_id, document, equal, event, limit, make_csr, openssl, pkcs7_certs, refused,
                        run_tests, section)

TESTS = []


def test(function):
    TESTS.append(function)
    return function


# --- enrolment


@test
def cacerts_hold_root_and_device_ca(server):
    answer = server.request("GET", "/.well-known/est/cacerts")
    equal(answer.status, 200)
    assert answer.headers["content-type"].startswith("application/pkcs7-mime")
    equal(answer.headers["content-transfer-encoding"], "base64")
    der = {ssl.PEM_cert_to_DER_cert(pem) for pem in pkcs7_certs(answer)}
    equal(der, {ssl.PEM_cert_to_DER_cert(open(p).read()) for p in (server.pki.root, server.pki.device_ca[0])})


@test
def enrolment_gives_a_client_certificate(server):
    device = server.device()
    text = openssl("x509", "-in", device.identity[0], "-noout", "-text").decode()
    assert "Subject: CN = " + device.id in text, text
    assert "TLS Web Client Authentication" in text and "Digital Signature" in text and "CA:FALSE" in text
    openssl("verify", "-x509_strict", "-CAfile", server.pki.root, "-untrusted", server.pki.device_ca[0], device.identity[0])
    until = email.utils.parsedate_to_datetime(
        openssl("x509", "-in", device.identity[0], "-noout", "-enddate", "-dateopt", "rfc_822").decode().split("=")[1].strip())
    assert abs(until.timestamp() - time.time() - 30 * 86400) < 86400  # the CA's end comes before 90 days
    equal(device.checkin(server).status, 204)


@test
def curl_enrols_with_another_spelling(server):
    if not shutil.which("curl"):
        return
    ticket = server.ticket()
    key = Pki.key(server.pki.path("curl-key.pem"))
    csr = server.pki.path("curl.csr")
    with open(csr, "wb") as f:
        f.write(base64.b64encode(make_csr(key)))  # one line
    done = subprocess.run(
        ["curl", "-sS", "--cacert", server.pki.root, "-u", ":".join(ticket), "--data-binary", "@" + csr, "-H",
         "Content-Type: application/pkcs10", "https://127.0.0.1:%d/.well-known/est/simpleenroll" % server.port],
        capture_output=True)
    equal(done.returncode, 0)
    assert b"\n" in done.stdout
    base64.b64decode(done.stdout)


@test
def the_subject_of_a_request_is_ignored(server):
    key = Pki.key(server.pki.path("admin-like-key.pem"))
    answer = server.est(server.ticket(), base64.b64encode(make_csr(key, "/OU=mdm-admin/CN=root")))
    equal(answer.status, 200)
    subject = openssl("x509", "-noout", "-subject", data=pkcs7_certs(answer)[0].encode()).decode().strip()
    equal(subject, "subject=CN = " + device_id(key))


@test
def a_lost_answer_can_be_fetched_again(server):
    device = server.device()
    answer = server.est(device.ticket, device.csr)
    equal(answer.status, 200)
    equal(pkcs7_certs(answer)[0], device.certificate)
    # The same key in a new request is the same key.
    answer = server.est(device.ticket, base64.b64encode(make_csr(device.key, "/CN=other")))
    equal(pkcs7_certs(answer)[0], device.certificate)


@test
def a_ticket_works_once(server):
    device = server.device()
    other = base64.b64encode(make_csr(Pki.key(server.pki.path("other-key.pem"))))
    equal(server.est(device.ticket, other).status, 403)
    equal(pkcs7_certs(server.est(device.ticket, device.csr))[0], device.certificate)


@test
def a_wrong_secret_is_401(server):
    id, secret = server.ticket()
    csr = base64.b64encode(make_csr(Pki.key(server.pki.path("wrong-key.pem"))))
    for ticket in ((id, secret + "x"), (id, secret[:-1]), (secrets.token_hex(16), secret), (id.upper(), secret), None):
        answer = server.est(ticket, csr)
        equal(answer.status, 401)
        assert answer.headers["www-authenticate"].startswith("Basic ")
    equal(server.est((id, secret), csr).status, 200)


@test
def an_expired_ticket_is_403(server):
    ticket = server.ticket(seconds=2)
    csr = base64.b64encode(make_csr(Pki.key(server.pki.path("late-key.pem"))))
    used = server.ticket(seconds=3)
    early = server.est(used, csr)
    time.sleep(3.1)
    answer = server.est(ticket, csr)
    equal(answer.status, 403)
    assert b"expired" in answer.body
    # What was enrolled in time is not given out again later either.
    if early.status == 200:
        equal(server.est(used, csr).status, 403)


@test
def bad_requests_use_no_ticket_up(server):
    ticket = server.ticket()
    key = Pki.key(server.pki.path("good-key.pem"))
    csr = bytearray(make_csr(key))
    forged = csr.copy()
    forged[-1] ^= 1
    trailing = csr + b"\x00"
    rsa, p384 = server.pki.path("rsa.pem"), server.pki.path("p384.pem")
    openssl("genrsa", "-out", rsa, "2048")
    openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", p384)
    for body in (b"", b"!!!!", b"AAAA", base64.b64encode(forged), base64.b64encode(trailing), base64.b64encode(csr[:-9]),
                 base64.b64encode(make_csr(rsa)), base64.b64encode(make_csr(p384)), bytes(csr)):
        equal(server.est(ticket, body).status, 400)
    equal(server.est(ticket, base64.b64encode(csr), ["Content-Type: text/plain"]).status, 415)
    equal(server.est(ticket, b"A" * (limit("LIMIT_SERVER_CSR_BYTES") + 1)).status, 413)
    equal(server.est(ticket, b"A" * limit("LIMIT_SERVER_CSR_BYTES")).status, 400)
    equal(server.est(ticket, base64.b64encode(csr), ["Content-Type: Application/PKCS10; x=y"]).status, 200)


# --- check-in


@test
def a_steady_checkin_is_small(server):
    device = server.device()
    body = section({"state": "compliant"})
    equal(device.checkin(server, sections={"compliance": body}).status, 204)
    answer = device.checkin(server, sections={"compliance": {"digest": body["digest"]}})
    equal((answer.status, answer.body), (204, b""))
    assert answer.size <= 512 and "content-length" not in answer.headers and "mdm-resend" not in answer.headers
    assert abs(email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()) < 30


@test
def sections_are_kept_byte_by_byte(server):
    device = server.device()
    text = '{ "a" : 1.50e1,"\\u00e9":[ true ,null ],\t"z":"\\u007b" }'
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    report = device.report(sections={"inventory": {"digest": digest, "body": "@"}}).replace(b'"@"', text.encode())
    equal(device.checkin(server, report).status, 204)
    answer = server.admin("GET", "/v1/admin/devices/" + device.id)
    assert text.encode() in answer.body, answer
    equal(answer.json["sections"]["inventory"]["digest"], digest)
    # A re-serialised body has another digest.
    report = device.report(sections={"inventory": {"digest": digest, "body": json.loads(text)}})
    equal(device.checkin(server, report).status, 400)


@test
def unknown_digests_are_asked_for(server):
    device = server.device()
    answer = device.checkin(server, sections={"compliance": {"digest": "0" * 16}, "agent": {"digest": "1" * 16},
                                              "inventory": section({"os": "x"})})
    equal(answer.status, 204)
    equal(sorted(answer.headers["mdm-resend"].split(",")), ["agent", "compliance"])


@test
def events_are_stored_once(server):
    device = server.device()
    equal(device.checkin(server, events=[event(1, a=1), event(2, a=2)]).headers["mdm-ack"], "2")
    equal(device.checkin(server, events=[event(2, a="other"), event(3, a=3)]).headers["mdm-ack"], "3")
    equal(device.checkin(server).headers["mdm-ack"], "3")
    page = server.admin("GET", "/v1/admin/events?device=" + device.id).json
    equal([(e["seq"], e["data"]) for e in page["events"]], [(1, {"a": 1}), (2, {"a": 2}), (3, {"a": 3})])
    equal(page["events"][0]["device"], device.id)
    page = server.admin("GET", "/v1/admin/events?device=%s&after=%d&limit=1" % (device.id, page["events"][0]["row"])).json
    equal([e["seq"] for e in page["events"]], [2])
    last = server.admin("GET", "/v1/admin/events?device=%s&after=%d" % (device.id, page["next"])).json
    equal([e["seq"] for e in last["events"]], [3])
    again = server.admin("GET", "/v1/admin/events?device=%s&after=%d" % (device.id, last["next"])).json
    equal((again["events"], again["next"]), ([], last["next"]))


@test
def documents_come_in_order_and_only_for_groups(server):
    device = server.device(server.ticket())
    base = server.next_keyset()
    keysets = {n: document("keyset %d" % n, 2) for n in (base, base + 1)}
    for n, body in keysets.items():
        equal(server.put("type=keyset&serial=%d" % n, body).status, 201)
    group, other = "g" + secrets.token_hex(4), "o" + secrets.token_hex(4)
    policy = document("policy")[:-1]  # the last LF may be missing
    equal(server.put("type=policy&stream=%s&serial=7" % group, policy).status, 201)
    equal(server.put("type=policy&stream=%s&serial=7" % other, document("not for you")).status, 201)
    have = {"keyset": base - 1, "assignment": 0, "policy": {}}
    answer = device.checkin(server, have=have)
    equal((answer.status, answer.body), (200, b"\n".join(keysets.values())))
    equal(answer.headers["content-type"], "application/jose")

    assignment = document("by ticket")
    equal(server.put("type=assignment&ticket=%s&serial=3&groups=%s" % (device.ticket[0], group), assignment).status, 201)
    answer = device.checkin(server, have=dict(have, keyset=base))
    equal(answer.body, b"\n".join([keysets[base + 1], assignment, policy + b"\n"]))
    answer = device.checkin(server, have={"keyset": base + 1, "assignment": 3, "policy": {group: 7}})
    equal(answer.status, 204)

    own = document("by device")
    equal(server.put("type=assignment&device=%s&serial=4&groups=%s" % (device.id, other), own).status, 201)
    answer = device.checkin(server, have={"keyset": base + 1, "assignment": 3, "policy": {group: 6}})
    equal(answer.body, own + b"\n" + document("not for you"))
    record = server.admin("GET", "/v1/admin/devices/" + device.id).json
    equal(record["groups"], [other])
    # Another device gets none of it but the keysets.
    stranger = server.device()
    equal(stranger.checkin(server, have={"keyset": base + 1}).status, 204)


@test
def an_answer_has_a_limit(server):
    device = server.device()
    base = server.next_keyset()
    for n in range(40):
        equal(server.put("type=keyset&serial=%d" % (base + n), document("k%d" % n)).status, 201)
    answer = device.checkin(server, have={"keyset": base - 1})
    equal(answer.body.count(b"\n\n") + 1, 32)
    equal(answer.headers["mdm-next-checkin"], "60")
    answer = device.checkin(server, have={"keyset": base + 31})
    equal(answer.body.count(b"\n\n") + 1, 8)
    assert "mdm-next-checkin" not in answer.headers
    # A fresh phone knows by its ticket which one it wants: it gets the newest, not the eldest.
    answer = device.checkin(server, have={"keyset": 0})
    equal(answer.body, b"\n".join(document("k%d" % n) for n in range(16, 40)))
    assert "mdm-next-checkin" not in answer.headers


@test
def a_report_about_another_device_is_refused(server):
    one, two = server.device(), server.device()
    equal(one.checkin(server, two.report()).status, 403)
    equal(two.checkin(server, one.report(), one.identity).status, 204)


@test
def a_device_that_is_not_known_is_refused(server):
    identity = server.pki.issue("ghost", "/CN=ghost", "client", server.pki.device_ca)
    device = server.device()
    body = device.report(device=device_id(identity[1]))
    equal(device.checkin(server, body, identity).status, 403)


@test
def malformed_reports_are_400(server):
    device = server.device()
    good = json.loads(device.report())
    bad = [b"", b"{", b"[]", b"null", b"\xff{}", b"{}" * 2, b'{"v":1,"v":1}', b"[" * 100000, b'{"a":' * 17 + b"1" + b"}" * 17]
    for member, values in {
            "v": [2, "1", None], "device": ["", 1, None, device.id.upper()], "enrolment": ["", "X", 1, None],
            "ticket": ["1", 3], "agent": ["", 1, "a\nb", "a" * 65, None], "nonce": ["", "A" * 21, "A" * 23, "!" * 22, None],
            "have": [[], {"keyset": -1}, {"keyset": 1.5}, {"keyset": 2**53}, {"policy": []}, {"policy": {"": 1}},
                     {"policy": {"../x": 1}}, {"policy": {"p%d" % i: 1 for i in range(65)}}, {"policy": {"a": "1"}}],
            "sections": [[], {"x": {}}, {"x": {"digest": "0"}}, {"x": {"digest": "0" * 16, "body": {}}},
                         {"x": section([])}, {"../": section({})}, {"s%d" % i: section({}) for i in range(17)}],
            "events": [{}, [1], [{"seq": 0}], [dict(event(1), data=[])], [dict(event(1), boot="x")],
                       [dict(event(1), type="a b")], [dict(event(1), seq="1")], [event(i + 1) for i in range(65)]],
    }.items():
        for value in values:
            report = dict(good, **{member: value})
            if value is None:
                del report[member]
            bad.append(json.dumps(report).encode())
    doubled = device.report().replace(b'"events"', b'"nonce": "%s", "events"' % good["nonce"].encode())
    bad.append(doubled)
    for body in bad:
        answer = device.checkin(server, body or b" ")
        assert answer.status == 400, (body[:200], answer)
    answer = device.checkin(server, b" " * (limit("LIMIT_REPORT_BYTES") + 1))
    equal(answer.status, 413)
    record = server.admin("GET", "/v1/admin/devices/" + device.id).json
    equal((record["last_seen"], record["sections"]), (None, {}))
    # The largest that fits.
    report = device.report(events=[event(i + 1) for i in range(64)], unknown={"member": [1]},
                           sections={"s%d" % i: section({}) for i in range(16)})
    equal(device.checkin(server, report.ljust(limit("LIMIT_REPORT_BYTES"))).status, 204)
    equal(device.checkin(server, sections={"one_more": section({})}).status, 400)


@test
def check_ins_at_once_are_all_stored(server):
    devices = [server.device() for _ in range(8)]
    failures = []

    def run(device):
        try:
            for seq in range(1, 6):
                answer = device.checkin(server, events=[event(seq)])
                equal((answer.status, answer.headers["mdm-ack"]), (204, str(seq)))
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=run, args=(d,)) for d in devices]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(failures, [])
    for device in devices:
        page = server.admin("GET", "/v1/admin/events?device=" + device.id).json
        equal([e["seq"] for e in page["events"]], [1, 2, 3, 4, 5])


# --- who may what


@test
def a_checkin_needs_a_certificate(server):
    device = server.device()
    answer = server.request("POST", "/v1/checkin", device.report(), ["Content-Type: application/json"])
    equal(answer.status, 403)


@test
def an_administrator_is_no_device(server):
    device = server.device()
    refused(lambda: device.checkin(server, identity=server.pki.admin))
    # Not even with the organisational unit left out: the root signs no devices.
    direct = server.pki.issue("direct", "/CN=direct", "client")
    refused(lambda: device.checkin(server, device.report(device=device_id(direct[1])), direct))


@test
def a_device_is_no_administrator(server):
    device = server.device()
    refused(lambda: server.admin("GET", "/v1/admin/status", identity=device.identity))
    chain = server.pki.path("chain.pem")
    with open(chain, "w") as f:
        f.write(device.certificate + open(server.pki.device_ca[0]).read())
    refused(lambda: server.admin("GET", "/v1/admin/status", identity=(chain, device.key)))
    # A leaf of the device CA that calls itself an administrator.
    cert, key = server.pki.issue("liar", "/OU=mdm-admin/CN=liar", "client", server.pki.device_ca)
    with open(cert, "a") as f:
        f.write(open(server.pki.device_ca[0]).read())
    refused(lambda: server.admin("GET", "/v1/admin/status", identity=(cert, key)))


@test
def other_certificates_are_no_administrators(server):
    refused(lambda: server.request("GET", "/v1/admin/status", port=server.admin_port))
    plain = server.pki.issue("plain", "/OU=other/CN=plain", "client")
    equal(server.admin("GET", "/v1/admin/status", identity=plain).status, 403)
    twice = server.pki.issue("twice", "/OU=other/OU=mdm-admin/CN=twice", "client")
    equal(server.admin("GET", "/v1/admin/status", identity=twice).status, 403)
    wrong = server.pki.issue("wrong-use", "/OU=mdm-admin/CN=wrong", "server")
    refused(lambda: server.admin("GET", "/v1/admin/status", identity=wrong))
    stranger = Pki(server.pki.path("stranger"), "stranger")
    refused(lambda: server.admin("GET", "/v1/admin/status", identity=stranger.admin))
    device = server.device()
    refused(lambda: device.checkin(server, identity=stranger.admin))


@test
def an_expired_certificate_is_refused_where_there_is_no_grace(server):
    strict = Server(server.program, Pki(server.pki.path("strict")), "--expired-grace-days", "0")
    try:
        device = strict.device()
        expired = strict.pki.issue("expired", "/CN=expired", "client", strict.pki.device_ca, days="-1")
        refused(lambda: device.checkin(strict, identity=expired))
        equal(device.checkin(strict).status, 204)
    finally:
        strict.kill()


@test
def older_tls_is_refused(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for port in (server.port, server.admin_port):
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as raw:
            refused(lambda: context.wrap_socket(raw).version())


@test
def addresses_of_one_side_are_not_on_the_other(server):
    equal(server.request("GET", "/v1/admin/status").status, 404)
    equal(server.admin("GET", "/.well-known/est/cacerts").status, 404)
    answer = server.request("GET", "/.well-known/est/simpleenroll")
    equal((answer.status, answer.headers["allow"]), (405, "POST"))


# --- administration


@test
def status_counts(server):
    before = server.admin("GET", "/v1/admin/status").json
    device = server.device()
    device.checkin(server, events=[event(1)])
    after = server.admin("GET", "/v1/admin/status").json
    equal([after[k] - before[k] for k in ("devices", "tickets", "tickets_open", "events")], [1, 1, 0, 1])
    assert abs(after["time"] - time.time()) < 30 and after["version"]


@test
def tickets_are_listed_without_secrets(server):
    id, secret = server.ticket(groups=["a", "b"])
    listed = server.admin("GET", "/v1/admin/tickets?limit=500")
    ticket = next(t for t in listed.json["tickets"] if t["id"] == id)
    equal((ticket["groups"], ticket["used"], ticket["device"]), (["a", "b"], None, None))
    assert hashlib.sha256(secret.encode()).hexdigest().encode() not in listed.body
    answer = server.admin("POST", "/v1/admin/tickets", {"id": id, "secret_sha256": "0" * 64, "expires": 2**35, "groups": []})
    equal((answer.status, answer.json["error"]), (409, "exists"))
    assert "administrator alice added ticket " + id in server.messages()
    assert secret not in server.messages()


@test
def bad_tickets_are_400(server):
    good = {"id": secrets.token_hex(16), "secret_sha256": "0" * 64, "expires": int(time.time()) + 60, "groups": ["a"]}
    for member, values in {"id": ["", "A" * 32, 1, None], "secret_sha256": ["0" * 63, "g" * 64, None],
                           "expires": [0, int(time.time()) - 1, "1", 2**60, None],
                           "groups": ["a", [1], ["a b"], ["a,b"], ["g%d" % i for i in range(17)]], "extra": [1]}.items():
        for value in values:
            body = dict(good, **{member: value})
            if value is None:
                del body[member]
            answer = server.admin("POST", "/v1/admin/tickets", body)
            assert answer.status == 400 and answer.json["message"], (body, answer)
    equal(server.admin("POST", "/v1/admin/tickets", b"x").status, 400)
    most = limit("LIMIT_SERVER_TICKETS_BYTES")
    equal(server.admin("POST", "/v1/admin/tickets", b" " * (most + 1)).status, 413)
    # The largest that fits.
    body = json.dumps(dict(good, groups=["g%d" % i for i in range(16)])).encode()
    equal(server.admin("POST", "/v1/admin/tickets", body.ljust(most + 1)).status, 413)
    equal(server.admin("POST", "/v1/admin/tickets", body.ljust(most)).status, 201)


@test
def serials_only_rise(server):
    stream = "s" + secrets.token_hex(4)
    query = "type=policy&stream=%s&serial=" % stream
    equal(server.admin("GET", "/v1/admin/documents?type=policy&stream=" + stream).status, 404)
    equal(server.put(query + "5", document("five")).status, 201)
    equal(server.put(query + "5", document("five")).status, 200)
    equal(server.put(query + "5", document("other")).status, 409)
    equal(server.put(query + "4", document("four")).status, 409)
    answer = server.admin("GET", "/v1/admin/documents?type=policy&stream=" + stream)
    equal((answer.status, answer.body, answer.headers["content-type"]), (200, document("five"), "application/jose"))
    equal(server.put(query + "6", document("six", 8)).status, 201)
    equal(server.admin("GET", "/v1/admin/documents?type=policy&stream=" + stream).body, document("six", 8))
    assert "administrator alice stored policy %s serial 6" % stream in server.messages()


@test
def keysets_come_one_after_the_other(server):
    n = server.next_keyset()
    for serial in (n + 1, n + 2**20, 2**53 - 1):
        answer = server.put("type=keyset&serial=%d" % serial, document("no key signed this"))
        equal((answer.status, answer.json["error"]), (409, "ahead"))
    equal(server.put("type=keyset&serial=%d" % n, document("n")).status, 201)
    equal(server.put("type=keyset&serial=%d" % n, document("n")).status, 200)
    equal(server.put("type=keyset&serial=%d" % (n + 1), document("n + 1")).status, 201)
    equal(server.put("type=keyset&serial=%d" % n, document("n")).status, 200)
    equal(server.put("type=keyset&serial=%d" % n, document("m")).status, 409)


def remove(server, query, **kind):
    return server.admin("DELETE", "/v1/admin/documents?" + query, **kind)


@test
def what_nobody_signed_is_taken_away(server):
    device, n = server.device(), server.next_keyset()
    group = "g" + secrets.token_hex(4)
    have = {"keyset": n, "assignment": 0, "policy": {}}
    addresses = ("type=policy&stream=" + group, "type=assignment&device=" + device.id)
    equal(server.put("type=keyset&serial=%d" % n, document("good keyset")).status, 201)
    equal(server.put(addresses[0] + "&serial=3", document("good policy")).status, 201)
    equal(server.put(addresses[1] + "&serial=3&groups=" + group, document("good assignment")).status, 201)
    # One stolen certificate, and no key that signs.
    equal(server.put("type=keyset&serial=%d" % (n + 1), document("bad")).status, 201)
    equal(server.put(addresses[0] + "&serial=9007199254740991", document("bad")).status, 201)
    equal(server.put(addresses[1] + "&serial=9007199254740991&groups=other", document("bad")).status, 201)
    before = device.checkin(server, have=have)
    equal(before.body, document("bad") + b"\n" + document("bad"))
    equal(server.admin("GET", "/v1/admin/documents?" + addresses[0]).body, document("bad"))
    equal(remove(server, addresses[0] + "&serial=3").status, 409)
    equal(remove(server, addresses[0] + "&serial=9007199254740991").json, {"serial": 2**53 - 1, "newest": 3})
    equal(remove(server, addresses[1]).json, {"serial": 2**53 - 1, "newest": 3})
    equal(remove(server, "type=keyset").json, {"serial": n + 1, "newest": n})
    # What was there before is in force again, and news to whoever waits.
    kept = Kept(server, server.port, device.identity)
    equal(kept.request("GET", "/v1/wait?mark=" + before.headers["mdm-mark"]).status, 200)
    equal(device.checkin(server, have=have).body, document("good assignment") + b"\n" + document("good policy"))
    equal(server.admin("GET", "/v1/admin/devices/" + device.id).json["groups"], [group])
    equal(server.put(addresses[0] + "&serial=4", document("four")).status, 201)
    # One of several is kept beside the newest, no more.
    equal(server.put(addresses[0] + "&serial=5", document("five")).status, 201)
    equal([remove(server, addresses[0]).json["newest"] for _ in range(2)], [4, None])
    equal(remove(server, addresses[0]).status, 404)
    for query in ("", "type=command", "type=command&id=" + "0" * 32, "type=policy", addresses[0] + "&serial=0", addresses[0] + "&groups=a",
                  "type=keyset&stream=a"):
        equal(remove(server, query).status, 400)
    entries, after = [], 0
    while True:
        page = server.admin("GET", "/v1/admin/audit?after=%d" % after).json
        if not page["entries"]:
            break
        entries, after = entries + page["entries"], page["next"]
    target = "/v1/admin/documents?" + addresses[0]
    equal([e["status"] for e in entries if (e["method"], e["target"]) == ("DELETE", target)], [200, 200, 404])


@test
def bad_document_requests_are_400(server):
    id = "0" * 32
    for query in ("", "type=policy", "type=policy&serial=1", "type=policy&stream=a", "type=policy&stream=../a&serial=1",
                  "type=policy&stream=a&serial=0", "type=policy&stream=a&serial=1&serial=2", "type=command&serial=1",
                  "type=policy&stream=a&serial=9007199254740992", "type=policy&stream=a&serial=%2B1", "type=policy&stream=a+b&serial=1",
                  "type=policy&stream=a%00&serial=1", "type=policy&stream=a&serial=1&groups=a", "type=keyset&serial=1&stream=a",
                  "type=assignment&serial=1&groups=a", "type=assignment&device=%s&ticket=%s&serial=1&groups=a" % (id, id),
                  "type=assignment&device=%s&serial=1" % id, "type=assignment&device=%s&serial=1&groups=a,,b" % id,
                  "type=assignment&device=%s&serial=1&groups=a," % id, "type=assignment&device=x&serial=1&groups=a",
                  "type=assignment&device=%s&serial=1&groups=%s" % (id, ",".join("abcdefghijklmnopq"))):
        answer = server.put(query, document("x"))
        assert answer.status == 400 and answer.json["message"], (query, answer)
    for body in (b"", b"\n", b"a.b", b"a.b.c.d", b"a..c", b"a.b.c\n\n", b"a.b.c\n\na.b.c\n", b"\na.b.c", b"a.b.c\r\n", b"a.b.c=",
                 b"a.b.c\n" * 9, b'{"payload":"x"}', document("x") + b"\0"):
        equal(server.put("type=policy&stream=a&serial=1", body).status, 400)
    equal(server.put("type=policy&stream=a&serial=1", b"a" * (limit("LIMIT_DOCUMENT_BYTES") + 1)).status, 413)
    large = b"a.b." + b"c" * (limit("LIMIT_DOCUMENT_BYTES") - 4)
    equal(server.put("type=assignment&device=%s&serial=1&groups=%s" % (secrets.token_hex(16), ",".join("abcdefghijklmnop")), large).status, 201)


@test
def devices_come_in_pages(server):
    ids = sorted(server.device().id for _ in range(3))
    seen, after = [], ""
    while after is not None:
        page = server.admin("GET", "/v1/admin/devices?limit=2" + (after and "&after=" + after)).json
        assert len(page["devices"]) <= 2
        seen += [d["id"] for d in page["devices"]]
        after = page["next"]
    equal(seen, sorted(set(seen)))
    assert set(ids) <= set(seen)
    equal(server.admin("GET", "/v1/admin/devices/" + "0" * 32).status, 404)
    equal(server.admin("GET", "/v1/admin/devices/xyz").status, 400)


@test
def pages_beyond_the_limits_are_400(server):
    most = limit("LIMIT_SERVER_PAGE")
    for name in ("devices", "tickets", "events"):
        path = "/v1/admin/%s?" % name
        equal(server.admin("GET", path + "limit=%d" % most).status, 200)
        for query in ("limit=%d" % (most + 1), "limit=0", "limit=-1", "limit=x", "limit=1.0", "limit=", "limit",
                      "limit=%d" % 2**64, "limit=0x10", "limit=1&limit=1", "after=x", "after=-1", "after=%d" % 2**64,
                      "x=1", "&"):
            answer = server.admin("GET", path + query)
            assert answer.status == 400 and answer.json["message"], (path + query, answer)
        assert str(most) in server.admin("GET", path + "limit=%d" % (most + 1)).json["message"], name


@test
def a_device_record_says_what_the_phone_said(server):
    device = server.device()
    have = {"keyset": 1, "assignment": 3, "policy": {"staff": 7}}
    device.checkin(server, have=have, sections={"compliance": section({"state": "noncompliant"})})
    record = server.admin("GET", "/v1/admin/devices/" + device.id).json
    equal([record[k] for k in ("id", "enrolment", "ticket", "agent", "have", "state", "groups")],
          [device.id, device.enrolment, device.ticket[0], "0.1.0", have, "noncompliant", []])
    assert record["enrolled"] <= record["last_seen"] < record["certificate_until"]
    equal(record["sections"]["compliance"]["body"], {"state": "noncompliant"})


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
