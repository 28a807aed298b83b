#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rules for an APKBUILD: the package's own breaks none, and each one broken is found, by the style checker and by the
stand-in for abuild. Usage: rules.py OUT (what abuild.sh made of the package)."""

import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import apkbuild_lint  # noqa: E402
from packaging_rig import APORT, FIXTURES, abuild, facts, files_below, fixture_aport, main, read  # noqa: E402

GOOD = os.path.join(FIXTURES, "aport/APKBUILD")

# rule, what stands in the fixture, what is put in its place
STYLE = [
    ("unnecessary-return", "\tmake\n}", "\tmake || return 1\n}"),
    ("pkgname-quoted", "pkgname=hello-fixture", 'pkgname="hello-fixture"'),
    ("pkgver-quoted", "pkgver=1.2", "pkgver='1.2'"),
    ("empty-variable", "pkgusers=", 'depends=""\npkgusers='),
    ("indent-tabs", "\tmake\n}", "    make\n}"),
    ("trailing-whitespace", "\tmake\n}", "\tmake \n}"),
    ("backticks-usage", "\tmake\n}", "\techo `make`\n}"),
    ("function-keyword", "tool() {", "function tool() {"),
    ("space-before-function-parenthesis", "tool() {", "tool () {"),
    ("space-after-function-parenthesis", "tool() {", "tool(){"),
    ("newline-opening-brace", "tool() {", "tool()\n{"),
    ("pkgname-has-uppercase", "pkgname=hello-fixture", "pkgname=Hello-fixture"),
    ("pkgver-has-pkgrel", "pkgver=1.2", "pkgver=1.2-r3"),
    ("builddir-is-set", "pkgusers=", "_builddir=x\npkgusers="),
    ("default-builddir", "\nbuild() {", 'builddir="$srcdir/$pkgname-$pkgver"\n\nbuild() {'),
    ("literal-integer-is-quoted", "pkgrel=0", 'pkgrel="0"'),
    ("double-underscore-in-variable", "pkgusers=", "_a__b=x\npkgusers="),
    ("variable-capitalized", "pkgusers=", "_Name=x\npkgusers="),
    ("braced-variable", "\tmake\n}", "\tmake ${pkgname}\n}"),
    ("overwrite-xflags", "\tmake\n}", '\texport CFLAGS="-O3"\n\tmake\n}'),
    ("custom-variable", "pkgusers=", "flavour=x\npkgusers="),
    ("invalid-option", "pkgusers=", 'options="fast"\npkgusers='),
    ("pkgname-used-in-source", 'source="hello', 'source="https://example.org/$pkgname/hello'),
    ("SPDX", '"Apache-2.0"', '"Apache 2"'),
    ("MAINTAINER", "pkgname=", "# Maintainer: Nobody <nobody@example.org>\npkgname="),
    ("CHECK-REASON", "pkgusers=", 'options="!check"\npkgusers='),
    ("ARCH-REASON", 'arch="all"', 'arch="all !x86"'),
    ("MISSING", 'url="https://example.org/"\n', ""),
    ("CHECKSUMS-LAST", '1.2.tar.gz\n"\n', '1.2.tar.gz\n"\n_later=1\n'),
    ("LAST-LINE", '1.2.tar.gz\n"\n', '1.2.tar.gz\n"\n\n'),
    ("HELPER-NAME", "tool() {", "helper() {\n\t:\n}\n\ntool() {"),
    ("FUNCTION-ORDER", "build() {\n\tmake\n}\n\ncheck() {", "check() {\n\t:\n}\n\nbuild() {\n\tmake\n}\n\ntool() {"),
    ("missing-default-prepare", "build() {", "prepare() {\n\tmake x\n}\n\nbuild() {"),
    ("superfluous-cd-builddir", "\tmake\n}", '\tcd "$builddir"\n\tmake\n}'),
    ("NO-CHECK", "check() {\n\t./hello | grep -q hello\n}\n", ""),
]

A = "APKBUILD"
# what abuild says, changes of the aport, changes of its source
REFUSED = [
    ("missing url", [(A, 'url="https://example.org/"\n', "")], []),
    ("is not a valid version", [(A, "pkgver=1.2", "pkgver=1.2-beta")], []),
    ("is not a valid pkgrel", [(A, "pkgrel=0", "pkgrel=x")], []),
    ("pkgdesc is too long", [(A, "breaks no rule", "breaks no rule" * 12)], []),
    ("missing package()", [(A, "package() {", "_package() {")], []),
    ("duplicate package", [(A, "\t$pkgname-doc\n", "\t$pkgname-doc\n\t$pkgname-doc\n")], []),
    ("missing split function", [(A, "\t$pkgname-doc\n", "\t$pkgname-nosuch\n")], []),
    ("is not a valid package name", [(A, "\t$pkgname-doc\n", "\t_doc:doc\n")], []),
    ("unknown architecture", [(A, ":noarch", ":riscv")], []),
    ("unknown suffix", [(A, "$pkgname.post-install", "$pkgname.post-begin")], []),
    ("there is no such package", [(A, "$pkgname.post-install", "other.post-install")], []),
    ("is missing", [(A, "$pkgname.post-install", "$pkgname.post-upgrade")], []),
    ("invalid version", [(A, "pkgusers=", 'depends="a>=x"\npkgusers=')], []),
    ("missing in checksums", [(A, "  hello-fixture-1.2.tar.gz", "  other.tar.gz")], []),
    ("sha512 is", [(A, 'sha512sums="\n', 'sha512sums="\n0')], []),
    ("it is depends", [(A, "pkgusers=", 'depend="a"\npkgusers=')], []),
    ("not a valid RFC 822", [(A, "<nobody@example.org>", "nobody at example.org")], []),
    ("provides must not contain", [(A, "pkgusers=", 'provides="hello-fixture=1"\npkgusers=')], []),
    ("the comment secfixes", [(A, "build() {", "# secfixes:\n#\t1.2-r0:\nbuild() {")], []),
    ("build failed", [(A, "\tmake\n}", "\tfalse\n\tmake\n}")], []),
    ("check failed", [(A, "grep -q hello", "grep -q nothing")], []),
    ("the split function tool failed", [(A, "usr/bin/hello-tool", "usr/bin/nosuch")], []),
    ("not in pkgusers", [(A, 'pkgusers="hello"\n', ""), (A, "-o hello", "-o 12345")], []),
    ("put anything under /usr/local", [(A, "\tinstall -d", '\tinstall -d "$pkgdir"/usr/local/x\n\tinstall -d')], []),
    ("put anything under /tmp", [(A, "\tinstall -d", '\tinstall -d "$pkgdir"/tmp/x\n\tinstall -d')], []),
    ("found /usr/var", [(A, "\tinstall -d", '\tinstall -d "$pkgdir"/usr/var\n\tinstall -d')], []),
    ("found /usr/lib64", [(A, "\tinstall -d", '\tinstall -d "$pkgdir"/usr/lib64\n\tinstall -d')], []),
    ("must be executable", [], [("Makefile", "0755 hello.sh $(DESTDIR)/etc/init.d/hello\n",
                                 "0644 hello.sh $(DESTDIR)/etc/init.d/hello\n")]),
    ("set-uid programs", [], [("Makefile", "0755 hello $(DESTDIR)/usr/bin/hello\n", "4755 hello $(DESTDIR)/usr/bin/hello\n")]),
    ("uncompressed man pages", [(A, "\t$pkgname-doc\n", "")], []),
    ("must not be noarch", [(A, 'arch="all"', 'arch="noarch"')], []),
]
WARNED = [
    ("belongs into a package named *-openrc", [(A, "\t$pkgname-openrc\n", "")], []),
    ("belongs into a package named *-systemd", [(A, "\t$pkgname-systemd\n", "")], []),
    ("belongs into a package named *-bash-completion", [(A, "\t$pkgname-bash-completion\n", "")], []),
    ("permissions belong into package()", [("hello-fixture.post-install", "echo", "chown root /tmp\necho")], []),
    ("found /bin, it is below /usr", [(A, "\tinstall -d", '\tinstall -D hello "$pkgdir"/bin/hello2\n\tinstall -d')], []),
    ("should be noarch", [(A, "\tamove etc/init.d/hello-tool", "\tamove etc/init.d/hello-tool"),
                          (A, ":tool_openrc:noarch", ":tool_openrc:all")], []),
    ("does not run any tests", [(A, "check() {\n\t./hello | grep -q hello\n}\n", "")], []),
]


def rules_of(text):
    return {rule for _, rule, _ in apkbuild_lint.findings(text)}


def the_package_keeps_to_the_style(_top, _out):
    found = apkbuild_lint.findings(read(os.path.join(APORT, "APKBUILD")))
    assert not found, found


def each_rule_of_style_is_found(_top, _out):
    good = read(GOOD)
    assert not rules_of(good), apkbuild_lint.findings(good)
    for rule, old, new in STYLE:
        assert old in good, (rule, old)
        found = rules_of(good.replace(old, new, 1))
        assert rule in found, (rule, found)


def abuild_takes_the_fixture(top, _out):
    done = abuild(fixture_aport(top + "/good"), top + "/good/out")
    assert done.returncode == 0, done.stdout
    assert read(top + "/good/out/warnings") == ""
    out = top + "/good/out"
    assert sorted(os.listdir(out + "/pkg")) == ["hello-fixture" + s for s in (
        "", "-bash-completion", "-doc", "-openrc", "-systemd", "-tool", "-tool-openrc")]
    assert facts(out, "hello-fixture-openrc")["install_if"] == ["openrc hello-fixture=1.2-r0"]
    assert facts(out, "hello-fixture-tool")["depend"] == ["hello-fixture=1.2-r0"]
    assert "install_if" not in facts(out, "hello-fixture-tool")
    assert "d 0750 hello:hello var/lib/hello\n" in read(out + "/files/hello-fixture")
    assert "l 0777 root:root usr/share/man/man1/hello-tool.1.gz -> hello.1.gz\n" in read(out + "/files/hello-fixture-doc")
    assert "/usr/bin/hello" in files_below(out + "/pkg/hello-fixture")


def abuild_refuses_what_it_must(top, _out):
    for i, (message, changes, files) in enumerate(REFUSED):
        work = "%s/refused%d" % (top, i)
        done = abuild(fixture_aport(work, changes, files), work + "/out")
        assert done.returncode != 0, (message, done.stdout)
        assert message in done.stdout, (message, done.stdout)


def abuild_warns_of_what_it_must(top, _out):
    for i, (message, changes, files) in enumerate(WARNED):
        work = "%s/warned%d" % (top, i)
        done = abuild(fixture_aport(work, changes, files), work + "/out")
        assert done.returncode == 0, (message, done.stdout)
        assert message in read(work + "/out/warnings"), (message, done.stdout)


def the_package_brings_no_warning(_top, out):
    assert read(out + "/warnings") == "", read(out + "/warnings")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="mdm-packaging-") as directory:
        sys.exit(main([the_package_keeps_to_the_style, each_rule_of_style_is_found, abuild_takes_the_fixture,
                       abuild_refuses_what_it_must, abuild_warns_of_what_it_must, the_package_brings_no_warning],
                      directory, os.path.abspath(sys.argv[1])))
