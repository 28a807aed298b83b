#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mdmctl place import: from maps to policies, with the maps that people and programs make.

Usage: mdmctl_places.py BUILD_DIR [NAME]...   the last line is "N passed, N failed, N skipped"
"""
import json
import math
import os
import stat
import sys

sys.dont_write_bytecode = True
from mdmctl_rig import Admin, check, run_tests, signed, tree

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def square(lon=11.57, lat=48.13, side=0.01):
    return [[lon, lat], [lon + side, lat], [lon + side, lat + side], [lon, lat + side], [lon, lat]]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry, **properties):
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def features(*list_of):
    return {"type": "FeatureCollection", "features": list(list_of)}


def write(a, name, value):
    return a.file(name, value if isinstance(value, str) else json.dumps(value))


def decode(text):
    """An encoded polyline of six digits, as [longitude, latitude]."""
    numbers, value, shift = [], 0, 0
    for c in text:
        c = ord(c) - 63
        value |= (c & 31) << shift
        shift += 5
        if c < 32:
            numbers.append(~(value >> 1) if value & 1 else value >> 1)
            value = shift = 0
    lat = lon = 0
    points = []
    for i in range(0, len(numbers), 2):
        lat += numbers[i]
        lon += numbers[i + 1]
        points.append([lon / 1e6, lat / 1e6])
    return points


def gpx(inner):
    return '<?xml version="1.0"?>\n<gpx version="1.1" creator="walk">%s</gpx>' % inner


def track(points):
    return "<trk><trkseg>%s</trkseg></trk>" % "".join('<trkpt lat="%s" lon="%s"/>' % p for p in points)


@test
def outlines_are_taken_as_they_are(base):
    a = Admin(base, make=False)
    hole = [[11.575, 48.135], [11.576, 48.135], [11.576, 48.136], [11.575, 48.135]]
    path = write(a, "office.geojson", polygon(square(), hole))
    got = a.json("place", "import", path)
    check(list(got["places"]) == ["office"], got)
    rings = [decode(text) for text in got["places"]["office"]["shape"]["polyline"]]
    check(rings == [square(), hole] or all(
        math.dist(p, q) < 1e-6 for r, s in zip(rings, [square(), hole]) for p, q in zip(r, s)), rings)
    # People see the same, and what it was on standard error.
    r = a.run("place", "import", path)
    check(json.loads(r.stdout) == got and "place office: 1 shape, 9 vertices" in r.stderr, r.stderr)
    # From a pipe, named.
    with open(path) as f:
        check(json.loads(a.ok("place", "import", "-", "--name", "x", stdin=f.read()))["places"]["x"] ==
              got["places"]["office"])
    a.fails(1, "place", "import", "-", stdin=json.dumps(polygon(square())), says="give it one with --name")


@test
def features_are_named(base):
    a = Admin(base, make=False)
    path = write(a, "map.geojson", features(
        feature(polygon(square()), name="Head Office"),
        feature({"type": "Point", "coordinates": [10, 50]}, name="gate", radius=80),
        feature({"type": "MultiPolygon", "coordinates": [[square(0)], [square(1)]]}, name="yards")))
    r = a.run("place", "import", path, "--json")
    places = json.loads(r.stdout)["places"]
    check(list(places) == ["Head-Office", "gate", "yards"], places)
    check('"Head Office" is named Head-Office' in r.stderr, r.stderr)
    check(places["gate"]["shape"] == {"circle": {"latitude": 50.0, "longitude": 10.0, "radius": 80}}, places)
    check(len(places["yards"]["shape"]["union"]) == 2, places)
    # --radius goes before; --name joins them.
    check(a.json("place", "import", path, "--radius", "200")["places"]["gate"]["shape"]["circle"]["radius"] == 200)
    one = a.json("place", "import", path, "--name", "all")["places"]
    check(list(one) == ["all"] and len(one["all"]["shape"]["union"]) == 4, one)


@test
def gpx_is_taken_where_it_encloses(base):
    a = Admin(base, make=False)
    corner = [(50, 10), (50, 10.01), (50.01, 10.01)]
    walked = write(a, "walk.gpx", gpx(track(corner + [(50.0001, 10)])))
    r = a.run("place", "import", walked, "--json")
    points = decode(json.loads(r.stdout)["places"]["walk"]["shape"]["polyline"][0])
    check(points[0] == points[-1] and len(points) == 5, points)
    check("the ends of track 0 are 11 m apart; they were joined" in r.stderr, r.stderr)
    a.fails(1, "place", "import", write(a, "open.gpx", gpx(track(corner))), says="track 0: is not closed")
    points = write(a, "points.gpx", gpx('<wpt lat="50" lon="10"><name>door</name></wpt>'))
    a.fails(1, "place", "import", points, says="say with --radius how many metres")
    check(a.json("place", "import", points, "--radius", "75")["places"]["points"]["shape"] ==
          {"circle": {"latitude": 50.0, "longitude": 10.0, "radius": 75}})
    # An entity is not read, nor whatever it would stand for.
    secret = a.file("secret", "do not print")
    a.fails(1, "place", "import", write(
        a, "evil.gpx", '<!DOCTYPE gpx [<!ENTITY x SYSTEM "file://%s">]><gpx>&x;</gpx>' % secret), says="line 1")


@test
def what_is_wrong_is_named(base):
    a = Admin(base, make=False)
    bow = [[10, 50], [10.01, 50.01], [10.01, 50], [10, 50.01], [10, 50]]
    for value, says in (
            (features(feature(polygon(square()), name="ok"), feature(polygon(bow), name="bow")),
             "features[1].geometry.coordinates[0][2]: edge 2 must not touch edge 0"),
            (polygon(square()[:-1]), "coordinates[0]: must "),
            (polygon([[190, 50], [191, 50], [190, 51], [190, 50]]), "coordinates[0][0]: must have a longitude"),
            (polygon([[1550000, 6500000], [1550100, 6500000], [1550000, 6500100], [1550000, 6500000]]),
             "coordinates[0][0]: must have a longitude"),
            ({**polygon(square()), "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}}, "crs: "),
            (feature({"type": "LineString", "coordinates": square()}, name="l"), "geometry.type: must be Point"),
            (feature({"type": "Point", "coordinates": [1, 2]}, name="p"), "there is no radius; say one with --radius"),
            (features(), "features: is empty"),
            (features(feature(polygon(square()), name="a b"), feature(polygon(square()), name="a-b")),
             "features[1]: would be named a-b, as features[0] is"),
            ("{", ""), ("", ""), ("\0", ""), ("{\"type\":\"Feature\",\"type\":\"Feature\"}", "column 20"),
            ("[" * 5000, "")):
        a.fails(1, "place", "import", write(a, "map.geojson", value), says=says)
    path = write(a, "map.geojson", polygon(square()))
    for options, says in ((("--name", ".x"), "is no name of a place"), (("--name", ""), "is no name of a place"),
                          (("--radius", "9"), "is not in metres"), (("--radius", "1000001"), "is not in metres"),
                          (("--radius", "1e3"), "is not in metres"), (("--output", "x"), "--policy"),
                          (("--policy", "-", "-"), "")):
        a.fails(2, "place", "import", path, *options, says=says)
    a.fails(1, "place", "import", "missing.geojson", says="missing.geojson")


@test
def names_steer_no_terminal(base):
    a = Admin(base, make=False)
    r = a.run("place", "import", write(a, "map.geojson", feature(polygon(square()), name="gate \u202ex")))
    check("\u202e" not in r.stderr + r.stdout and "\x1b" not in r.stderr, r.stderr)
    r = a.run("place", "import", write(a, "map.geojson", feature(polygon(square()), name="\x1b[31mred")))
    check("\x1b" not in r.stderr + r.stdout, r.stderr)


@test
def places_go_into_a_policy(base):
    a = Admin(base, make=False)
    office = {"shape": {"circle": {"latitude": 1, "longitude": 2, "radius": 100}}, "leave_dwell": 300,
              "comment": "keep me"}
    policy = {"comment": "first", "places": {"office": office}, "profiles": [
        {"id": "away", "when": {"all": [{"place": {"outside": "office"}}, {"place": {"inside": "yard"}}]},
         "settings": {"screen_lock": {"idle_delay": 60}}}]}
    draft = write(a, "policy.json", policy)
    path = write(a, "map.geojson", features(feature(polygon(square()), name="office"),
                                            feature(polygon(square(1)), name="yard")))
    before = tree(a.home)
    r = a.run("place", "import", path, "--policy", draft, "-o", "new.json")
    check(r.returncode == 0 and "place office: 1 shape, 5 vertices, " in r.stderr and "; takes the place" in r.stderr, r.stderr)
    check("warning" not in r.stderr, r.stderr)
    after = tree(a.home)
    check(stat.S_IMODE(os.stat(os.path.join(a.home, "new.json")).st_mode) == 0o644)
    after.pop("new.json")
    check(after == before, "more than new.json changed")
    with open(os.path.join(a.home, "new.json")) as f:
        new = json.load(f)
    check(new["places"]["office"]["leave_dwell"] == 300 and "polyline" in new["places"]["office"]["shape"], new)
    check(new["profiles"] == policy["profiles"] and new["comment"] == "first" and list(new) == list(policy), new)
    check("ok, 1 profile" in a.ok("policy", "check", "new.json"))
    # The file itself where no other is named; twice is as good as once.
    a.ok("place", "import", path, "--policy", draft)
    a.ok("place", "import", path, "--policy", draft)
    with open(draft) as f:
        check(json.load(f) == new)
    # To standard output, from standard input.
    check(json.loads(a.ok("place", "import", path, "--policy", "-", "-o", "-", stdin=json.dumps(policy))) == new)


@test
def one_file_after_the_other(base):
    """A policy that is finished but for its places takes them one by one; until then nobody signs it."""
    a = Admin(base)
    draft = write(a, "policy.json", {"profiles": [
        {"id": "away", "when": {"all": [{"place": {"outside": "office"}}, {"not": {"place": {"inside": "yard"}}}]},
         "settings": {"screen_lock": {"idle_delay": 60}}}]})
    office = write(a, "office.geojson", polygon(square()))
    r = a.run("place", "import", office, "--policy", draft)
    check(r.returncode == 0 and "names the place yard, which is not there yet" in r.stderr, r.stderr)
    check("place office" in r.stderr and "the place office, which" not in r.stderr, r.stderr)
    with open(draft) as f:
        check(list(json.load(f)["places"]) == ["office"])
    a.fails(1, "policy", "check", draft, says="yard")
    a.fails(1, "policy", "sign", draft, "--stream", "staff", "--offline", "-o", "s.jose", says="yard")
    # What else is wrong stays wrong, and no name gets to a terminal that is none.
    for wrong in ({"when": {"place": {"inside": "\x1b[31m"}}}, {"settings": {"screen_lock": {"idle_delay": -1}}}):
        with open(draft) as f:
            policy = json.load(f)
        policy["profiles"][0].update(wrong)
        says = a.fails(1, "place", "import", office, "--policy", write(a, "wrong.json", policy), says="wrong.json: ")
        check("\x1b" not in says, says)
    r = a.run("place", "import", write(a, "yard.geojson", polygon(square(1))), "--policy", draft)
    check(r.returncode == 0 and "warning" not in r.stderr, r.stderr)
    check("ok, 1 profile" in a.ok("policy", "check", draft))


@test
def where_it_is_and_how_large_is_told(base):
    """Latitude and longitude are swapped easily, and some outlines are too small for positions."""
    a = Admin(base, make=False)
    for value, says, small in (
            (polygon([[13.4, 52.5], [13.41, 52.5], [13.41, 52.504], [13.4, 52.5]]),
             "677 m across, round latitude 52.5020, longitude 13.4050", False),
            (polygon([[52.5, 13.4], [52.5, 13.41], [52.504, 13.41], [52.5, 13.4]]),
             "1.1 km across, round latitude 13.4050, longitude 52.5020", False),
            (polygon([[179, -1], [-179, -1], [-179, 1], [179, -1]]), "222 km across, round latitude 0.0000, longitude", False),
            (polygon([[10, 50], [10.0001, 50], [10.0001, 50.0001], [10, 50]]), "11 m across", True)):
        r = a.run("place", "import", write(a, "map.geojson", value))
        check(r.returncode == 0 and says in r.stderr, r.stderr)
        check(("warning: place map is small" in r.stderr) == small, r.stderr)
    r = a.run("place", "import", write(a, "map.geojson", {"type": "Point", "coordinates": [10, 50]}), "--radius", "75")
    check("150 m across, round latitude 50.0000, longitude 10.0000" in r.stderr, r.stderr)


@test
def a_branch_that_is_cut_is_told(base):
    a = Admin(base)
    off, away = {"wifi": "off"}, {"place": {"outside": "office"}}
    networks = {"office": {"networks": [{"ssid": "Office", "connected": True}]}}
    circle = {"office": {"shape": {"circle": {"latitude": 48.1, "longitude": 11.5, "radius": 200}}}}

    def warnings(profiles, places=None):
        policy = {"profiles": [dict(p, id="p%d" % i) for i, p in enumerate(profiles)]}
        if places:
            policy["places"] = places
        out = a.ok("policy", "check", write(a, "cut.json", policy))
        return [line for line in out.splitlines() if line.startswith("warning: ")]

    def gates(when=None, **restrictions):
        return {"settings": {"restrictions": restrictions}, **({"when": when} if when else {})}

    check(warnings([gates(wifi="off")]) == [] and warnings([gates(mobile_data="off", wifi="on")]) == [])
    w = warnings([gates(wifi="off", mobile_data="off")])
    check(len(w) == 1 and "off for good (profiles p0, p0)" in w[0], w)
    w = warnings([gates(mobile_data="off"), gates(**off)])
    check(len(w) == 1 and "off for good (profiles p1, p0)" in w[0], w)
    w = warnings([gates(mobile_data="off"), gates(away, **off)], circle)
    check(len(w) == 1 and "while profiles p1 and p0 apply" in w[0], w)
    w = warnings([gates(away, **off)], networks)
    check(len(w) == 1 and "profile p0: wifi is off by the place office" in w[0], w)
    check(warnings([gates(away, camera="off")], networks) == [])


@test
def a_policy_that_phones_refuse_is_not_written(base):
    a = Admin(base)
    path = write(a, "map.geojson", polygon(square()))
    a.fails(1, "place", "import", path, "--policy", write(a, "p.json", {"profiles": [{"id": "-"}]}), says="p.json: ")
    a.fails(1, "place", "import", path, "--policy", write(a, "p.json", {"places": [], "profiles": []}),
            says="places: must be an object")
    a.fails(1, "place", "import", path, "--policy", signed(a), says="is signed")
    # A place that no condition names costs nothing, and is told.
    r = a.run("place", "import", path, "--policy", a.policy())
    check(r.returncode == 0 and "warning: place map: no condition names it" in r.stderr, r.stderr)
    # 20,000 vertices are beyond a fence, two of 12,000 beyond a policy.
    def circle(n, lon):
        points = [[lon + 3 * math.cos(2 * math.pi * i / n), 50 + 3 * math.sin(2 * math.pi * i / n)] for i in range(n)]
        return polygon(points + points[:1])

    a.fails(1, "place", "import", write(a, "map.geojson", circle(20000, 10)), says="vertices in all")
    a.fails(1, "place", "import", write(a, "map.geojson", circle(200000, 10)), says="Simplify its outlines: a place has at most")
    two = features(feature(circle(12000, 10), name="a"), feature(circle(12000, 20), name="b"))
    a.fails(1, "place", "import", write(a, "map.geojson", two), "--policy", a.policy(), says=" bytes")


if __name__ == "__main__":
    sys.exit(run_tests(TESTS))
