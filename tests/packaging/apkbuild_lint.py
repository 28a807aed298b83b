#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of aports' coding style that apkbuild-lint (atools) finds, by its names, for a machine that has neither:
apkbuild_lint.py APKBUILD. Prints FILE:LINE: [rule] what; status 1 if there was anything. Not all of atools: those
about Perl, Python and version control sources are left out. Rules in capitals are of aports' CODINGSTYLE.md."""

import re
import sys

KNOWN_VARIABLES = set("""
maintainer pkgname pkgver pkgrel pkgdesc url arch license depends depends_dev depends_doc depends_libs depends_openrc
depends_systemd depends_static makedepends makedepends_build makedepends_host checkdepends install install_if subpackages
source options builddir srcdir pkgdir subpkgdir provides provider_priority replaces replaces_priority pkgusers pkggroups
triggers giturl ldpath sonameprefix sha512sums langdir patch_args subpkgname pcprefix
""".split())
OPTIONS = set("""
!archcheck bigdocs !check charset.alias checkroot chmod-clean !dbg !fhs keepdirs ldpath-recursive lib64 libtool net
!spdx !strip suid setcap textrels toolchain !tracedeps !usrmerge
""".split())
PHASES = ["sanitycheck", "validate", "snapshot", "fetch", "unpack", "prepare", "build", "check", "package"]
COMPILER_FLAGS = "CFLAGS CXXFLAGS CPPFLAGS LDFLAGS GOFLAGS".split()
LICENCES = set("Apache-2.0 MIT BSD-2-Clause BSD-3-Clause ISC GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later".split())


def by_line(lines):
    """Rules that one line breaks."""
    patterns = [
        ("unnecessary-return", r"\|\| return 1\b", "|| return 1 is not needed, set -e is on"),
        ("pkgname-quoted", r"^pkgname=[\"'][^$]*$", "pkgname must not be quoted"),
        ("pkgver-quoted", r"^pkgver=[\"'][^$]*$", "pkgver must not be quoted"),
        ("empty-variable", r"^\w+=(\"\"|'')?$", "a variable that is empty"),
        ("indent-tabs", r"^ +\S", "indent with tabs"),
        ("trailing-whitespace", r"[ \t]$", "white space at the end"),
        ("backticks-usage", r"(?<!\\)`", "use $() instead of backticks"),
        ("function-keyword", r"^\t*function\s", "do not use the keyword function"),
        ("space-before-function-parenthesis", r"^\t*[\w-]+ +\(\)", "no space before the parenthesis of a function"),
        ("space-after-function-parenthesis", r"^\t*[\w-]+\(\)(| {2,}|\t+)\{", "one space after the parenthesis of a function"),
        ("newline-opening-brace", r"^\t*[\w-]+\(\)$", "the brace belongs into the line of the function"),
        ("pkgname-has-uppercase", r"^pkgname=\S*[A-Z]", "pkgname must not have capitals"),
        ("pkgver-has-pkgrel", r"^pkgver=\S*[-_]r\d", "pkgver must not have -r or _r"),
        ("builddir-is-set", r"^_builddir=", "_builddir is builddir"),
        ("literal-integer-is-quoted", r"^\w+=[\"']\d+[\"']$", "a number is not quoted"),
        ("double-underscore-in-variable", r"^__\w*=|^\w+__\w*=", "no double underscore in a variable"),
        ("variable-capitalized", r"^(?!(%s)=)_?[A-Z]\w*=" % "|".join(COMPILER_FLAGS), "variables are not in capitals"),
        ("braced-variable", r"\$\{[A-Za-z_]\w*\}(?![A-Za-z0-9_])", "braces that are not needed"),
        ("overwrite-xflags", r"^\t*(export )?(%s)=(?![\"']?\$)" % "|".join(COMPILER_FLAGS), "flags of the distribution are overwritten"),
        ("MAINTAINER", r"^# *(Maintainer|Contributor):", "maintainer= instead of a comment"),
        ("CHECK-REASON", r"^options=.*!check\S*\"?$", "!check needs the reason behind it as a comment"),
        ("ARCH-REASON", r"^arch=\"[^\"]*![^\"]*\"$", "an architecture left out needs the reason as a comment"),
    ]
    for number, line in enumerate(lines, 1):
        for rule, pattern, text in patterns:
            if re.search(pattern, line):
                yield number, rule, text


