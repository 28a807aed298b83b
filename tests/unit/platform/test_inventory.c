/* SPDX-License-Identifier: Apache-2.0 */
/* test_inventory.c - system and phone from the files of four kinds of root file system. */
#include "platform/inventory.h"
#include "tests/unit/platform/fixture.h"

static void test_variable(void)
{
	static const struct {
		const char *text, *value; /* of A; NULL: none */
	} cases[] = {
		{"", NULL},
		{"A=x", "x"},
		{"A=\"x y\"\n", "x y"},
		{"A='x $y'\n", "x $y"},
		{"A=\"x \\\"y\\\" \\$z\"\n", "x \"y\" $z"},
		{"A=one\nA=two\n", "two"},
		{"AB=one\n A=two\n#A=three\n", NULL},
		{"A=x # comment\n", "x"},
		{"A=\"$(reboot)\"\n", NULL},
		{"A=`reboot`\n", NULL},
		{"A=$B\n", NULL},
		{"A=\"open\n", NULL},
		{"A=\n", ""},
		{"A=\"tab\there\"\n", ""}, /* no control characters in reports */
		{"A=\"\xff\xfe\"\n", ""},
		{"A=\"Pin\xc3\xa9\"\n", "Pin\xc3\xa9"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char value[64] = "untouched";
		bool found = inventory_variable(
			cases[i].text, strlen(cases[i].text), "A", value, sizeof(value));

		if (found != (cases[i].value != NULL) ||
			!check_str_equal(value, found ? cases[i].value : "untouched"))
			check_fail(__FILE__, __LINE__, "case %zu: %d \"%s\"", i, found, value);
	}
	/* Cut at the size, not inside a character. */
	{
		char small[4];

		CHECK(inventory_variable("A=ab\xc3\xa9", 6, "A", small, sizeof(small)));
		CHECK_STR(small, "ab");
	}
}

static void test_postmarketos(void)
{
	struct platform_inventory i;
	struct fixture f;

	fixture_open(&f);
	fixture_text(&f, "usr/lib/os-release",
		"PRETTY_NAME=\"postmarketOS v26.06\"\nNAME=\"postmarketOS\"\n"
		"VERSION_ID=\"v26.06\"\nID=\"postmarketos\"\nID_LIKE=\"alpine\"\n");
	fixture_link(&f, "etc/os-release", "../usr/lib/os-release");
	fixture_write(&f, "proc/device-tree/model", "OnePlus 6", 10);
	fixture_text(&f, "usr/share/deviceinfo/deviceinfo",
		"# Reference\ndeviceinfo_name=\"Generic\"\ndeviceinfo_manufacturer=\"OnePlus\"\n"
		"deviceinfo_codename=\"generic\"\n");
	fixture_text(&f, "etc/deviceinfo", "deviceinfo_codename=\"oneplus-enchilada\"\n");
	fixture_directory(&f, "run/openrc");
	platform_inventory(&f.platform, &i);
	CHECK_STR(i.os_id, "postmarketos");
	CHECK_STR(i.os_version, "v26.06");
	CHECK_STR(i.os_name, "postmarketOS v26.06");
	CHECK_STR(i.model, "OnePlus 6");
	CHECK_STR(i.manufacturer, "OnePlus");
	CHECK_STR(i.codename, "oneplus-enchilada");
	CHECK_STR(i.init, "openrc");
	CHECK(i.kernel[0] && i.arch[0]);
	fixture_close(&f);
}

static void test_others(void)
{
	struct platform_inventory i;
	struct fixture f;

	/* Nothing at all. */
	fixture_open(&f);
	platform_inventory(&f.platform, &i);
	CHECK_STR(i.os_id, "");
	CHECK_STR(i.model, "");
	CHECK_STR(i.init, "other");
	/* A tablet with firmware tables and systemd. */
	fixture_text(&f, "etc/os-release", "ID=debian\nVERSION_ID=\"13\"\nNAME=\"Debian\"\n");
	fixture_text(&f, "sys/class/dmi/id/product_name", "Surface Go\n");
	fixture_text(&f, "sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n");
	fixture_directory(&f, "run/systemd/system");
	fixture_directory(&f, "run/openrc");
	platform_inventory(&f.platform, &i);
	CHECK_STR(i.os_id, "debian");
	CHECK_STR(i.os_name, "Debian");
	CHECK_STR(i.model, "Surface Go");
	CHECK_STR(i.manufacturer, "Microsoft Corporation");
	CHECK_STR(i.init, "systemd");
	fixture_close(&f);
}

static const struct check_test tests[] = {
	{"variable", test_variable},
	{"postmarketos", test_postmarketos},
	{"others", test_others},
};

CHECK_MAIN(tests)
