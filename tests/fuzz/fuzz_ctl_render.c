/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-layer: ctl */
/*
 * fuzz_ctl_render.c - the pages of agentctl over any JSON object: no crash, and nothing reaches the
 * terminal but text and (with colour) the styles of page.c; no wrapped line is longer than the
 * page.
 *
 * First byte: which page. Second: width and colour. Rest: JSON.
 */
#include "agent/ctl/client.h"
#include "agent/ctl/glyph.h"
#include "agent/ctl/render.h"

#define NOW INT64_C(1795000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

static void must(bool condition)
{
	if (!condition)
		abort();
}

/* Length of a style sequence of page.c at text, or 0. */
static size_t style_at(const char *text)
{
	if (strncmp(text, PAGE_STYLE_RESET, strlen(PAGE_STYLE_RESET)) == 0)
		return strlen(PAGE_STYLE_RESET);
	for (int i = PAGE_PLAIN + 1; i < PAGE_STYLE_MAX; i++) {
		const char *code = page_style_code((enum page_style)i);

		if (strncmp(text, code, strlen(code)) == 0)
			return strlen(code);
	}
	return 0;
}

static void check_output(const struct buf *out, unsigned width, bool colour, bool verbatim)
{
	const char *text = out->data ? out->data : "";
	unsigned column = 0;
	size_t i = 0;

	must(strlen(text) == out->n_bytes);
	while (text[i]) {
		size_t length = colour ? style_at(text + i) : 0;
		uint32_t code;

		if (length > 0) {
			i += length;
			continue;
		}
		i += glyph_decode(text + i, out->n_bytes - i, &code);
		if (code == '\n') {
			column = 0;
			continue;
		}
		must(glyph_is_safe(code));
		column += glyph_width(code);
		must(verbatim || column <= width);
	}
}

static void show(unsigned page, struct page *p, struct json_object *answer)
{
	switch (page) {
	case 0:
		render_status(p, answer, answer, NOW);
		break;
	case 1:
		render_policy_show(p, answer, NOW);
		break;
	case 2:
		render_policy_explain(p, answer, NULL, NULL);
		break;
	case 3:
		render_compliance(p, answer, NOW);
		break;
	case 4:
		render_journal(p, answer, NOW);
		break;
	case 5:
		render_journal_verify(p, answer);
		break;
	case 6:
		render_privacy(p, answer, NOW);
		break;
	case 7:
		render_commands(p, answer, NOW);
		break;
	case 9:
		render_apps(p, answer, NOW);
		break;
	case 10:
		render_places(p, answer, NOW);
		render_place(p, answer, "office", NOW);
		break;
	default:
		render_status(p, answer, NULL, NOW);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
	_cleanup_json_ struct json_object *answer = NULL;
	_cleanup_buf_ struct buf out = BUF_INIT;
	_cleanup_(page_done) struct page p = {0};
	struct json_tokener *tokener;
	unsigned page, width;
	bool colour;

	if (n_bytes < 2 || n_bytes > 64 * 1024)
		return 0;
	page = data[0] % 11;
	width = PAGE_WIDTH_MIN + (data[1] & 0x7f) % (PAGE_WIDTH_MAX - PAGE_WIDTH_MIN + 1);
	colour = data[1] & 0x80;
	/* More lenient than client_read_answer(): what gets through here is a superset. */
	tokener = json_tokener_new_ex(CLIENT_JSON_DEPTH);
	must(tokener);
	answer = json_tokener_parse_ex(tokener, (const char *)data + 2, (int)(n_bytes - 2));
	json_tokener_free(tokener);
	if (!json_object_is_type(answer, json_type_object))
		return 0;
	page_init(&p, &out, width, colour);
	show(page, &p, answer);
	must(out.error == 0);
	check_output(&out, width, colour, page == 6);
	return 0;
}
