#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.json against the real mdm-server: every operation in good and bad ways, every
request, status, content type and body against the description, and the description's paths
against the server's tables of routes. Usage: openapi.py BUILD_DIR [NAME]."""

import base64
import json
import os
import re
import secrets
import sys
import time
import urllib.parse

sys.dont_write_bytecode = True
import jsonschema
from server_rig import Answer, document, equal, event, make_csr, run_tests, section

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
with open(os.path.join(ROOT, "docs/openapi.json")) as file:
    API = json.load(file)
# Which files hold the tables of routes of what the description calls by these tags.
TABLES = {"administrators": ("server/admin.c", "server_admin_routes"), "devices": ("server/server.c", "server_device_routes")}
# Not made to happen here: a database that fails, and floods (server_hostile.py has them); CAs as clients.
UNSEEN = {"429", "503"}
SEEN = {}
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def fits(value, schema):
    """With the components beside it, so that references lead there."""
    whole = dict(schema, components=API["components"])
    return not list(jsonschema.Draft202012Validator(whole).iter_errors(value))


def check_fits(value, schema, what):
    whole = dict(schema, components=API["components"])
    for error in jsonschema.Draft202012Validator(whole).iter_errors(value):
        raise AssertionError("%s: %s at %s in %r" % (what, error.message, list(error.absolute_path), value))


def find(method, path):
    """The operation that a path belongs to, and the values of its path's parameters."""
    for pattern, operations in API["paths"].items():
        match = re.fullmatch(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(pattern)), path)
        if match and method.lower() in operations:
            return operations[method.lower()], match.groupdict()
    raise AssertionError("%s %s is not in the description" % (method, path))


