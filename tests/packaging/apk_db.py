#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Part of apk.py: packages as abuild.sh leaves them, and the database of what is installed, in apk's text
format (lib/apk/db/installed, scripts.tar, etc/apk/world)."""

import base64
import hashlib
import io
import os
import re
import tarfile

SCRIPTS = ("pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-deinstall", "post-deinstall")
DIR_ACL, FILE_ACL = (0, 0, 0o755), (0, 0, 0o644)
DATABASE = "lib/apk/db"


class Refused(Exception):
    """Said to the user; nothing was changed."""


def digest(data):
    return "Q1" + base64.b64encode(hashlib.sha1(data).digest()).decode()


def digest_of(path):
    """Of a file's content or of where a symbolic link leads; None if nothing is there."""
    try:
        if os.path.islink(path):
            return digest(os.readlink(path).encode())
        with open(path, "rb") as f:
            return digest(f.read())
    except (FileNotFoundError, NotADirectoryError):
        return None


def version_key(version):
    """Enough for a.b.c-rN: numbers by value, "_rc" and the like before nothing."""
    head, _, release = version.partition("-r")
    early = re.search(r"_(alpha|beta|pre|rc)(\d*)", head)
    numbers = [int(n) for n in re.findall(r"\d+", head.split("_")[0])]
    stage = ("alpha", "beta", "pre", "rc").index(early.group(1)) - 4 if early else 0
    return numbers, stage, int(early.group(2) or 0) if early else 0, int(release or 0)


def parse_dependency(text):
    """("!" or "", name, operator, version)"""
    name, operator, version = re.match(r"!?([^<>=~]+)([<>=~]*)(.*)$", text).groups()
    return ("!" if text.startswith("!") else "", name, operator, version)


def satisfies(version, operator, wanted):
    if not operator:
        return True
    if operator == "~":
        return version == wanted or version.startswith(wanted + ".") or version.startswith(wanted + "-")
    have, want = version_key(version or "0"), version_key(wanted)
    return (have == want and "=" in operator) or (have > want and ">" in operator) or (have < want and "<" in operator)


class Package:
    def __init__(self, name, version):
        self.name, self.version = name, version
        self.fields = {}  # one letter -> text, as in the database
        self.depends, self.provides, self.install_if = [], [], []
        self.dirs = {}  # directory -> (uid, gid, mode); ids are names until it is installed
        self.files = {}  # path -> ((uid, gid, mode), digest)
        self.scripts = {}  # kind -> bytes
        self.broken = ""
        self.source = None  # directory to take the files from

    def names(self):
        yield self.name, self.version
        for text in self.provides:
            _, name, _, version = parse_dependency(text)
            yield name, version

    def answers(self, dependency):
        _, name, operator, wanted = parse_dependency(dependency)
        return any(n == name and (v or not operator) and satisfies(v, operator, wanted) for n, v in self.names())


def package_from(out, name):
    """What abuild.sh made of NAME below OUT."""
    package, letters = None, {"pkgdesc": "T", "url": "U", "license": "L", "origin": "o", "maintainer": "m",
                              "builddate": "t", "arch": "A", "size": "I"}
    info = open(os.path.join(out, "info", name)).read()
    package = Package(name, re.search(r"^pkgver = (.*)$", info, re.M).group(1))
    for line in info.splitlines():
        key, value = line.split(" = ", 1)
        if key in letters:
            package.fields[letters[key]] = value
        elif key == "depend":
            package.depends.append(value)
        elif key == "provides":
            package.provides.append(value)
        elif key == "install_if":
            package.install_if = value.split()
        elif key == "script" and value.lstrip(".") not in SCRIPTS:
            raise Refused("%s: this stand-in knows no %s" % (name, value))
        elif key == "script":
            package.scripts[value.lstrip(".")] = open(os.path.join(out, "scripts", name, value), "rb").read()
    package.source = os.path.join(out, "pkg", name)
    manifest = open(os.path.join(out, "files", name)).read()
    everything = info + manifest
    for line in manifest.splitlines():
        kind, mode, owner, path = line.split(" ", 3)
        path = path.split(" -> ")[0]
        acl = (*owner.split(":"), int(mode, 8))
        if kind == "d":
            package.dirs[path] = acl
        else:
            package.files[path] = (acl, digest_of(os.path.join(package.source, path)))
            everything += package.files[path][1]
    # apk's is over the archive's control part; this is over the same facts.
    package.fields["C"] = digest(everything.encode())
    package.fields["S"] = str(len(everything))
    return package


