# SPDX-License-Identifier: Apache-2.0
"""The commands of the stand-in apk."""

import base64
import hashlib
import os
import sys
import time

from formats import Dependency, Package, Trouble


def say(text):
    print(text, flush=True)


def complain(text):
    print(text, file=sys.stderr, flush=True)


def with_dependency(world, dependency):
    return [d for d in world if d.name != dependency.name] + [dependency]


def read_words(words, kind):
    found = []
    for word in words:
        if "." in word and os.path.exists(word):
            complain("ERROR: %s: the stand-in installs no files" % word)
            raise Trouble("")
        try:
            found.append(Dependency(word))
        except ValueError as error:
            complain("ERROR: '%s' is not a valid %s dependency, format is name([<>~=]version)" % (word, kind))
            raise Trouble("") from error
    return found


def do_add(system, words):
    virtual = system.options.get("virtual")
    added = read_words(words, "package" if virtual else "world")
    world, extra = system.world, []
    if virtual:
        name, _, version = virtual.partition("=")
        version = version or time.strftime("%Y%m%d.%H%M%S", time.gmtime())
        if not words:
            complain("WARNING: creating empty virtual package")
        identity = "Q1" + base64.b64encode(hashlib.sha1(
            b"%d %s %s" % (os.getpid(), name.encode(), version.encode())).digest()).decode()
        package = Package({"C": identity, "P": name, "V": version, "A": "noarch", "S": "0", "I": "0",
                           "T": "virtual meta package", "U": "", "L": "", "D": " ".join(sorted(words))})
        if any(p.name == name and p.version == version for p in system.installed):
            package = next(p for p in system.installed if p.name == name)
        extra.append(package)
        world = with_dependency(world, Dependency("%s=%s" % (name, version)))
    else:
        for dependency in added:
            world = with_dependency(world, dependency)
    names = {d.name for d in added}
    chosen = system.solve(world, lambda n: system.options.get("upgrade") and n in names, extra)
    return system.errors if chosen is None else system.commit(chosen, world)


def do_del(system, words):
    known = {n for p in system.available + system.installed for n in p.names} | {d.name for d in system.world}
    unknown = [w for w in words if w not in known]
    for word in unknown:
        complain("ERROR: No such package: " + word)
    if unknown:
        return len(unknown)
    world = [d for d in system.world if d.name not in words]
    chosen = system.solve(world, lambda n: False)
    if chosen is None:
        return system.errors
    kept = [w for w in words if w in chosen]
    if kept:
        say("World updated, but the following packages are not removed due to:")
        for word in kept:
            say("  %s: %s" % (word, " ".join(p.name for p in chosen.values() for d in p.depends
                                             if d.fits(chosen[word]) and not d.conflict)))
        say("")
    return system.commit(chosen, world)


def do_upgrade(system, words):
    if (system.unavailable or system.stale) and not system.options.get("force-missing-repositories"):
        complain("ERROR: Not continuing due to stale/unavailable repositories. "
                 "Use --force-missing-repositories to continue.")
        raise Trouble("")
    known = {n for p in system.available + system.installed for n in p.names}
    unknown = [w for w in words if w not in known]
    for word in unknown:
        complain("ERROR: Package '%s' not found" % word)
    if unknown:
        return len(unknown)
    chosen = system.solve(system.world, lambda n: not words or n in words)
    return system.errors if chosen is None else system.commit(chosen, system.world)


def do_fix(system, _words):
    chosen = system.solve(system.world, lambda n: False)
    return system.errors if chosen is None else system.commit(chosen, system.world)


def do_update(system, _words):
    said = "%d unavailable, %d stale;" % (system.unavailable, system.stale) \
        if system.unavailable or system.stale else "OK:"
    say("%s %d distinct packages available" % (said, len({(p.name, p.version) for p in system.available})))
    return system.unavailable + system.stale


def do_list(system, words):
    there = {(p.name, p.version) for p in system.installed}
    packages = system.installed if system.options.get("installed") else system.available
    for package in sorted(packages, key=lambda p: p.name):
        if not words or package.name in words:
            say("%s %s {%s} (%s)%s" % (package, package.fields.get("A"), package.fields.get("o", package.name),
                                       package.fields.get("L", ""),
                                       " [installed]" if (package.name, package.version) in there else ""))
    return 0


def do_info(system, words):
    names = sorted(p.name for p in system.installed)
    for name in names if not words else [w for w in words if w in names]:
        say(name)
    return 0 if not words or all(w in names for w in words) else 1


def do_search(system, words):
    """By parts of names, or with --exact by whole names; those that are provided count."""
    exact, quiet = system.options.get("exact"), system.options.get("quiet")
    for package in sorted(system.available, key=lambda p: p.name):
        if not words or any(w == n if exact else w in n for w in words for n in package.names):
            say(package.name if quiet else str(package))
    return 0


# Command: (what does it, changes something, fetches indexes)
COMMANDS = {"add": (do_add, True, True), "del": (do_del, True, False), "upgrade": (do_upgrade, True, True),
            "fix": (do_fix, True, True), "update": (do_update, True, True), "list": (do_list, False, False),
            "info": (do_info, False, False), "search": (do_search, False, False)}
