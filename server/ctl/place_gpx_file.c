/* SPDX-License-Identifier: Apache-2.0 */
/* place_gpx_file.c - a place from GPX: waypoints as circles, closed lines as polygons; see
 * place_file.h. Pure; mdmctl. */
#include <errno.h>

#include "policies/gpx.h"
#include "server/ctl/place_file.h"

struct line {
	enum gpx_kind kind;
	size_t segment;
	struct geo_ring ring; /* owned */
	size_t n_room;
};

struct reader {
	const struct place_file_options *options;
	struct line *lines; /* owned */
	size_t n_lines;
	struct geo_shapes circles; /* of the waypoints */
	size_t n_points, n_waypoints;
	struct json_error *error;
};

static void reader_done(struct reader *r)
{
	for (size_t i = 0; i < r->n_lines; i++)
		free(r->lines[i].ring.points);
	free(r->lines);
	geo_shapes_done(&r->circles);
}

static int add_circle(struct reader *r, const struct gpx_point *point)
{
	struct geo_shape *shapes;

	r->n_waypoints++;
	if (r->options->radius_m <= 0)
		return 0;
	if (r->circles.n_shapes == LIMIT_GEO_SHAPES)
		return json_fail(r->error, "",
			"has more than the %d waypoints that a place may have", LIMIT_GEO_SHAPES);
	shapes = reallocarray(r->circles.shapes, r->circles.n_shapes + 1, sizeof(*shapes));
	if (!shapes)
		return -ENOMEM;
	r->circles.shapes = shapes;
	shapes[r->circles.n_shapes++] = (struct geo_shape){
		.kind = GEO_CIRCLE, .centre = point->at, .radius_m = r->options->radius_m};
	return 0;
}

static int find_line(struct reader *r, const struct gpx_point *point, struct line **ret_line)
{
	struct line *lines, *last = r->n_lines ? &r->lines[r->n_lines - 1] : NULL;

	if (last && last->kind == point->kind && last->segment == point->segment) {
		*ret_line = last;
		return 0;
	}
	if (r->n_lines == LIMIT_GEO_SHAPES)
		return json_fail(r->error, "", "has more than the %d lines that a place may have",
			LIMIT_GEO_SHAPES);
	lines = reallocarray(r->lines, r->n_lines + 1, sizeof(*lines));
	if (!lines)
		return -ENOMEM;
	r->lines = lines;
	*ret_line = &lines[r->n_lines++];
	**ret_line = (struct line){.kind = point->kind, .segment = point->segment};
	return 0;
}

static int visit(void *userdata, const struct gpx_point *point)
{
	struct reader *r = userdata;
	struct line *line = NULL;
	int err;

	if (point->kind == GPX_WAYPOINT)
		return add_circle(r, point);
	if (++r->n_points > LIMIT_GEO_VERTICES)
		return json_fail(r->error, "",
			"has more than the %d points that a place may have; simplify its lines",
			LIMIT_GEO_VERTICES);
	err = find_line(r, point, &line);
	if (err < 0)
		return err;
	/* One more: a line whose ends only nearly meet gets its first point once more. */
	if (line->ring.n_points + 1 >= line->n_room) {
		size_t n_room = line->n_room ? 2 * line->n_room : 64;
		struct geo_point *points = reallocarray(line->ring.points, n_room, sizeof(*points));

		if (!points)
			return -ENOMEM;
		line->ring.points = points;
		line->n_room = n_room;
	}
	line->ring.points[line->ring.n_points++] = point->at;
	return 0;
}

static const char *line_name(const struct line *line)
{
	return line->kind == GPX_ROUTE ? "route" : "track";
}