def by_variable(lines, text):
    values = {}
    for match in re.finditer(r"^(\w+)=(\"[^\"]*\"|'[^']*'|\S*)", text, re.M):
        values[match.group(1)] = match.group(2).strip("\"'")
        number = text.count("\n", 0, match.start()) + 1
        name = match.group(1)
        if name not in KNOWN_VARIABLES and not name.startswith("_") and name not in COMPILER_FLAGS:
            yield number, "custom-variable", "an own variable starts with _: " + name
        if name == "builddir" and match.group(2).strip("\"'") in ("$srcdir/$pkgname-$pkgver", "$srcdir/$pkgname-$pkgver/"):
            yield number, "default-builddir", "builddir is what it is without saying"
        if name == "options":
            for option in match.group(2).strip("\"'").split():
                if option.split("::")[-1] not in OPTIONS:
                    yield number, "invalid-option", "there is no option " + option
        if name == "source" and re.search(r"https?://\S*\$pkgname", match.group(2)):
            yield number, "pkgname-used-in-source", "a source's address names the project, not $pkgname"
        if name == "license":
            for licence in re.split(r" AND | OR | WITH |[()]", match.group(2).strip("\"'")):
                if licence.strip() and licence.strip() not in LICENCES:
                    yield number, "SPDX", "not known here as a licence of SPDX: " + licence.strip()
    for name in ("maintainer", "pkgname", "pkgver", "pkgrel", "pkgdesc", "url", "arch", "license"):
        if name not in values:
            yield 1, "MISSING", "there is no %s=" % name
    last = [line for line in lines if re.match(r"^\w+=|^[\w-]+\(\)", line)][-1:]
    if "sha512sums" in values and last and not last[0].startswith("sha512sums="):
        yield len(lines), "CHECKSUMS-LAST", "sha512sums come last"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield len(lines), "LAST-LINE", "the file ends with one line break"


def by_function(text):
    functions = []
    for match in re.finditer(r"^([\w-]+)\(\) \{\n(.*?)^\}", text, re.M | re.S):
        functions.append((match.group(1), match.group(2), text.count("\n", 0, match.start()) + 1))
    names = [name for name, _, _ in functions]
    subpackages = re.search(r"^subpackages=(\"[^\"]*\"|\S*)", text, re.M)
    splits = set()
    for word in (subpackages.group(1).strip('"').split() if subpackages else ()):
        parts = word.split(":")
        splits.add(parts[1] if len(parts) > 1 and parts[1] else parts[0].rpartition("-")[2])
    splits |= {"bashcomp", "zshcomp", "fishcomp"}
    order = [PHASES.index(name) for name in names if name in PHASES]
    if order != sorted(order):
        yield 1, "FUNCTION-ORDER", "functions come in the order in which abuild calls them"
    phases = [i for i, name in enumerate(names) if name in PHASES]
    for i, (name, body, number) in enumerate(functions):
        if name not in PHASES and name not in splits and not name.startswith("_"):
            yield number, "HELPER-NAME", "an own function starts with _: " + name
        if name in splits and phases and i < phases[-1]:
            yield number, "FUNCTION-ORDER", "split functions come after package()"
        if name == "prepare" and "default_prepare" not in body:
            yield number, "missing-default-prepare", "prepare() calls default_prepare"
        changes = re.findall(r"^\t+cd (.*)$", body, re.M)
        if name in ("prepare", "build", "check", "package") and changes[:1] == ['"$builddir"']:
            yield number, "superfluous-cd-builddir", "%s() starts in builddir" % name
    if "check" not in names and not re.search(r"^options=.*!check", text, re.M):
        yield 1, "NO-CHECK", "there is neither check() nor the option !check"


def findings(text):
    lines = text.split("\n")[:-1]
    return sorted(set([*by_line(lines), *by_variable(lines, text), *by_function(text)]))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = findings(open(sys.argv[1]).read())
    for number, rule, text in found:
        print("%s:%d: [%s] %s" % (sys.argv[1], number, rule, text))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