class Database:
    def __init__(self, root):
        self.root = root
        self.packages, self.world = {}, []
        os.makedirs(self.path(DATABASE), exist_ok=True)
        os.makedirs(self.path("etc/apk"), exist_ok=True)
        if os.path.exists(self.path("etc/apk/world")):
            self.world = open(self.path("etc/apk/world")).read().split()
        self.read_installed()
        self.read_scripts()

    def path(self, name):
        return os.path.join(self.root, name)

    def read_installed(self):
        if not os.path.exists(self.path(DATABASE + "/installed")):
            return
        for stanza in open(self.path(DATABASE + "/installed")).read().split("\n\n"):
            lines = [line.split(":", 1) for line in stanza.splitlines()]
            if not lines:
                continue
            first = dict(reversed(lines))
            package = Package(first["P"], first["V"])
            directory = last = None
            for letter, value in lines:
                if letter == "F":
                    directory = value
                    package.dirs[directory] = DIR_ACL
                elif letter == "M":
                    package.dirs[directory] = parse_acl(value)
                elif letter == "R":
                    last = os.path.join(directory, value)
                    package.files[last] = (FILE_ACL, None)
                elif letter == "a":
                    package.files[last] = (parse_acl(value), None)
                elif letter == "Z":
                    package.files[last] = (package.files[last][0], value)
                elif letter in "Dpi":
                    {"D": package.depends, "p": package.provides, "i": package.install_if}[letter].extend(value.split())
                elif letter == "f":
                    package.broken = value
                elif letter not in "PV":
                    package.fields[letter] = value
            self.packages[package.name] = package

    def read_scripts(self):
        if not os.path.exists(self.path(DATABASE + "/scripts.tar")):
            return
        with tarfile.open(self.path(DATABASE + "/scripts.tar")) as tar:
            for member in tar:
                stem, _, kind = member.name.rpartition(".")
                for package in self.packages.values():
                    if stem == "%s-%s.%s" % (package.name, package.version, package.fields["C"].replace("/", "_")):
                        package.scripts[kind] = tar.extractfile(member).read()

    def write(self):
        replace(self.path("etc/apk/world"), "".join(w + "\n" for w in sorted(self.world)).encode())
        replace(self.path(DATABASE + "/installed"),
                "".join(stanza(self.packages[name]) for name in sorted(self.packages)).encode())
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            for package in self.packages.values():
                for kind, content in package.scripts.items():
                    member = tarfile.TarInfo("%s-%s.%s.%s" % (package.name, package.version,
                                                              package.fields["C"].replace("/", "_"), kind))
                    member.size, member.mode = len(content), 0o755
                    tar.addfile(member, io.BytesIO(content))
        replace(self.path(DATABASE + "/scripts.tar"), data.getvalue())

    def directory_acl(self, path):
        """What the database says of a directory, or None; and how many packages have it."""
        owners = [p.dirs[path] for p in self.packages.values() if path in p.dirs]
        return (owners[0] if owners else None), len(owners)


def parse_acl(value):
    uid, gid, mode = value.split(":")[:3]
    return int(uid), int(gid), int(mode, 8)


def replace(path, data):
    with open(path + ".new", "wb") as f:
        f.write(data)
    os.rename(path + ".new", path)


def stanza(package):
    lines = ["C:" + package.fields.get("C", ""), "P:" + package.name, "V:" + package.version]
    lines += ["%s:%s" % (letter, package.fields[letter]) for letter in "ASITULomtc" if letter in package.fields]
    for letter, values in (("D", package.depends), ("p", package.provides), ("i", package.install_if)):
        if values:
            lines.append(letter + ":" + " ".join(values))
    if package.broken:
        lines.append("f:" + package.broken)
    for directory in sorted(package.dirs):
        lines.append("F:" + directory)
        if package.dirs[directory] != DIR_ACL:
            lines.append("M:%d:%d:%o" % package.dirs[directory])
        for path in sorted(p for p in package.files if os.path.dirname(p) == directory):
            acl, checksum = package.files[path]
            lines.append("R:" + os.path.basename(path))
            if acl != FILE_ACL:
                lines.append("a:%d:%d:%o" % acl)
            lines.append("Z:" + checksum)
    return "\n".join(lines) + "\n\n"