static int close_line(struct reader *r, struct line *line, const char *path, struct buf *notes)
{
	struct geo_ring *ring = &line->ring;
	const struct geo_point *first = ring->points, *last = &ring->points[ring->n_points - 1];
	double gap_m = geo_distance_m(first, last);

	if (ring->n_points < 3 || gap_m > PLACE_FILE_GAP_M)
		return json_fail(r->error, path,
			"is not closed: its ends are %.0f m apart. A place is what a line encloses; "
			"draw or walk it back to its start",
			gap_m);
	if (first->lat == last->lat && first->lon == last->lon)
		return 0;
	buf_printf(notes, "the ends of %s are %.0f m apart; they were joined\n", path, gap_m);
	ring->points[ring->n_points++] = *first;
	return 0;
}

/* A fence of its own, so that what is wrong is told by the number of the line. */
static int check_line(struct reader *r, const struct geo_shape *shape, const char *path)
{
	_cleanup_(geo_fence_freep) struct geo_fence *fence = NULL;
	_cleanup_buf_ struct buf words = BUF_INIT;
	struct geo_error fault;
	char point_path[96];
	int err = geo_fence_new(shape, 1, &fence, &fault);

	if (err <= 0)
		return err;
	geo_error_format(&fault, &words);
	if (words.error)
		return words.error;
	snprintf(point_path, sizeof(point_path), "%s", path);
	if (fault.fault == GEO_FAULT_CROSSING || fault.fault == GEO_FAULT_HALF_TURN)
		snprintf(point_path, sizeof(point_path), "%s, point %zu", path, fault.edge);
	return json_fail(r->error, point_path, "%s", words.data);
}

static int take_lines(struct reader *r, struct geo_shapes *shapes, struct buf *notes)
{
	char path[64];
	int err = 0;

	shapes->shapes = calloc(r->n_lines, sizeof(*shapes->shapes));
	if (!shapes->shapes)
		return -ENOMEM;
	for (size_t i = 0; err == 0 && i < r->n_lines; i++) {
		struct geo_shape *shape = &shapes->shapes[i];

		snprintf(path, sizeof(path), "%s %zu", line_name(&r->lines[i]), i);
		err = close_line(r, &r->lines[i], path, notes);
		if (err < 0)
			return err;
		shape->kind = GEO_POLYGON;
		shape->rings = calloc(1, sizeof(*shape->rings));
		if (!shape->rings)
			return -ENOMEM;
		shapes->n_shapes++;
		shape->n_rings = 1;
		shape->rings[0] = r->lines[i].ring;
		r->lines[i].ring = (struct geo_ring){0};
		err = check_line(r, shape, path);
	}
	return err;
}

int place_file_gpx(const char *text, size_t n_bytes, const struct place_file_options *options,
	struct place_file *file, struct json_error *error)
{
	_cleanup_(reader_done) struct reader r = {.options = options, .error = error};
	_cleanup_geo_shapes_ struct geo_shapes shapes = {0};
	struct gpx_error why = {0};
	const char *name = options->name ? options->name : options->fallback;
	char path[32];
	int err;

	if (error)
		*error = (struct json_error){0};
	err = gpx_read(text, n_bytes, visit, &r, &why);
	snprintf(path, sizeof(path), "line %zu", why.line);
	if (err == -EBADMSG && why.message)
		return json_fail(error, path, "%s", why.message);
	if (err < 0)
		return err;
	if (!name)
		return json_fail(error, "", "has no name; give it one with --name");
	if (r.circles.n_shapes) {
		if (r.n_lines)
			buf_puts(&file->notes, "tracks and routes were left aside: --radius is for "
					       "waypoints\n");
		return place_file_add(file, name, "", &r.circles, error);
	}
	if (r.n_lines == 0)
		return json_fail(error, "", "%s",
			r.n_waypoints ? "has nothing but waypoints; say with --radius how many "
					"metres round each belong to the place"
				      : "has no point");
	if (r.n_waypoints)
		buf_printf(&file->notes,
			"%zu waypoint%s left aside: without --radius they have no extent\n",
			r.n_waypoints, r.n_waypoints == 1 ? " was" : "s were");
	err = take_lines(&r, &shapes, &file->notes);
	return err < 0 ? err : place_file_add(file, name, "", &shapes, error);
}