def typed(text, schema):
    """A parameter's text as its schema's type wants it."""
    while "$ref" in schema:
        schema = API["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return int(text) if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text) else text


def request_fits(operation, values, query, mime, body):
    """Does the description allow this request?"""
    given = [("path", *item) for item in values.items()]
    given += [("query", *item) for item in urllib.parse.parse_qsl(query, keep_blank_values=True)]
    declared = {(p["in"], p["name"]): p for p in operation.get("parameters", [])}
    if len({g[:2] for g in given}) != len(given) or any(g[:2] not in declared for g in given):
        return False
    if any(p["required"] and key not in {g[:2] for g in given} for key, p in declared.items()):
        return False
    if not all(fits(typed(text, declared[where, name]["schema"]), declared[where, name]["schema"]) for where, name, text in given):
        return False
    if "requestBody" not in operation:
        return not body
    content = operation["requestBody"]["content"].get((mime or "").split(";")[0])
    return content is not None and fits(body_value(mime, body or b""), content["schema"])


def body_value(mime, body):
    if mime.startswith("application/json"):
        try:
            return json.loads(body)
        except ValueError:
            return None
    return body.decode()


def check_answer(operation, answer):
    name, status = operation["operationId"], str(answer.status)
    assert status in operation["responses"], "%s answers %s, which is not described: %r" % (name, status, answer)
    content = operation["responses"][status].get("content")
    if content is None:
        assert not answer.body and "content-type" not in answer.headers, (name, answer)
    else:
        mime = answer.headers["content-type"].split(";")[0]
        assert mime in content, "%s %s: %s is not described" % (name, status, mime)
        check_fits(body_value(mime, answer.body), content[mime]["schema"], "%s %s" % (name, status))
    SEEN.setdefault(name, set()).add(status)


class Caller:
    def __init__(self, server):
        self.server = server

    def call(self, status, method, path, body=None, mime=None, identity=None, headers=(), whole=None):
        """Calls, and checks both ways. Good requests must be described, bad ones need not.
        whole: the answer to a request written by hand."""
        bare, _, query = path.partition("?")
        operation, values = find(method, bare)
        admin = operation["tags"] == ["administrators"]
        if isinstance(body, (dict, list)):
            body, mime = json.dumps(body).encode(), mime or "application/json"
        lines = list(headers) + (["Content-Type: " + mime] if mime else [])
        if status < 300:
            assert request_fits(operation, values, query, mime, body), "not as described: %s %s %r" % (method, path, body)
        if whole is None:
            whole = self.server.request(method, path, body, lines, identity or (self.server.pki.admin if admin else None),
                                        self.server.admin_port if admin else self.server.port)
        check_answer(operation, whole)
        assert whole.status == status, "%s %s: %r" % (method, path, whole)
        return whole

    def raw(self, status, method, path, head, identity=None):
        """A request that the rig's client would not write."""
        admin = path.startswith("/v1/admin/")
        identity = identity or (self.server.pki.admin if admin else None)
        data = self.server.raw(("%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n" % (method, path, head)).encode(),
                               self.server.admin_port if admin else self.server.port, identity)
        start, body = data.split(b"\r\n\r\n", 1)
        return self.call(status, method, path, identity=identity, whole=Answer(start + b"\r\n", body))


def command_path(device, id=None, expires=None, verb="lock"):
    return "/v1/admin/documents?type=command&device=%s&id=%s&verb=%s&expires=%d" % (
        device, id or secrets.token_hex(16), verb, expires or time.time() + 3600)


JOSE = "application/jose"


def seen_device(server):
    device = server.device()
    equal(device.checkin(server).status, 204)
    return device


# --- the description itself


@test
def paths_are_those_of_the_server(server):
    for tag, (file, table) in TABLES.items():
        with open(os.path.join(ROOT, file)) as f:
            text = re.search(r"%s\[\] = \{\n(.*?)^\};" % table, f.read(), re.S | re.M).group(1)
        rows = re.findall(r"\{\.method = HTTP_(\w+),\s*\.path = \"([^\"]+)\"(.*?)\.handle", text, re.S)
        assert len(rows) == text.count(".handle") > 0
        served = {(m.lower(), path + ("{}" if "is_prefix" in rest else "")) for m, path, rest in rows}
        described = {(m, re.sub(r"\{\w+\}", "{}", path)) for path, ops in API["paths"].items() for m, op in ops.items()
                     if op["tags"] == [tag]}
        equal(described, served)
        if tag == "administrators":
            for method, path, rest in rows:
                operators = method != "GET" or path == "/v1/admin/escrow/"
        equal((method, path, "operator_only" in rest), (method, path, operators))


@test
def the_description_is_well_formed(server):
    equal(API["openapi"].rsplit(".", 1)[0], "3.1")
    ids = [op["operationId"] for ops in API["paths"].values() for op in ops.values()]
    equal(len(ids), len(set(ids)))
    text = json.dumps(API)
    used = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    equal(used, set(API["components"]["schemas"]))
    for schema in API["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for path, operations in API["paths"].items():
        for operation in operations.values():
            equal(re.findall(r"\{(\w+)\}", path), [p["name"] for p in operation.get("parameters", []) if p["in"] == "path"])
            for scheme in operation["security"]:
                assert set(scheme) <= set(API["components"]["securitySchemes"])


@test
def the_checks_can_fail(server):
    """What this suite finds wrong, when it is."""
    operation, values = find("DELETE", "/v1/admin/hardware/7")
    equal((operation["operationId"], values), ("dropHardware", {"row": "7"}))
    assert request_fits(operation, values, "", None, None)
    assert not request_fits(operation, {"row": "x"}, "", None, None)
    assert not request_fits(operation, values, "a=1", None, None)
    assert not request_fits(operation, values, "", "application/json", b"{}")
    put, _ = find("PUT", "/v1/admin/documents")
    assert request_fits(put, {}, "type=keyset&serial=1", JOSE, b"a.b.c\n")
    for query, mime, body in (("serial=1", JOSE, b"a.b.c"), ("type=x", JOSE, b"a.b.c"), ("type=keyset&type=keyset", JOSE, b"a.b.c"),
                              ("type=keyset&serial=0", JOSE, b"a.b.c"), ("type=keyset", JOSE, b"a.b"), ("type=keyset", "text/plain", b"a.b.c")):
        assert not request_fits(put, {}, query, mime, body), query
    answer = server.admin("GET", "/v1/admin/status")
    for change in (lambda a: setattr(a, "status", 418), lambda a: a.headers.update({"content-type": "text/html"}),
                   lambda a: setattr(a, "body", b'{"version":"1"}'), lambda a: setattr(a, "body", a.body[:-1] + b',"more":1}')):
        wrong = server.admin("GET", "/v1/admin/status")
        change(wrong)
        try:
            check_answer(find("GET", "/v1/admin/status")[0], wrong)
        except AssertionError:
            continue
        raise AssertionError("passed: %r" % wrong)
    check_answer(find("GET", "/v1/admin/status")[0], answer)


# --- administrators


@test
def looking(server):
    c, device = Caller(server), seen_device(server)
    device.checkin(server, sections={"compliance": section({"state": "compliant"})}, events=[event(1, what="x")])
    server.device()  # one that has never checked in
    plain = server.pki.issue("plain-" + secrets.token_hex(4), "/OU=other/CN=plain", "client")
    pages = ("tickets", "devices", "commands", "hardware", "escrow", "audit", "events")
    server.put("type=keyset&serial=%d" % server.next_keyset(), document("keyset"))
    for page in pages:
        c.call(200, "GET", "/v1/admin/%s" % page)
        c.call(200, "GET", "/v1/admin/%s?limit=1" % page)
        c.call(200, "GET", "/v1/admin/%s?limit=500&after=%s" % (page, "0" * 32 if page in ("tickets", "devices") else "0"))
    for page in ("commands", "events", "escrow"):
        c.call(200, "GET", "/v1/admin/%s?device=%s" % (page, device.id))
    sealed = {"kind": "unlock", "generation": 1, "certificates": ["ab" * 32], "cms": "MAA="}
    device.checkin(server, sections={"escrow": section({"v": 1, "entries": [sealed]})})
    row = "escrow/%d?device=" % c.call(200, "GET", "/v1/admin/escrow?device=" + device.id).json["escrow"][0]["row"]
    c.call(200, "GET", "/v1/admin/" + row + device.id)
    c.call(404, "GET", "/v1/admin/" + row + "0" * 32)
    c.call(200, "GET", "/v1/admin/status")
    c.call(200, "GET", "/v1/admin/devices/" + device.id)
    c.call(200, "GET", "/v1/admin/documents?type=keyset")
    c.call(404, "GET", "/v1/admin/documents?type=policy&stream=none")
    c.call(404, "GET", "/v1/admin/devices/" + "0" * 32)
    c.call(404, "GET", "/v1/admin/commands/" + "0" * 32)
    for path in ("status?x=1", "devices/x", "commands/x", "documents", "documents?type=command", row + "x", *(p + "?limit=0" for p in pages)):
        c.call(400, "GET", "/v1/admin/" + path)
    for path in ("status", "devices/" + device.id, "commands/" + "0" * 32, "documents?type=keyset", row + device.id, *pages):
        c.call(403, "GET", "/v1/admin/" + path, identity=plain)
        c.call(413, "GET", "/v1/admin/" + path, body=b"x")


@test
def changing(server):
    c, device = Caller(server), seen_device(server)
    viewer = server.pki.issue("viewer-" + secrets.token_hex(4), "/OU=mdm-viewer/CN=viewer", "client")
    ticket = {"id": secrets.token_hex(16), "secret_sha256": "0" * 64, "expires": 2**33, "groups": ["a"], "zero_touch": True}
    c.call(201, "POST", "/v1/admin/tickets", ticket)
    c.call(409, "POST", "/v1/admin/tickets", ticket)
    c.call(400, "POST", "/v1/admin/tickets", dict(ticket, extra=1))
    serial = "SN" + secrets.token_hex(6).upper()
    entry = {"ticket": ticket["id"], "entries": [{"serial": serial}]}
    c.call(201, "POST", "/v1/admin/hardware", entry)
    c.call(400, "POST", "/v1/admin/hardware", dict(entry, entries=[{"serial": "00000000"}]))
    c.call(404, "POST", "/v1/admin/hardware", dict(entry, ticket="0" * 32))
    c.call(409, "POST", "/v1/admin/hardware", dict(entry, ticket=server.ticket()[0]))
    rows = [e["row"] for e in c.call(200, "GET", "/v1/admin/hardware").json["entries"] if e["serial"] == serial]
    c.call(200, "DELETE", "/v1/admin/hardware/%d" % rows[0])
    c.call(404, "DELETE", "/v1/admin/hardware/%d" % rows[0])
    c.call(400, "DELETE", "/v1/admin/hardware/x")
    stream = "s" + secrets.token_hex(4)
    for path in ("type=policy&stream=" + stream, "type=assignment&groups=a,b&device=" + device.id,
                 "type=assignment&groups=&ticket=" + ticket["id"], "type=keyset"):
        remove = "/v1/admin/documents?" + re.sub("&groups=[^&]*", "", path)
        path = "/v1/admin/documents?serial=%d&%s" % (server.next_keyset() if path == "type=keyset" else 9000, path)
        c.call(201, "PUT", path, document("a"), JOSE)
        c.call(200, "PUT", path, document("a"), JOSE)
        c.call(409, "PUT", path, document("b"), JOSE)
        c.call(409, "DELETE", remove + "&serial=9001")
        c.call(200, "DELETE", remove)
        c.call(201, "PUT", path, document("a"), JOSE)
    c.call(404, "DELETE", "/v1/admin/documents?type=policy&stream=none")
    c.call(400, "DELETE", "/v1/admin/documents?type=command")
    c.call(403, "DELETE", "/v1/admin/documents?type=keyset", identity=viewer)
    c.call(413, "DELETE", "/v1/admin/documents?type=keyset", b"x")
    c.call(200, "GET", "/v1/admin/documents?type=assignment&device=" + device.id)
    c.call(200, "GET", "/v1/admin/documents?type=assignment&ticket=" + ticket["id"])
    id = secrets.token_hex(16)
    c.call(201, "PUT", command_path(device.id, id), document("a", 2), JOSE)
    c.call(409, "PUT", command_path(device.id, id), document("b"), JOSE)
    c.call(404, "PUT", command_path("0" * 32), document("a"), JOSE)
    c.call(400, "PUT", command_path(device.id, expires=1), document("a"), JOSE)
    c.call(200, "GET", "/v1/admin/commands/" + id)
    c.call(200, "DELETE", "/v1/admin/commands/" + id)
    c.call(409, "DELETE", "/v1/admin/commands/" + id)
    c.call(200, "GET", "/v1/admin/commands/" + id)
    c.call(404, "DELETE", "/v1/admin/commands/" + "0" * 32)
    c.call(400, "DELETE", "/v1/admin/commands/x")
    # More destructive ones than an hour has for one administrator.
    held, approvals = [secrets.token_hex(16) for _ in range(8)], "/v1/admin/approvals/"
    wipe = document("a", verb="wipe", nonce="n" * 22)
    answers = [server.put(command_path(device.id, id, verb="wipe").partition("?")[2], wipe).status for id in held[:6]]
    equal(answers, [201] * 5 + [202])
    for id in held[6:]:
        c.call(202, "PUT", command_path(device.id, id, verb="wipe"), wipe, JOSE)
    bob = server.pki.issue("bob-" + secrets.token_hex(4), "/OU=mdm-admin/CN=bob", "client")
    c.call(200, "GET", "/v1/admin/commands/" + held[6])
    c.call(200, "GET", "/v1/admin/status")
    c.call(403, "POST", approvals + held[6], b"")
    c.call(200, "POST", approvals + held[6], b"", identity=bob)
    c.call(200, "GET", "/v1/admin/commands/" + held[6])
    c.call(200, "DELETE", approvals + held[7])
    c.raw(411, "POST", approvals + held[7], "")
    for method in ("POST", "DELETE"):
        body = b"" if method == "POST" else None
        c.call(409, method, approvals + held[7], body, identity=bob)
        c.call(404, method, approvals + "0" * 32, body)
        c.call(400, method, approvals + "x", body)
        c.call(403, method, approvals + held[7], body, identity=viewer)
        c.call(413, method, approvals + held[7], b"x")
    c.call(200, "DELETE", "/v1/admin/devices/" + device.id)
    c.call(200, "GET", "/v1/admin/devices/" + device.id)
    c.call(404, "DELETE", "/v1/admin/devices/" + "0" * 32)
    c.call(400, "DELETE", "/v1/admin/devices/x")
    for method, path in (("POST", "tickets"), ("POST", "hardware"), ("PUT", "documents")):
        c.call(403, method, "/v1/admin/" + path, b"x", identity=viewer)
        c.raw(411, method, "/v1/admin/" + path, "")
        c.raw(413, method, "/v1/admin/" + path, "Content-Length: 100000000\r\n")
    for path in ("devices/" + device.id, "commands/" + id, "hardware/1"):
        c.call(403, "DELETE", "/v1/admin/" + path, identity=viewer)
        c.call(413, "DELETE", "/v1/admin/" + path, b"x")


# --- phones


@test
def enrolling(server):
    c, device = Caller(server), server.device()
    base = "/.well-known/est/"
    c.call(200, "GET", base + "cacerts")
    c.call(413, "GET", base + "cacerts", b"x")
    csr, mime = base64.encodebytes(make_csr(device.key)), "application/pkcs10"

    def basic(ticket):
        return ["Authorization: Basic " + base64.b64encode(":".join(ticket).encode()).decode()]

    c.call(200, "POST", base + "simpleenroll", csr, mime, headers=basic(server.ticket()))
    c.call(400, "POST", base + "simpleenroll", b"x", mime, headers=basic(server.ticket()))
    c.call(401, "POST", base + "simpleenroll", csr, mime)
    c.call(401, "POST", base + "simpleenroll", csr, mime, headers=basic(("0" * 32, "secret-secret-secret")))
    c.call(415, "POST", base + "simpleenroll", csr, "text/plain")
    used = server.ticket()
    server.device(used)
    c.call(403, "POST", base + "simpleenroll", csr, mime, headers=basic(used))
    own = base64.encodebytes(make_csr(device.key, "/CN=" + device.id))
    c.call(200, "POST", base + "simplereenroll", own, mime, device.identity)
    c.call(400, "POST", base + "simplereenroll", b"x", mime, device.identity)
    c.call(403, "POST", base + "simplereenroll", own, mime)
    c.call(415, "POST", base + "simplereenroll", own, "text/plain", device.identity)
    for name, identity in (("simpleenroll", None), ("simplereenroll", device.identity)):
        c.raw(411, "POST", base + name, "", identity)
        c.raw(413, "POST", base + name, "Content-Length: 100000000\r\n", identity)


@test
def checking_in(server):
    c, device = Caller(server), server.device()
    mime = "application/json"
    c.call(204, "POST", "/v1/checkin", device.report(events=[event(1)]), mime, device.identity)
    equal(server.put(command_path(device.id).partition("?")[2], document("x")).status, 201)
    c.call(200, "POST", "/v1/checkin", device.report(report=1, push="https://push.example/?x=1"), mime, device.identity)
    c.call(400, "POST", "/v1/checkin", b"{}", mime, device.identity)
    c.call(403, "POST", "/v1/checkin", device.report(), mime)
    c.call(415, "POST", "/v1/checkin", device.report(), "text/plain", device.identity)
    c.raw(411, "POST", "/v1/checkin", "", device.identity)
    c.raw(413, "POST", "/v1/checkin", "Content-Length: 100000000\r\n", device.identity)
    c.call(200, "GET", "/v1/wait?mark=0", identity=device.identity)
    c.call(400, "GET", "/v1/wait", identity=device.identity)
    c.call(403, "GET", "/v1/wait?mark=0")
    c.call(413, "GET", "/v1/wait?mark=0", b"x", identity=device.identity)


@test
def what_is_described_happens(server):
    """No operation is left out above, and no status is promised that never comes."""
    if len(sys.argv) == 3:
        return  # only some of the tests ran
    # The wait that ends without news takes minutes; only a CA that shows itself as a client may not read cacerts.
    rare = {("wait", "204"), ("cacerts", "403")}
    for operations in API["paths"].values():
        for operation in operations.values():
            name = operation["operationId"]
            missing = set(operation["responses"]) - SEEN.get(name, set()) - UNSEEN - {s for n, s in rare if n == name}
            equal((name, missing), (name, set()))


if __name__ == "__main__":
    sys.exit(run_tests(TESTS, __doc__))
