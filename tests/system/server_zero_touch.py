#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Zero-touch enrolment at the real mdm-server: the hardware allow-list and who it lets in.
Usage: server_zero_touch.py BUILD_DIR [NAME]."""

import base64
import hashlib
import secrets
import sys
import threading
import time

sys.dont_write_bytecode = True
from server_rig import Pki, device_id, document, equal, limit, make_csr, openssl, pkcs7_certs, run_tests

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def imei():
    """One with its check digit (Luhn)."""
    digits = "35" + "".join(secrets.choice("0123456789") for _ in range(12))
    doubled = "".join(str(int(d) * (1 + i % 2)) for i, d in enumerate(digits))
    return digits + str(-sum(map(int, doubled)) % 10)


IMEI, IMEI_2 = imei(), imei()


def image_ticket(server, secret="image-image-image"):
    id = secrets.token_hex(16)
    answer = server.admin("POST", "/v1/admin/tickets", {
        "id": id, "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "expires": int(time.time()) + 3600, "groups": ["staff"], "zero_touch": True})
    equal(answer.status, 201)
    return id, secret


def allow(server, ticket, *entries):
    answer = server.admin("POST", "/v1/admin/hardware", {"ticket": ticket[0], "entries": list(entries)})
    equal(answer.status, 201)
    return answer.json["added"]


def serial():
    return "SN" + secrets.token_hex(5).upper()


class Phone:
    def __init__(self, server, subject):
        self.server = server
        self.key = Pki.key(server.pki.path("phone-" + secrets.token_hex(8) + ".pem"))
        self.id = device_id(self.key)
        self.csr = base64.encodebytes(make_csr(self.key, "/CN=phone" + subject))

    def enrol(self, ticket):
        return self.server.est(ticket, self.csr)


def entries(server, ticket):
    found, after = [], 0
    while after is not None:
        page = server.admin("GET", "/v1/admin/hardware?limit=100&after=%d" % after).json
        found += [e for e in page["entries"] if e["ticket"] == ticket[0]]
        after = page["next"]
    return found


@test
def each_entry_enrols_one_phone(server):
    ticket, sn = image_ticket(server), serial()
    equal(allow(server, ticket, {"serial": sn}, {"imei": IMEI}), 2)
    equal(allow(server, ticket, {"serial": sn}, {"serial": serial()}), 1)  # what is there stays
    phone = Phone(server, "/serialNumber=" + sn)
    answer = phone.enrol(ticket)
    equal(answer.status, 200)
    # The answer got lost: the same key gets the same certificate.
    equal(pkcs7_certs(phone.enrol(ticket))[0], pkcs7_certs(answer)[0])
    other = Phone(server, "/serialNumber=" + sn)
    answer = other.enrol(ticket)
    equal(answer.status, 403)
    assert b"already used" in answer.body, answer
    equal(server.admin("GET", "/v1/admin/devices/" + other.id).status, 404)
    entry = next(e for e in entries(server, ticket) if e["serial"] == sn)
    equal((entry["device"], entry["imei"], abs(entry["used"] - time.time()) < 30), (phone.id, None, True))
    by_imei = Phone(server, "/serialNumber=imei:" + IMEI)
    equal(by_imei.enrol(ticket).status, 200)
    assert sn in server.messages() and other.id in server.messages()


@test
def both_numbers_of_a_phone_are_used_up(server):
    ticket, sn = image_ticket(server), serial()
    allow(server, ticket, {"serial": sn}, {"imei": IMEI_2})
    phone = Phone(server, "/serialNumber=%s/serialNumber=imei:%s" % (sn, IMEI_2))
    equal(phone.enrol(ticket).status, 200)
    equal([e["device"] for e in entries(server, ticket)], [phone.id] * 2)
    for subject in ("/serialNumber=" + sn, "/serialNumber=imei:" + IMEI_2, "/serialNumber=%s/serialNumber=imei:%s" % (sn, IMEI)):
        equal(Phone(server, subject).enrol(ticket).status, 403)


@test
def what_is_not_listed_is_refused(server):
    ticket, sn = image_ticket(server), serial()
    allow(server, ticket, {"serial": sn})
    elsewhere = image_ticket(server)
    for subject in ("", "/serialNumber=" + serial(), "/serialNumber=" + sn.lower(), "/serialNumber=imei:" + IMEI,
                    "/serialNumber=imei:" + sn, "/serialNumber=0123456789", "/serialNumber=imei:000000000000000"):
        answer = Phone(server, subject).enrol(ticket)
        assert answer.status == 403 and b"ask for a ticket" in answer.body, (subject, answer)
    equal(Phone(server, "/serialNumber=" + sn).enrol(elsewhere).status, 403)
    equal(Phone(server, "/serialNumber=" + sn).enrol((ticket[0], "wrong-wrong-wrong")).status, 401)
    # Said twice, or said in a way nobody can read.
    for subject in ("/serialNumber=%s/serialNumber=%s" % (sn, serial()), "/serialNumber=imei:%s/serialNumber=imei:%s" % (IMEI, IMEI_2)):
        equal(Phone(server, subject).enrol(ticket).status, 400)
    equal([e["device"] for e in entries(server, ticket)], [None])
    equal(Phone(server, "/serialNumber=" + sn).enrol(ticket).status, 200)


@test
def an_attribute_has_a_limit(server):
    ticket = image_ticket(server)
    most = limit("LIMIT_HARDWARE_BYTES")
    longest = secrets.token_hex(most // 2).upper()
    allow(server, ticket, {"serial": longest})
    equal(Phone(server, "/serialNumber=" + longest).enrol(ticket).status, 200)
    answer = server.admin("POST", "/v1/admin/hardware", {"ticket": ticket[0], "entries": [{"serial": longest + "0"}]})
    equal(answer.status, 400)
    # openssl itself refuses to make a request with a longer one, so a short one is stretched.
    key = Pki.key(server.pki.path("long.pem"))
    done = openssl("req", "-new", "-key", key, "-subj", "/CN=x/dnQualifier=" + longest + "0", "-outform", "DER")
    qualifier, number = bytes.fromhex("060355042e"), bytes.fromhex("0603550405")
    assert done.count(qualifier) == 1
    forged = openssl_resign(key, done.replace(qualifier, number), server)
    equal(server.est(ticket, base64.encodebytes(forged)).status, 400)


def openssl_resign(key, der, server):
    """The request with its first part signed anew."""
    def header(data):
        n = data[1]
        return (2, n) if n < 128 else (2 + n - 128, int.from_bytes(data[2:2 + n - 128], "big"))

    start, _ = header(der)
    inner = der[start:]
    n_head, n = header(inner)
    info, rest = inner[:n_head + n], inner[n_head + n:]
    n_head, n = header(rest)
    algorithm = rest[:n_head + n]
    signature = openssl("dgst", "-sha256", "-sign", key, data=info)
    bits = b"\x03" + bytes([len(signature) + 1, 0]) + signature
    body = info + algorithm + bits
    return b"\x30\x82" + len(body).to_bytes(2, "big") + body


@test
def ten_at_once_and_one_wins(server):
    ticket, sn = image_ticket(server), serial()
    allow(server, ticket, {"serial": sn})
    phones, answers = [Phone(server, "/serialNumber=" + sn) for _ in range(10)], []
    threads = [threading.Thread(target=lambda p=p: answers.append((p.enrol(ticket).status, p.id))) for p in phones]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(sorted(s for s, _ in answers), [200] + [403] * 9)
    winner = next(id for status, id in answers if status == 200)
    equal([e["device"] for e in entries(server, ticket)], [winner])


@test
def ten_of_a_batch_all_enrol_and_get_the_assignment(server):
    ticket, numbers = image_ticket(server), [serial() for _ in range(10)]
    allow(server, ticket, *({"serial": n} for n in numbers))
    stream = "s" + secrets.token_hex(4)
    server.put("type=policy&stream=%s&serial=1" % stream, document("policy"))
    server.put("type=assignment&ticket=%s&serial=1&groups=%s" % (ticket[0], stream), document("assignment"))
    phones = [Phone(server, "/serialNumber=" + n) for n in numbers]
    statuses = []
    threads = [threading.Thread(target=lambda p=p: statuses.append(p.enrol(ticket).status)) for p in phones]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(statuses, [200] * 10)
    for phone in phones:
        record = server.admin("GET", "/v1/admin/devices/" + phone.id).json
        equal((record["ticket"], record["groups"]), (ticket[0], [stream]))
    listed = next(t for t in server.admin("GET", "/v1/admin/tickets?limit=500").json["tickets"] if t["id"] == ticket[0])
    equal((listed["zero_touch"], listed["used"], listed["device"]), (True, None, None))
    # And over the wire, to one of them.
    phone = phones[3]
    cert = server.pki.path("zero.pem")
    with open(cert, "w") as f:
        f.write(pkcs7_certs(phone.enrol(ticket))[0])
    report = ('{"v":1,"device":"%s","enrolment":"ab","ticket":"%s","agent":"0.1.0","nonce":"AAAAAAAAAAAAAAAAAAAAAA",'
              '"have":{"keyset":9007199254740991,"assignment":0,"policy":{}},"sections":{},"events":[]}' % (phone.id, ticket[0]))
    answer = server.request("POST", "/v1/checkin", report.encode(), ["Content-Type: application/json"], (cert, phone.key))
    equal(answer.body, document("assignment") + b"\n" + document("policy"))


@test
def an_entry_is_freed_for_another(server):
    ticket, sn = image_ticket(server), serial()
    allow(server, ticket, {"serial": sn})
    equal(Phone(server, "/serialNumber=" + sn).enrol(ticket).status, 200)
    row = entries(server, ticket)[0]["row"]
    equal(server.admin("DELETE", "/v1/admin/hardware/%d" % row).json, {"row": row, "freed": True})
    second = Phone(server, "/serialNumber=" + sn)
    equal(second.enrol(ticket).status, 200)
    # The one that lost its entry is no stranger, but enrols no more with it.
    equal(entries(server, ticket)[0]["device"], second.id)
    equal(server.admin("DELETE", "/v1/admin/hardware/%d" % row).json, {"row": row, "freed": True})
    equal(server.admin("DELETE", "/v1/admin/hardware/%d" % row).json, {"row": row, "freed": False})
    equal(server.admin("DELETE", "/v1/admin/hardware/%d" % row).status, 404)
    equal(Phone(server, "/serialNumber=" + sn).enrol(ticket).status, 403)
    for rest in ("0", "-1", "x", "1x", "9223372036854775808"):
        equal(server.admin("DELETE", "/v1/admin/hardware/" + rest).status, 400)


@test
def a_withdrawn_phone_of_an_image_stays_out(server):
    ticket, sn = image_ticket(server), serial()
    allow(server, ticket, {"serial": sn})
    phone = Phone(server, "/serialNumber=" + sn)
    equal(phone.enrol(ticket).status, 200)
    equal(server.admin("DELETE", "/v1/admin/devices/" + phone.id).status, 200)
    equal(phone.enrol(ticket).status, 403)
    equal(Phone(server, "/serialNumber=" + sn).enrol(ticket).status, 403)


@test
def a_withdrawn_phone_does_not_return_by_its_other_number(server):
    ticket, sn, other = image_ticket(server), serial(), imei()
    allow(server, ticket, {"serial": sn}, {"imei": other})
    phone = Phone(server, "/serialNumber=" + sn)
    equal(phone.enrol(ticket).status, 200)
    equal(server.admin("DELETE", "/v1/admin/devices/" + phone.id).status, 200)
    csr = base64.encodebytes(make_csr(phone.key, "/CN=phone/serialNumber=imei:" + other))
    answer = server.est(ticket, csr)
    assert answer.status == 403 and b"withdrawn" in answer.body, answer
    assert server.admin("GET", "/v1/admin/devices/" + phone.id).json["withdrawn"]
    # The number that it kept back is free still: nobody has seen the two together.
    equal([e["device"] for e in entries(server, ticket)], [phone.id, None])
    equal(server.est(server.ticket(), csr).status, 200)


@test
def the_numbers_of_a_phone_belong_together_once_seen(server):
    ticket, sn, other = image_ticket(server), serial(), imei()
    allow(server, ticket, {"serial": sn})
    phone = Phone(server, "/serialNumber=%s/serialNumber=imei:%s" % (sn, other))
    equal(phone.enrol(ticket).status, 200)
    found = entries(server, ticket)
    equal([(e["serial"], e["imei"], e["device"], e["linked"]) for e in found],
          [(sn, None, phone.id, False), (None, other, phone.id, True)])
    by_imei = Phone(server, "/serialNumber=imei:" + other)
    equal(by_imei.enrol(ticket).status, 403)
    equal(allow(server, ticket, {"imei": other}), 1)  # listed later, and used already
    equal(allow(server, ticket, {"imei": other}), 0)
    equal(by_imei.enrol(ticket).status, 403)
    # A linked one that is let go is gone: it never was on the list.
    ticket, sn, other = image_ticket(server), serial(), imei()
    allow(server, ticket, {"serial": sn})
    phone = Phone(server, "/serialNumber=%s/serialNumber=imei:%s" % (sn, other))
    equal(phone.enrol(ticket).status, 200)
    rows = [e["row"] for e in entries(server, ticket)]
    equal(server.admin("DELETE", "/v1/admin/hardware/%d" % rows[1]).json, {"row": rows[1], "freed": False})
    equal(Phone(server, "/serialNumber=imei:" + other).enrol(ticket).status, 403)
    equal(len(entries(server, ticket)), 1)
    # The same key says its other number only when it asks again.
    equal(phone.enrol(ticket).status, 200)
    equal([e["linked"] for e in entries(server, ticket)], [False, True])


@test
def a_number_counts_over_all_tickets(server):
    one, two, sn = image_ticket(server), image_ticket(server, "other-other-other"), serial()
    allow(server, one, {"serial": sn})
    allow(server, two, {"serial": sn})
    first = Phone(server, "/serialNumber=" + sn)
    equal(first.enrol(one).status, 200)
    answer = Phone(server, "/serialNumber=" + sn).enrol(two)
    assert answer.status == 403 and b"already used" in answer.body, answer
    # The same phone may come by the other image.
    equal(first.enrol(two).status, 200)
    for ticket in (one, two):
        server.admin("DELETE", "/v1/admin/hardware/%d" % entries(server, ticket)[0]["row"])
    equal(Phone(server, "/serialNumber=" + sn).enrol(two).status, 200)


@test
def bad_lists_are_refused_as_a_whole(server):
    ticket, sn = image_ticket(server), serial()
    good = {"ticket": ticket[0], "entries": [{"serial": sn}]}
    for body in (b"", b"x", b"[]", {}, {"ticket": ticket[0]}, dict(good, extra=1), dict(good, ticket="x"), dict(good, ticket=7),
                 dict(good, entries=[]), dict(good, entries={}), dict(good, entries="x"), dict(good, entries=[{}]), dict(good, entries=["x"]),
                 dict(good, entries=[{"serial": sn, "imei": IMEI}]), dict(good, entries=[{"serial": 7}]), dict(good, entries=[{"mac": "x"}])):
        answer = server.admin("POST", "/v1/admin/hardware", body)
        assert answer.status == 400 and answer.json["message"], (body, answer)
    for placeholder in ({"serial": "To Be Filled By O.E.M."}, {"serial": "0123456789"}, {"serial": "00000000"}, {"serial": ""},
                        {"imei": IMEI[:-1] + str((int(IMEI[-1]) + 1) % 10)}, {"imei": IMEI[:-1]}, {"imei": "000000000000000"}):
        answer = server.admin("POST", "/v1/admin/hardware", dict(good, entries=[{"serial": sn}, placeholder]))
        assert answer.status == 400 and "entry 2" in answer.json["message"], (placeholder, answer)
    equal(entries(server, ticket), [])
    equal(server.admin("POST", "/v1/admin/hardware", dict(good, ticket="0" * 32)).status, 404)
    single = server.ticket()
    answer = server.admin("POST", "/v1/admin/hardware", dict(good, ticket=single[0]))
    equal((answer.status, answer.json["error"]), (409, "single"))
    equal(server.admin("POST", "/v1/admin/tickets", {"id": "0" * 32, "secret_sha256": "0" * 64, "expires": 2**33, "groups": [], "zero_touch": 1}).status, 400)
    for query in ("limit=501", "after=x", "device=" + "0" * 32, "limit=1&limit=1"):
        equal(server.admin("GET", "/v1/admin/hardware?" + query).status, 400)


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
