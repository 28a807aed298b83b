#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The generated JSON Schema against another implementation of JSON Schema.

schema.py PATH_TO_REFERENCE_TOOL [DIRECTORY_OF_EXAMPLES]

Every document is judged twice: by python3-jsonschema with the schema the tool prints, and by
policy_parse() through the tool. Both must say the same; what only the parser can know is listed
apart and must be refused by it alone.
"""
import base64
import copy
import json
import os
import subprocess
import sys
import tempfile

import jsonschema

TOOL = sys.argv[1]
SOURCE = os.environ.get("MDM_SOURCE_DIR", ".")
EXAMPLES = sys.argv[2] if len(sys.argv) > 2 else os.path.join(SOURCE, "docs", "examples")

BASE = {
    "type": "policy",
    "org": "00112233445566778899aabbccddeeff",
    "serial": 1,
    "issued": 1793491200,
    "expires": 1888185600,
    "target": {"stream": "staff"},
    "profiles": [],
}

passed = failed = 0


def verdict(ok, name):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print(f"FAILED {name}")


def parser_takes(text):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(text)
        file.flush()
        run = subprocess.run([TOOL, "check", file.name], capture_output=True, text=True)
    if run.returncode not in (0, 1):
        raise RuntimeError(f"{TOOL}: {run.returncode} {run.stderr}")
    return run.returncode == 0


def policy(**members):
    return dict(copy.deepcopy(BASE), **members)


def with_settings(settings):
    return policy(profiles=[{"id": "a", "settings": settings}])


def with_apps(**settings):
    return with_settings({"apps": settings})


def with_when(when):
    return policy(profiles=[{"id": "a", "when": when, "settings": {}}])


def with_actions(*actions):
    return policy(profiles=[{"id": "a", "when": WINDOW, "settings": {}, "actions": list(actions)}])


CIRCLE = {"circle": {"latitude": 48.1, "longitude": 11, "radius": 150}}
SQUARE = "??_c`|@??_c`|@~b`|@??~b`|@"


def with_place(**members):
    return policy(places={"p": members})


def nested(n):
    when = {"daylight": True}
    for _ in range(n):
        when = {"not": when}
    return when


def escrow(*certificates):
    return policy(escrow={"certificates": list(certificates)})


def encoded(n):
    return base64.b64encode(bytes(n)).decode()


WINDOW = {"time": {"from": "08:00", "to": "17:00"}}

VALID = {
    "nothing": policy(),
    "comment": policy(comment="text"),
    "unknown member": policy(weather={"office": 1}),
    "checkin": policy(checkin={"interval": 300, "jitter": 150}),
    "checkin empty": policy(checkin={}),
    "checkin unknown": policy(checkin={"colour": True}),
    "checkin whole": policy(checkin={"interval": 600, "metered_interval": 604800, "push": True,
                                     "wake_device": False, "long_poll": WINDOW}),
    "long poll": policy(checkin={"long_poll": {"all": [{"charging": {"is": True}},
                                                       {"network": {"metered": False}}]}}),
    "not_before": policy(not_before=0),
    "settings empty": with_settings({}),
    "area empty": with_settings({"screen_lock": {}}),
    "area unknown": with_settings({"gadgets": [1, None]}),
    "setting unknown": with_settings({"screen_lock": {"colour": "red"}}),
    "lowest": with_settings({"screen_lock": {"idle_delay": 15, "lock_delay": 0}}),
    "highest": with_settings({"screen_lock": {"idle_delay": 3600, "lock_delay": 3600}}),
    "booleans": with_settings({"encryption": {"storage": True, "swap": False}}),
    "choices": with_settings({"password": {"min_hash": "sha512", "at_maximum": "wipe"}}),
    "passwords": with_settings({"password": {"min_length": 6, "allow_numeric": True, "history": 0,
                                             "max_age": 3650, "max_attempts": 10}}),
    "apps": with_apps(mode="allow", guard="enforce", noexec=True, update_every=1),
    "apps patterns": with_apps(
        allowed=["firefox", "name:fire* repository:edge origin:?", "repository:edge fire*", "origin:x",
                 "flatpak:org.* remote:hub", "remote:hub flatpak:*", "sha256:" + "0a" * 32], blocked=["*"]),
    "apps required": with_apps(required=["gtk+3.0", "_x", "7zip", "flatpak:flathub/org.gnome.Maps",
                                         "flatpak:a.b-c/org.gnome.gitlab.x_1.My-App"]),
    "apps pinned": with_apps(pinned=["vim=9.1.0-r0", "a=1", "b=1.02.3b_rc1_p20240101~0123abc-r12"]),
    "apps sources": with_apps(repositories=["https://dl-cdn.alpinelinux.org/alpine/edge/main", "/srv/x"],
                              signing_keys=["0a" * 32],
                              flatpak_remotes=["https://dl.flathub.org/repo/", "oci+https://x/", "file:///srv/x"]),
    "apps hidden": with_apps(hidden=["org.gnome.Maps.desktop", "My App.desktop"], update_hours=["00", "19", "23"]),
    "apps empty lists": with_apps(allowed=[], blocked=[], repositories=[], update_hours=[]),
    "escrow": escrow(encoded(1), encoded(2), encoded(3), encoded(2048)),
    "escrow unknown member": policy(escrow={"certificates": [encoded(9)], "until": 1}),
    "profile unknown member": policy(profiles=[{"id": "a", "settings": {}, "priority": 1}]),
    "most profiles": policy(profiles=[{"id": f"p{i}", "settings": {}} for i in range(256)]),
    "long id": policy(profiles=[{"id": "x" * 64, "settings": {}}]),
    "time": with_when(WINDOW),
    "days": with_when({"time": {"days": ["sun", "mon"]}}),
    "noncompliant": with_when({"noncompliant": {"area": "encryption", "for": 31536000}}),
    "noncompliant elsewhere": with_when({"noncompliant": {"area": "gadgets", "for": 0}}),
    "condition unknown": with_when({"daylight": [True]}),
    "charging": with_when({"charging": {"is": False}}),
    "network": with_when({"network": {"online": True, "metered": False, "roaming": False}}),
    "network one": with_when({"network": {"roaming": True}}),
    "network links": with_when({"network": {"connected": ["wifi", "wifi:Büro 1", "vpn", "balloon"]}}),
    "locked": with_when({"locked": {"is": True}}),
    "enrolled": with_when({"enrolled": {"for": 0}}),
    "zone": with_when({"time": {"days": ["mon"], "zone": "CET-1CEST,M3.5.0,M10.5.0/3"}}),
    "zone quoted": with_when({"time": {"days": ["mon"], "zone": "<-03>3<-02>-02:30:10,J60/-1,365/25:00"}}),
    "actions": with_actions({"lock": {}}, {"notify": {"title": "t", "text": "x"}}, {"report": {}},
                            {"crypto_lock": {}}, {"wipe": {"scope": "corporate"}}, {"siren": 1}),
    "actions none": with_actions(),
    "places none": policy(places={}),
    "place": with_place(shape=CIRCLE, networks=[{"ssid": "Büro", "bssid": "0A:1b:2c:3d:4e:5f", "connected": True}],
                        enter_dwell=0, leave_dwell=86400, max_accuracy=10, forget_after=300,
                        unknown_is="inside", comment="text"),
    "place networks": with_place(networks=[{"bssid": "0a:1b:2c:3d:4e:5f"}]),
    "place polyline": with_place(shape={"polyline": [SQUARE]}),
    "place union": with_place(shape={"union": [CIRCLE, {"polyline": [SQUARE]}, {"corridor": 1}]}),
    "place geojson": with_place(shape={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}),
    "place unknown": with_place(beacons=[1]),
    "place shape unknown": with_place(shape={"corridor": {}}, colour=1),
    "place condition": policy(places={"p": {"shape": CIRCLE}},
                              profiles=[{"id": "a", "when": {"place": {"outside": "p", "for": 60}}, "settings": {}}]),
    "tree": with_when({"all": [WINDOW, {"any": [{"not": WINDOW}, {"tide": {}}]}]}),
}

INVALID = {
    "no profiles": {k: v for k, v in BASE.items() if k != "profiles"},
    "no target": {k: v for k, v in BASE.items() if k != "target"},
    "no serial": {k: v for k, v in BASE.items() if k != "serial"},
    "serial 0": policy(serial=0),
    "serial too large": policy(serial=2**53),
    "serial text": policy(serial="1"),
    "stream": policy(target={"stream": "a/b"}),
    "stream absent": policy(target={}),
    "profiles object": policy(profiles={}),
    "profile null": policy(profiles=[None]),
    "comment number": policy(comment=1),
    "comment long": policy(comment="x" * 257),
    "comment control": policy(comment="a\nb"),
    "member name": policy(**{"a b": 1}),
    "member name empty": policy(**{"": 1}),
    "interval short": policy(checkin={"interval": 299}),
    "interval long": policy(checkin={"interval": 604801}),
    "jitter negative": policy(checkin={"jitter": -1}),
    "checkin array": policy(checkin=[]),
    "metered_interval short": policy(checkin={"metered_interval": 299}),
    "metered_interval long": policy(checkin={"metered_interval": 604801}),
    "metered_interval text": policy(checkin={"metered_interval": "3600"}),
    "long_poll boolean": policy(checkin={"long_poll": True}),
    "long_poll empty": policy(checkin={"long_poll": {}}),
    "push number": policy(checkin={"push": 1}),
    "wake_device null": policy(checkin={"wake_device": None}),
    "id absent": policy(profiles=[{"settings": {}}]),
    "id empty": policy(profiles=[{"id": "", "settings": {}}]),
    "id dot": policy(profiles=[{"id": ".a", "settings": {}}]),
    "id long": policy(profiles=[{"id": "x" * 65, "settings": {}}]),
    "settings absent": policy(profiles=[{"id": "a"}]),
    "settings array": policy(profiles=[{"id": "a", "settings": []}]),
    "too many profiles": policy(profiles=[{"id": f"p{i}", "settings": {}} for i in range(257)]),
    "area number": with_settings({"screen_lock": 1}),
    "area name": with_settings({"screen lock": {}}),
    "setting name": with_settings({"screen_lock": {"-x": 1}}),
    "idle_delay low": with_settings({"screen_lock": {"idle_delay": 14}}),
    "idle_delay high": with_settings({"screen_lock": {"idle_delay": 3601}}),
    "idle_delay half": with_settings({"screen_lock": {"idle_delay": 60.5}}),
    "idle_delay text": with_settings({"screen_lock": {"idle_delay": "60"}}),
    "idle_delay boolean": with_settings({"screen_lock": {"idle_delay": True}}),
    "idle_delay null": with_settings({"screen_lock": {"idle_delay": None}}),
    "lock_delay negative": with_settings({"screen_lock": {"lock_delay": -1}}),
    "storage number": with_settings({"encryption": {"storage": 1}}),
    "choice unknown": with_settings({"password": {"min_hash": "sha1"}}),
    "choice case": with_settings({"password": {"min_hash": "SHA512"}}),
    "choice number": with_settings({"password": {"at_maximum": 0}}),
    "min_length low": with_settings({"password": {"min_length": 3}}),
    "apps mode": with_apps(mode="block"),
    "apps pattern kind": with_apps(blocked=["nam:fire"]),
    "apps pattern empty term": with_apps(blocked=["name:"]),
    "apps pattern spaces": with_apps(blocked=["name:a  origin:b"]),
    "apps pattern end": with_apps(blocked=["a "]),
    "apps pattern set": with_apps(blocked=["[ab]*"]),
    "apps pattern mixed": with_apps(allowed=["name:a flatpak:b"]),
    "apps pattern hash": with_apps(allowed=["sha256:0a"]),
    "apps pattern terms": with_apps(allowed=["a origin:a repository:a a"]),
    "apps list twice": with_apps(allowed=["a", "a"]),
    "apps required version": with_apps(required=["vim=9"]),
    "apps required option": with_apps(required=["--root"]),
    "apps required flatpak": with_apps(required=["flatpak:flathub/Maps"]),
    "apps pinned name": with_apps(pinned=["vim"]),
    "apps pinned range": with_apps(pinned=["vim>=9"]),
    "apps repository tag": with_apps(repositories=["@edge https://x/"]),
    "apps repository scheme": with_apps(repositories=["ftp://x/"]),
    "apps key": with_apps(signing_keys=["0A" * 32]),
    "apps remote": with_apps(flatpak_remotes=["flathub"]),
    "apps hidden path": with_apps(hidden=["../x.desktop"]),
    "apps hidden ending": with_apps(hidden=["x"]),
    "apps hour": with_apps(update_hours=["24"]),
    "apps hour digits": with_apps(update_hours=["7"]),
    "apps update_every": with_apps(update_every=91),
    "escrow array": policy(escrow=[]),
    "escrow empty": policy(escrow={}),
    "escrow none": escrow(),
    "escrow five": escrow(*(encoded(n) for n in range(1, 6))),
    "escrow twice": escrow(encoded(7), encoded(7)),
    "escrow number": escrow(1),
    "escrow text empty": escrow(""),
    "escrow line break": escrow(encoded(48)[:4] + "\n" + encoded(48)[4:]),
    "escrow space": escrow(encoded(48)[:4] + " " + encoded(48)[4:]),
    "escrow unpadded": escrow(encoded(1).rstrip("=")),
    "escrow urlsafe": escrow("-_-_"),
    "escrow large": escrow(encoded(2050)),
    "when array": with_when([]),
    "when empty": with_when({}),
    "when two": with_when({"not": WINDOW, "time": WINDOW["time"]}),
    "when name": with_when({"a b": 1}),
    "all empty": with_when({"all": []}),
    "all object": with_when({"all": WINDOW}),
    "any number": with_when({"any": [1]}),
    "any many": with_when({"any": [WINDOW] * 65}),
    "not array": with_when({"not": [WINDOW]}),
    "time empty": with_when({"time": {}}),
    "time from": with_when({"time": {"from": "08:00"}}),
    "time to": with_when({"time": {"to": "08:00", "days": ["mon"]}}),
    "time 24": with_when({"time": {"from": "24:00", "to": "08:00"}}),
    "time 60": with_when({"time": {"from": "08:00", "to": "08:60"}}),
    "time short": with_when({"time": {"from": "8:00", "to": "09:00"}}),
    "time number": with_when({"time": {"from": 800, "to": 900}}),
    "time member": with_when({"time": {"days": ["mon"], "zone": "UTC"}}),
    "days empty": with_when({"time": {"days": []}}),
    "days twice": with_when({"time": {"days": ["mon", "mon"]}}),
    "days case": with_when({"time": {"days": ["Mon"]}}),
    "noncompliant empty": with_when({"noncompliant": {}}),
    "noncompliant area": with_when({"noncompliant": {"area": "a b", "for": 1}}),
    "noncompliant negative": with_when({"noncompliant": {"area": "encryption", "for": -1}}),
    "noncompliant year": with_when({"noncompliant": {"area": "encryption", "for": 31536001}}),
    "noncompliant member": with_when({"noncompliant": {"area": "gadgets", "for": 1, "x": 1}}),
    "charging empty": with_when({"charging": {}}),
    "charging boolean": with_when({"charging": True}),
    "charging number": with_when({"charging": {"is": 1}}),
    "charging member": with_when({"charging": {"is": True, "level": 50}}),
    "network empty": with_when({"network": {}}),
    "network null": with_when({"network": {"metered": None}}),
    "places array": policy(places=[]),
    "places name": policy(places={"a b": {"shape": CIRCLE}}),
    "places many": policy(places={f"p{i}": {"shape": CIRCLE} for i in range(65)}),
    "place number": policy(places={"p": 1}),
    "place empty": with_place(),
    "place nowhere": with_place(comment="text", enter_dwell=5),
    "place dwell": with_place(shape=CIRCLE, enter_dwell=86401),
    "place accuracy": with_place(shape=CIRCLE, max_accuracy=9),
    "place forget": with_place(shape=CIRCLE, forget_after=299),
    "place unknown is": with_place(shape=CIRCLE, unknown_is="away"),
    "place shape array": with_place(shape=[CIRCLE]),
    "place shape empty": with_place(shape={}),
    "place shape two": with_place(shape=dict(CIRCLE, polyline=[SQUARE])),
    "place shape name": with_place(shape={"cir cle": 1}),
    "place circle latitude": with_place(shape={"circle": dict(CIRCLE["circle"], latitude=91)}),
    "place circle text": with_place(shape={"circle": dict(CIRCLE["circle"], longitude="1")}),
    "place circle radius": with_place(shape={"circle": dict(CIRCLE["circle"], radius=9)}),
    "place circle member": with_place(shape={"circle": dict(CIRCLE["circle"], height=9)}),
    "place polyline empty": with_place(shape={"polyline": []}),
    "place polyline number": with_place(shape={"polyline": [1]}),
    "place polyline character": with_place(shape={"polyline": ["!" * 8]}),
    "place union empty": with_place(shape={"union": []}),
    "place union deep": with_place(shape={"union": [{"union": [CIRCLE]}]}),
    "place geojson point": with_place(shape={"type": "Point", "coordinates": [1, 2]}),
    "place networks empty": with_place(networks=[]),
    "place networks many": with_place(networks=[{"ssid": str(i)} for i in range(65)]),
    "place network empty": with_place(networks=[{"connected": True}]),
    "place ssid empty": with_place(networks=[{"ssid": ""}]),
    "place ssid long": with_place(networks=[{"ssid": "x" * 33}]),
    "place bssid": with_place(networks=[{"bssid": "0a1b2c3d4e5f"}]),
    "place network member": with_place(networks=[{"ssid": "x", "hidden": True}]),
    "place sides": policy(places={"p": {"shape": CIRCLE}}, profiles=[
        {"id": "a", "when": {"place": {"outside": "p", "inside": "p"}}, "settings": {}}]),
    "place no side": with_when({"place": {"for": 5}}),
    "actions alone": policy(profiles=[{"id": "a", "settings": {}, "actions": [{"lock": {}}]}]),
    "actions object": policy(profiles=[{"id": "a", "when": WINDOW, "settings": {}, "actions": {}}]),
    "actions many": with_actions(*({f"siren{i}": 1} for i in range(9))),
    "action empty": with_actions({}),
    "action two": with_actions({"lock": {}, "report": {}}),
    "action name": with_actions({"lo ck": {}}),
    "action member": with_actions({"lock": {"now": True}}),
    "action twice": with_actions({"lock": {}}, {"lock": {}}),
    "action notify": with_actions({"notify": {"title": "t"}}),
    "action notify empty": with_actions({"notify": {"text": ""}}),
    "action notify long": with_actions({"notify": {"text": "x" * 513}}),
    "action title long": with_actions({"notify": {"text": "x", "title": "x" * 65}}),
    "action wipe": with_actions({"wipe": {}}),
    "action wipe device": with_actions({"wipe": {"scope": "device"}}),
    "network links empty": with_when({"network": {"connected": []}}),
    "network links number": with_when({"network": {"connected": [1]}}),
    "network links twice": with_when({"network": {"connected": ["vpn", "vpn"]}}),
    "network links many": with_when({"network": {"connected": [f"wifi:{i}" for i in range(17)]}}),
    "network link": with_when({"network": {"connected": ["wi fi"]}}),
    "network wifi": with_when({"network": {"connected": ["wifi:"]}}),
    "network wifi long": with_when({"network": {"connected": ["wifi:" + "x" * 33]}}),
    "locked empty": with_when({"locked": {}}),
    "locked member": with_when({"locked": {"is": True, "for": 1}}),
    "enrolled empty": with_when({"enrolled": {}}),
    "enrolled negative": with_when({"enrolled": {"for": -1}}),
    "zone name": with_when({"time": {"days": ["mon"], "zone": "Europe/Berlin"}}),
    "zone alone": with_when({"time": {"zone": "UTC0"}}),
    "zone long": with_when({"time": {"days": ["mon"], "zone": "A" * 62 + "-1"}}),
    "network member": with_when({"network": {"online": True, "ssid": "x"}}),
    "deep": with_when({"not": {"not": {"all": [WINDOW, {"not": 1}]}}}),
}

# The schema's $comment names them.
ONLY_PARSER = {
    "same id": policy(profiles=[{"id": "a", "settings": {}}, {"id": "a", "settings": {}}]),
    "jitter": policy(checkin={"interval": 300, "jitter": 151}),
    "metered_interval": policy(checkin={"interval": 301, "metered_interval": 300}),
    "integer with point": with_settings({"screen_lock": {"idle_delay": 60.0}}),
    "text in bytes": policy(comment="\u00fc" * 200),
    "escrow one byte more": escrow(encoded(2049)),
    "escrow trailing bits": escrow("AB=="),
    "apps pattern twice": with_apps(allowed=["a b"]),
    "apps hidden in bytes": with_apps(hidden=["x" * 248 + ".desktop"]),
    "nesting": with_when(nested(9)),
    "place missing": with_when({"place": {"inside": "p"}}),
    "place open": with_place(shape={"polyline": ["??_c`|@??_c`|@~b`|@?"]}),
    "place crossing": with_place(shape={"polyline": ["??_c`|@_c`|@?~b`|@~b`|@_c`|@?~b`|@"]}),
    "place crossing geojson": with_place(
        shape={"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}),
    "place ssid bytes": with_place(networks=[{"ssid": "ü" * 17}]),
    "action again": with_actions({"notify": {"text": "a"}}, {"notify": {"text": "b"}}),
    "zone month": with_when({"time": {"days": ["mon"], "zone": "CET-1CEST,M13.5.0,M10.5.0/3"}}),
    "network wifi bytes": with_when({"network": {"connected": ["wifi:" + "ü" * 17]}}),
    "many conditions": with_when({"all": [{"not": WINDOW}] * 32}),
}

schema = json.loads(subprocess.run([TOOL, "schema"], capture_output=True, check=True).stdout)
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
verdict(schema["$schema"].endswith("2020-12/schema"), "schema names its draft")

for name, document in VALID.items():
    verdict(validator.is_valid(document), f"valid to the schema: {name}")
    verdict(parser_takes(json.dumps(document)), f"valid to the parser: {name}")
for name, document in INVALID.items():
    verdict(not validator.is_valid(document), f"invalid to the schema: {name}")
    verdict(not parser_takes(json.dumps(document)), f"invalid to the parser: {name}")
for name, document in ONLY_PARSER.items():
    verdict(validator.is_valid(document), f"not seen by the schema: {name}")
    verdict(not parser_takes(json.dumps(document)), f"refused by the parser alone: {name}")

examples = sorted(name for name in os.listdir(EXAMPLES) if name.endswith(".json"))
verdict(len(examples) >= 3, "there are examples")
for name in examples:
    with open(os.path.join(EXAMPLES, name), encoding="utf-8") as file:
        document = dict(BASE, **json.load(file))
    text = json.dumps(document)
    errors = list(validator.iter_errors(document))
    for error in errors:
        print(f"  {name}: {error.json_path}: {error.message}")
    verdict(not errors, f"example to the schema: {name}")
    verdict(parser_takes(text), f"example to the parser: {name}")

print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
