#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Geometry of places against GeographicLib (GeodSolve) and GEOS (its C library).

    geo.py BUILD-TREE | PATH-OF-GEO_TOOL [SEED]

Distances against Karney's geodesics, at all latitudes and lengths; circles, discs and distances of
fences likewise. Sides of points against GEOS, for random and for hard polygons, with points on and
one double beside vertices and edges: there is no tolerance. The same on copies shifted across the
antimeridian. Which rings are refused, against what GEOS calls invalid. Each part is skipped where its
peer is missing. What was measured is printed; the last line counts the checks.
"""
import ctypes
import ctypes.util
import math
import os
import random
import shutil
import subprocess
import sys

tool = sys.argv[1] if len(sys.argv) > 1 else ""
if os.path.isdir(tool):
    tool = os.path.join(tool, "tests/interop/geo_tool")
if not os.access(tool, os.X_OK):
    sys.exit("geo.py: %s is no program; run make tools" % tool)

passed = failed = skipped = 0
ACCURACY_MAX = 1e6  # larger discs say nothing
GRID = 2.0 ** -20  # degrees; sums and quarters of coordinates are exact
rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 20261123)


def check(what, condition, detail=""):
    global passed, failed
    if condition:
        passed += 1
    else:
        failed += 1
        if failed <= 20:
            print("FAILED %s %s" % (what, detail))


def skip(reason):
    global skipped
    skipped += 1
    print("  skipped: %s" % reason)


def ask(lines):
    """The answers of geo_tool to all questions."""
    result = subprocess.run([tool], input="\n".join(lines) + "\n", capture_output=True, text=True,
                            check=False, env=dict(os.environ, LC_ALL="C"))
    answers = result.stdout.split("\n")[:-1]
    if result.returncode != 0 or len(answers) != len(lines):
        sys.exit("geo.py: geo_tool ended with %d after %d of %d answers\n%s" % (
            result.returncode, len(answers), len(lines), result.stderr))
    return answers


def number(value):
    return repr(float(value))


def wrap(lon):
    lon = math.remainder(lon, 360)
    return 180.0 if lon == -180 else lon


# --- GeographicLib --------------------------------------------------------------------------------

def geod(arguments, rows):
    text = "\n".join(" ".join("%.15f" % v for v in row) for row in rows) + "\n"
    result = subprocess.run(["GeodSolve", *arguments], input=text, capture_output=True, text=True,
                            check=True)
    return [line.split() for line in result.stdout.split("\n")[:-1]]


def geodesics(pairs):
    """Metres between (lat, lon) and (lat, lon)."""
    return [float(row[2]) for row in geod(["-i", "-p", "6"], pairs)]


def a_latitude():
    return rng.choice((rng.uniform(-90, 90), math.degrees(math.asin(rng.uniform(-1, 1))),
                       rng.choice((-1, 1)) * (90 - 10 ** rng.uniform(-6, 1)), rng.uniform(-0.1, 0.1)))


def pairs_of_length(length, count):
    starts = [(a_latitude(), rng.choice((rng.uniform(-180, 180), rng.uniform(179.9, 180))),
               rng.uniform(-180, 180), length) for _ in range(count)]
    ends = geod(["-p", "9"], starts)
    return [(s[0], s[1], float(e[0]), float(e[1])) for s, e in zip(starts, ends)]


def test_distances():
    bounds = [(10, 1e-6, 4000), (1e3, 1e-6, 4000), (1e4, 1e-6, 4000), (1e5, 1e-6, 20000),
              (1e6, 1e-6, 4000), (2e6, 1e-6, 4000), (5e6, 4e-6, 4000), (1.5e7, 4e-6, 4000),
              (1.95e7, 0.0034, 4000), (1.999e7, 0.0034, 4000), (2.1e7, 0.0034, 4000)]
    for length, bound, count in bounds:
        pairs = pairs_of_length(length, count)
        truth = geodesics(pairs)
        ours = map(float, ask(["distance " + " ".join(map(number, p)) for p in pairs]))
        worst = 0
        for mine, true in zip(ours, truth):
            # GeodSolve writes micrometres.
            worst = max(worst, (abs(mine - true) - 2e-6) / max(true, 1))
        print("  distances of %.3g km: off by %.1e at most" % (length / 1000, max(worst, 0)))
        check("distances of %g m" % length, worst <= bound, worst)


def test_circles():
    lines, expected = [], []
    for _ in range(300):
        radius = 10 ** rng.uniform(1, 6)
        pair = pairs_of_length(radius * rng.choice((rng.uniform(0, 3), 1 + rng.uniform(-1e-4, 1e-4))),
                               1)[0]
        true = geodesics([pair])[0]
        lines.append("fence @%s %s %s" % (number(pair[1]), number(pair[0]), number(radius)))
        expected.append(("ok",))
        for accuracy in (0, 1e-3 * radius, abs(true - radius) * (1 + 2e-6) + 0.01,
                         max(0, abs(true - radius) * (1 - 2e-6) - 0.01), radius):
            lines.append("side %s %s %s" % (number(pair[2]), number(pair[3]), number(accuracy)))
            slack = 1e-6 * true + 0.001
            answers = set()
            for distance in (true - slack, true + slack):
                if accuracy > ACCURACY_MAX:
                    answers.add("uncertain")
                elif distance + accuracy <= radius:
                    answers.add("inside")
                elif distance - accuracy > radius:
                    answers.add("outside")
                else:
                    answers.add("uncertain")
            # It touches the boundary somewhere between the one and the other.
            if len(answers) > 1:
                answers.add("uncertain")
            expected.append(answers)
    for line, answer, one_of in zip(lines, ask(lines), expected):
        check("circle", answer in one_of, "%s: %s" % (line, answer))


def edge_samples(ring, n):
    for (x0, y0), (x1, y1) in zip(ring, ring[1:]):
        east = math.remainder(x1 - x0, 360)
        for k in range(n):
            yield y0 + (y1 - y0) * k / n, wrap(x0 + east * k / n)


def test_fence_distances():
    """Of polygons, against the nearest of many points of their edges."""
    worst_over = worst_under = 0
    for lat, lon, reach in ((52, 13, 0.05), (0, 180, 0.3), (-45, -179.9, 0.01), (70, 20, 0.2),
                            (-84, 179, 0.5), (89.5, 0, 0.3)):
        ring = star(8, lat, lon, reach)
        samples = list(edge_samples(ring, 300))
        lines, sampled = ["fence " + fence_text([ring])], []
        for _ in range(6):
            q = (lat + rng.uniform(-1.3, 1.3) * reach, wrap(lon + rng.uniform(-1.3, 1.3) * reach))
            lines.append("away %s %s" % (number(q[0]), number(q[1])))
            sampled.append(min(geodesics([q + s for s in samples])))
        answers = ask(lines)
        check("fence", answers[0] == "ok", answers[0])
        # Half of the way from one sample to the next.
        step = 2 * reach * 111e3 / 300
        for answer, true in zip(answers[1:], sampled):
            mine = abs(float(answer))
            worst_over = max(worst_over, mine - true)
            worst_under = max(worst_under, true - mine)
            check("distance over", mine <= true * (1 + 1e-6) + 0.001, "%g %g" % (mine, true))
            check("distance under", mine >= math.sqrt(max(0, true * true - step * step / 2)) * 0.999 - 1,
                  "%g %g" % (mine, true))
    for _ in range(30):
        ring = star(8, rng.uniform(-80, 80), rng.uniform(-180, 180), 10 ** rng.uniform(-3, 0.5))
        q = (a_latitude(), rng.uniform(-180, 180))
        if rng.randrange(3) == 0:
            q = (-ring[0][1] + rng.uniform(-0.5, 0.5), wrap(ring[0][0] + 180 + rng.uniform(-0.5, 0.5)))
        answers = ask(["fence " + fence_text([ring]), "away %s %s" % (number(q[0]), number(q[1])),
                       "side %s %s 0" % (number(q[0]), number(q[1]))])
        true = min(geodesics([q + s for s in edge_samples(ring, 100)]))
        part = next(p for m, p in ((1e6, 0.999), (1e7, 0.997), (1.5e7, 0.99), (3e7, 0.93)) if true < m)
        if answers[2] == "outside" and true > 1e6:
            check("far", part * true <= float(answers[1]) <= true * (1 + 1e-6),
                  "%s %g" % (answers[1], true))
    print("  distances of fences: at most %.2g m over and %.2g m under the nearest sample" % (
        worst_over, worst_under))


# --- polygons -------------------------------------------------------------------------------------

def snap(value):
    return round(value / GRID) * GRID


def turned(points, lat, lon, reach, angle):
    c, s = math.cos(angle), math.sin(angle)
    ring = [(snap(lon + reach * (x * c - y * s)), snap(lat + reach * (x * s + y * c)))
            for x, y in points]
    return ring + ring[:1]


def star(n, lat, lon, reach):
    points = []
    for i in range(n):
        r = rng.uniform(0.4, 1)
        points.append((r * math.cos(2 * math.pi * i / n), r * math.sin(2 * math.pi * i / n)))
    ring = turned(points, lat, lon, reach, 0)
    return [(wrap(x), y) for x, y in ring]


def hard_rings(n):
    """Name and points in a square of -1 to 1."""
    yield "needles", [((1 if i % 2 else 0.02) * math.cos(2 * math.pi * i / n),
                       (1 if i % 2 else 0.02) * math.sin(2 * math.pi * i / n)) for i in range(n)]
    teeth = [(0.7 if i % 2 else -0.6 - rng.uniform(0, 0.001), -0.7 + 1.4 * i / n) for i in range(n - 2)]
    yield "comb", teeth + [(-0.7, teeth[-1][1]), (-0.7, -0.7)]
    half, turns = n // 2, math.sqrt(n) / 4
    out = [(0.1 + 0.85 * k / half, 2 * math.pi * turns * k / half) for k in range(half)]
    back = [(r + 0.4 / turns, a) for r, a in reversed(out)]
    yield "spiral", [(0.6 * r * math.cos(a), 0.6 * r * math.sin(a)) for r, a in out + back]
    yield "star", [((q := rng.uniform(0.3, 1)) * math.cos(2 * math.pi * i / n),
                    q * math.sin(2 * math.pi * i / n)) for i in range(n)]
    # Steps: many edges along meridians and parallels, many ends on the same ones.
    steps = [(i // 2 / (n / 4) - 1, (i + 1) // 2 / (n / 4) - 1) for i in range(n // 2)]
    yield "stairs", steps + [(x - 0.1, y + 0.1) for x, y in reversed(steps)]


def fence_text(rings):
    return "/".join(",".join("%s %s" % (number(x), number(y)) for x, y in ring) + "!"
                    for ring in rings)


class Geos:
    def __init__(self):
        name = ctypes.util.find_library("geos_c") or "libgeos_c.so.1"
        lib = ctypes.CDLL(name)
        self.lib = lib
        for function, result, *arguments in (
                ("GEOS_init_r", "p"), ("GEOSGeomFromWKT_r", "p", "p", "s"),
                ("GEOSPrepare_r", "p", "p", "p"), ("GEOSPreparedIntersects_r", "c", "p", "p", "p"),
                ("GEOSGeom_createPointFromXY_r", "p", "p", "d", "d"), ("GEOSisValid_r", "c", "p", "p"),
                ("GEOSGeom_destroy_r", "n", "p", "p"), ("GEOSPreparedGeom_destroy_r", "n", "p", "p"),
                ("GEOSversion", "s")):
            kinds = {"p": ctypes.c_void_p, "s": ctypes.c_char_p, "c": ctypes.c_ubyte,
                     "d": ctypes.c_double, "n": None}
            entry = getattr(lib, function)
            entry.restype = kinds[result]
            entry.argtypes = [kinds[a] for a in arguments]
        self.context = lib.GEOS_init_r()

    def version(self):
        return self.lib.GEOSversion().decode()

    def geometry(self, rings):
        text = "POLYGON(" + ",".join(
            "(" + ",".join("%s %s" % (number(x), number(y)) for x, y in ring) + ")"
            for ring in rings) + ")"
        return self.lib.GEOSGeomFromWKT_r(self.context, text.encode())

    def is_valid(self, rings):
        geometry = self.geometry(rings)
        answer = self.lib.GEOSisValid_r(self.context, geometry)
        self.lib.GEOSGeom_destroy_r(self.context, geometry)
        return answer == 1

    def holds(self, rings, points):
        geometry = self.geometry(rings)
        prepared = self.lib.GEOSPrepare_r(self.context, geometry)
        answers = []
        for x, y in points:
            point = self.lib.GEOSGeom_createPointFromXY_r(self.context, x, y)
            answers.append(self.lib.GEOSPreparedIntersects_r(self.context, prepared, point) == 1)
            self.lib.GEOSGeom_destroy_r(self.context, point)
        self.lib.GEOSPreparedGeom_destroy_r(self.context, prepared)
        self.lib.GEOSGeom_destroy_r(self.context, geometry)
        return answers


def points_for(rings, count):
    """On vertices and edges, one double beside them, and anywhere."""
    west, east = min(x for x, _ in rings[0]), max(x for x, _ in rings[0])
    south, north = min(y for _, y in rings[0]), max(y for _, y in rings[0])
    for _ in range(count):
        kind = rng.randrange(4)
        if kind == 0:
            yield snap(rng.uniform(west, east)), snap(rng.uniform(south, north))
            continue
        ring = rng.choice(rings)
        i = rng.randrange(len(ring) - 1)
        (x0, y0), (x1, y1) = ring[i], ring[i + 1]
        part = rng.randrange(5) / 4
        x, y = x0 + (x1 - x0) * part, y0 + (y1 - y0) * part
        if kind == 2:
            x = math.nextafter(x, rng.choice((-400, 400)))
            y = math.nextafter(y, rng.choice((-400, 400)))
        if kind == 3:
            y = rng.choice(ring)[1]
        yield x, y


def compare_sides(geos, what, rings, count):
    points = list(points_for(rings, count))
    # Copies across the antimeridian hold the same points, if those survive the way there unrounded.
    offset = 180 - round(sum(x for x, _ in rings[0]) / len(rings[0]))
    exact = [(x, y) for x, y in points if (x + offset) - offset == x]
    lines = ["fence " + fence_text(rings)]
    lines += ["side %s %s 0" % (number(y), number(x)) for x, y in points]
    lines.append("fence " + fence_text([[(wrap(x + offset), y) for x, y in ring] for ring in rings]))
    lines += ["side %s %s 0" % (number(y), number(wrap(x + offset))) for x, y in exact]
    answers = ask(lines)
    n = len(points)
    check(what, answers[0] == "ok" and answers[n + 1] == "ok", answers[0] + " " + answers[n + 1])
    if answers[0] != "ok" or answers[n + 1] != "ok":
        return 0
    truth = {p: "inside" if held else "outside" for p, held in zip(points, geos.holds(rings, points))}
    for p, answer in zip(points, answers[1:]):
        check(what, answer == truth[p], "%r is %s" % (p, answer))
    for p, answer in zip(exact, answers[n + 2:]):
        # Points that were one double beside may not be any more behind the antimeridian.
        check(what + " shifted", answer == truth[p], "%r + %d is %s" % (p, offset, answer))
    return n + len(exact)


def test_sides(geos):
    count = 0
    for n in (16, 60, 400, 10000):
        for name, points in hard_rings(n):
            for lat, lon, reach, angle in ((10, 20, 1, 0), (-40, -100, 2, 0.6), (55, 9, 0.7, 2.2)):
                if n == 10000 and angle == 2.2:
                    continue
                ring = turned(points, lat, lon, reach, angle)
                rings = [ring]
                if name == "star":
                    rings.append(turned([(0.2 * x, 0.2 * y) for x, y in points[::4]], lat, lon, reach,
                                        angle))
                count += compare_sides(geos, "%s of %d" % (name, n), rings, 2000)
    print("  GEOS %s: %d points of random and hard polygons, all on the same side" % (
        geos.version(), count) if failed == 0 else "  GEOS %s: differences" % geos.version())


def test_validity(geos):
    lines, expected, n_valid = [], [], 0
    for _ in range(6000):
        side = rng.randrange(3, 13)
        ring = [(float(rng.randrange(side)), float(rng.randrange(side)))
                for _ in range(rng.randrange(3, 10))]
        ring.append(ring[0])
        lines.append("fence " + fence_text([ring]))
        expected.append(len(set(ring)) > 2 and len(ring) > 3 and geos.is_valid([ring]))
        n_valid += expected[-1]
    for line, answer, valid in zip(lines, ask(lines), expected):
        check("valid ring", (answer == "ok") == valid, "%s: %s, GEOS says %s" % (line, answer, valid))
    check("valid rings", 500 < n_valid < 5500, n_valid)
    # With holes nothing is taken that GEOS calls invalid; holes that touch are refused besides.
    lines, expected, n_taken = [], [], 0
    for _ in range(4000):
        hole = [(float(rng.randrange(0, 11)), float(rng.randrange(0, 11))) for _ in range(3)]
        other = [(float(rng.randrange(0, 11)), float(rng.randrange(0, 11))) for _ in range(3)]
        rings = [[(0.0, 0.0), (10.0, 1.0), (9.0, 10.0), (1.0, 9.0), (0.0, 0.0)],
                 hole + hole[:1], other + other[:1]]
        lines.append("fence " + fence_text(rings))
        expected.append(geos.is_valid(rings))
    for line, answer, valid in zip(lines, ask(lines), expected):
        n_taken += answer == "ok"
        check("valid holes", answer != "ok" or valid, line)
    check("valid holes taken", n_taken > 20, n_taken)


def main():
    if shutil.which("GeodSolve"):
        test_distances()
        test_circles()
        test_fence_distances()
    else:
        skip("GeodSolve (geographiclib-tools) is not installed")
    try:
        geos = Geos()
    except (OSError, AttributeError) as error:
        skip("GEOS's C library is not installed: %s" % error)
        geos = None
    if geos:
        test_sides(geos)
        test_validity(geos)
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    sys.exit(failed > 0)


main()
