# SPDX-License-Identifier: Apache-2.0
"""What the tests of the administrators' side of mdm-server share: commands and the audit log."""

import json
import re
import secrets
import time

from server_rig import document, equal, event


def seen_device(server):
    """One that has checked in, so that the server knows its enrolment."""
    device = server.device()
    equal(device.checkin(server).status, 204)
    return device


def command_query(device, id=None, verb="lock", seconds=3600):
    return "type=command&device=%s&id=%s&verb=%s&expires=%d" % (
        device, id or secrets.token_hex(16), verb, int(time.time()) + seconds)


def give(server, device, text="command", **kind):
    id = kind.setdefault("id", secrets.token_hex(16))
    equal(server.put(command_query(device.id, **kind), document(text)).status, 201)
    return id


def give_destructive(server, device, verb="wipe", identity=None, seconds=3600, id=None):
    """The status of the answer, and the command's id."""
    id = id or secrets.token_hex(16)
    query = command_query(device.id, id, verb, seconds)
    answer = server.admin("PUT", "/v1/admin/documents?" + query, document(id, verb=verb, nonce="n" * 22), identity)
    return answer.status, id


def command(server, id):
    answer = server.admin("GET", "/v1/admin/commands/" + id)
    equal(answer.status, 200)
    return answer.json


def said(seq, id, state, verb="lock", **data):
    return dict(event(seq), type="command", data=dict({"id": id, "verb": verb, "state": state, "reason": "", "detail": ""}, **data))


def audit(server, after=0):
    entries = []
    while True:
        page = server.admin("GET", "/v1/admin/audit?after=%d" % after).json
        entries += page["entries"]
        if not page["entries"]:
            return entries
        after = page["next"]


def rebuild(entry):
    """The bytes that were chained: the entry as it came, without its last member."""
    text = json.dumps(entry, separators=(",", ":"), ensure_ascii=False)
    return re.sub(r',"chain":"[0-9a-f]{64}"}$', "}", text).encode()
