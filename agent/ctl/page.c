/* SPDX-License-Identifier: Apache-2.0 */
/* page.c - paragraphs for a terminal; see page.h. Pure: writes to a buffer only; agentctl. */
#include "agent/ctl/page.h"

#include <errno.h>
#include <stdarg.h>

#include "agent/ctl/glyph.h"
#include "agent/util/codec.h"

#define PAGE_LABEL_COLUMNS 16
#define PAGE_LABEL_FROM 60 /* columns of the page from which labels stand in their own column */
#define PAGE_SPACES "                " /* PAGE_LABEL_COLUMNS of them */

/* Marks inside a paragraph: cleaned text holds no byte below 0x20. */
#define PAGE_MARK(style) ((char)(1 + (style)))
#define PAGE_IS_MARK(c) ((unsigned char)(c) >= 1 && (unsigned char)(c) <= PAGE_STYLE_MAX)
#define PAGE_MARK_STYLE(c) ((enum page_style)((c)-1))

static const char *const page_codes[PAGE_STYLE_MAX] = {
	[PAGE_PLAIN] = "",
	[PAGE_BOLD] = "\033[1m",
	[PAGE_GOOD] = "\033[32m",
	[PAGE_WARN] = "\033[33m",
	[PAGE_BAD] = "\033[1;31m",
	[PAGE_DIM] = "\033[2m",
};

const char *page_style_code(enum page_style style)
{
	return page_codes[style];
}

void page_init(struct page *p, struct buf *out, unsigned width, bool colour)
{
	*p = (struct page){
		.out = out,
		.width = width < PAGE_WIDTH_MIN ? PAGE_WIDTH_MIN : width,
		.colour = colour,
	};
}

void page_done(struct page *p)
{
	buf_done(&p->paragraph);
}

unsigned page_width(const char *columns, int tty_columns)
{
	int64_t width = PAGE_WIDTH_DEFAULT;

	if (!columns || parse_int64(columns, 1, 100000, &width) < 0)
		width = tty_columns > 0 ? tty_columns : PAGE_WIDTH_DEFAULT;
	if (width < PAGE_WIDTH_MIN)
		return PAGE_WIDTH_MIN;
	return width > PAGE_WIDTH_MAX ? PAGE_WIDTH_MAX : (unsigned)width;
}

void page_open(struct page *p, unsigned indent, unsigned hang)
{
	buf_reset(&p->paragraph);
	p->start = 0;
	p->indent = indent;
	p->hang = hang;
}

static void _printf_(3, 0)
	page_add_list(struct page *p, enum page_style style, const char *format, va_list args)
{
	_cleanup_free_ char *text = NULL;
	char mark = PAGE_MARK(style);

	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		if (p->out->error == 0)
			p->out->error = -ENOMEM;
		return;
	}
	if (style != PAGE_PLAIN)
		buf_append(&p->paragraph, &mark, 1);
	glyph_clean(text, strlen(text), &p->paragraph);
	mark = PAGE_MARK(PAGE_PLAIN);
	if (style != PAGE_PLAIN)
		buf_append(&p->paragraph, &mark, 1);
}

void page_add(struct page *p, enum page_style style, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	page_add_list(p, style, format, args);
	va_end(args);
}

/* Where the wrapping stands. */
struct page_wrap {
	struct page *page;
	enum page_style style;
	unsigned column;
	bool fresh; /* nothing but indentation on this line yet */
};

static void page_spaces(struct page *p, unsigned n)
{
	for (; n > 0; n--)
		buf_append(p->out, " ", 1);
}

static void page_set_style(struct page_wrap *w, enum page_style style)
{
	if (w->page->colour && style != w->style)
		buf_puts(w->page->out, style == PAGE_PLAIN ? PAGE_STYLE_RESET : page_codes[style]);
	w->style = style;
}

/* Styles do not reach over line ends: indentation stays plain. */
static void page_break(struct page_wrap *w)
{
	enum page_style style = w->style;

	page_set_style(w, PAGE_PLAIN);
	buf_puts(w->page->out, "\n");
	page_spaces(w->page, w->page->hang);
	w->column = w->page->hang;
	w->fresh = true;
	page_set_style(w, style);
}

static unsigned page_word_columns(const char *word, size_t n_bytes)
{
	unsigned columns = 0;
	uint32_t code;

	for (size_t i = 0; i < n_bytes;) {
		if (PAGE_IS_MARK(word[i])) {
			i++;
			continue;
		}
		i += glyph_decode(word + i, n_bytes - i, &code);
		columns += glyph_width(code);
	}
	return columns;
}

static void page_put_word(struct page_wrap *w, const char *word, size_t n_bytes)
{
	unsigned columns = page_word_columns(word, n_bytes);
	size_t length;
	uint32_t code;

	if (columns > 0 && !w->fresh) {
		if (w->column + 1 + columns > w->page->width) {
			page_break(w);
		} else {
			buf_append(w->page->out, " ", 1);
			w->column++;
		}
	}
	for (size_t i = 0; i < n_bytes; i += length) {
		length = 1;
		if (PAGE_IS_MARK(word[i])) {
			page_set_style(w, PAGE_MARK_STYLE(word[i]));
			continue;
		}
		length = glyph_decode(word + i, n_bytes - i, &code);
		/* A word longer than a line is cut where the line ends. */
		if (w->column + glyph_width(code) > w->page->width)
			page_break(w);
		buf_append(w->page->out, word + i, length);
		w->column += glyph_width(code);
		w->fresh = false;
	}
}

void page_close(struct page *p)
{
	struct page_wrap w = {.page = p, .column = p->start, .fresh = true};
	const char *text = p->paragraph.data ? p->paragraph.data : "";
	size_t n_bytes = p->paragraph.n_bytes, i = 0;

	if (p->paragraph.error != 0 && p->out->error == 0)
		p->out->error = p->paragraph.error;
	if (p->start == 0) {
		page_spaces(p, p->indent);
		w.column = p->indent;
	}
	while (i < n_bytes) {
		size_t end;

		for (; i < n_bytes && text[i] == ' '; i++)
			;
		for (end = i; end < n_bytes && text[end] != ' '; end++)
			;
		if (end > i)
			page_put_word(&w, text + i, end - i);
		i = end;
	}
	page_set_style(&w, PAGE_PLAIN);
	buf_puts(p->out, "\n");
	buf_reset(&p->paragraph);
	p->start = 0;
}

void page_line(struct page *p, unsigned indent, enum page_style style, const char *format, ...)
{
	va_list args;

	page_open(p, indent, indent);
	va_start(args, format);
	page_add_list(p, style, format, args);
	va_end(args);
	page_close(p);
}

void page_blank(struct page *p)
{
	buf_puts(p->out, "\n");
}

void page_heading(struct page *p, const char *title)
{
	page_blank(p);
	page_line(p, 0, PAGE_BOLD, "%s", title);
}

void page_field(struct page *p, const char *label)
{
	unsigned columns = glyph_columns(label, strlen(label));

	if (p->width < PAGE_LABEL_FROM || columns + 1 >= PAGE_LABEL_COLUMNS) {
		/* Another line of the field before. */
		page_open(p, *label ? 0 : 2, *label ? 2 : 4);
		if (*label)
			page_add(p, PAGE_PLAIN, "%s: ", label);
		return;
	}
	page_open(p, 0, PAGE_LABEL_COLUMNS);
	buf_puts(p->out, label);
	buf_puts(p->out, &PAGE_SPACES[columns]);
	p->start = PAGE_LABEL_COLUMNS;
}

void page_verbatim(struct page *p, const char *text, size_t n_bytes)
{
	glyph_escape_json(text, n_bytes, p->out);
	if (n_bytes == 0 || text[n_bytes - 1] != '\n')
		buf_puts(p->out, "\n");
}
