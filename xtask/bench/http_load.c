/* Clients that keep account of what a server owes them while something happens to it. One thread.
 *
 *   http_load new PORT CLIENTS           connect, one request, its answer, close; again and again
 *   http_load kept PORT CLIENTS DEPTH    connections that stay, with DEPTH requests under way on each, without a pause
 *
 * Each byte of the standard input begins a new stretch of time. They begin nothing more when that input ends, or after a
 * minute, hear what is under way to its end, and print:
 *
 *   longest NANOSECONDS              for each stretch, also before the first byte: the longest time between two answers to a client,
 *                                    counted in each stretch that it reaches into
 *   answers ANSWERS                  whole and right ones
 *   lost REFUSED RESET CLOSED WRONG LATE
 *   closes POLITE                    answers that said "Connection: close" where their client would have gone on
 *
 * Each request asks for a path of its own, and the body of its answer must be that path, so that an answer to another
 * request, or a second one, is a wrong one. Lost is a request whose connection could not be had (refused), or whose
 * answer did not come as a whole: the connection was reset or closed, or LATENESS ticks went by. A client that was told "Connection:
 * close" opens another; what it had sent behind that request is lost, since nobody has promised to do it. Likewise what
 * it sent on a connection that was closed without a word: a client that tries again without asking its user may do
 * a thing twice. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "client.h"

enum { MOST_CLIENTS = 256, MOST_STRETCHES = 256, ROOM = 16384, PATH = 32 };
enum loss { REFUSED, RESET, CLOSED, WRONG, LATE, LOSSES };

/* A tick is 100 ms in which we ran. When the whole machine stood still, nobody was late. */
static const int64_t TICK = 100000000, LIFE = 60000000000;
enum { LATENESS = 50 };

struct client {
	int number, fd;
	/* Requests sent, and answers heard, over all connections: the oldest without an answer is number `heard`. */
	long sent, heard;
	/* The last answer, or the beginning. */
	int64_t since;
	long tick;
	size_t have;
	char bytes[ROOM + 1];
};

/* What one look at what has come brings. */
enum answer { PART, WHOLE, LAST, NONSENSE };

static struct client clients[MOST_CLIENTS];
static int set, anew, depth;
static long answers, polite, lost[LOSSES];
static long tick;

/* The last is the one that goes on. */
static struct {
	int64_t began, longest;
} stretches[MOST_STRETCHES];
static int stretch;

static void fail(const char *what)
{
	fprintf(stderr, "http_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void leave(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->have = 0;
}

/* The end of a wait for an answer. */
static void waited(struct client *c)
{
	int64_t moment = now();

	for (int i = stretch; i >= 0; i--) {
		if (moment - c->since > stretches[i].longest)
			stretches[i].longest = moment - c->since;
		if (stretches[i].began <= c->since)
			break;
	}
	c->since = moment;
	c->tick = tick;
}

/* All that is under way, one request at least. */
static void lose(struct client *c, enum loss why)
{
	lost[why] += c->sent > c->heard ? c->sent - c->heard : 1;
	c->heard = c->sent;
	if (why == LATE)
		waited(c);
	leave(c);
}

static void path_of(const struct client *c, long request, char *path)
{
	snprintf(path, PATH, "/%d/%ld", c->number, request);
}

/* As many requests as may be under way, in one write. */
static void ask(struct client *c)
{
	char text[4096], path[PATH];
	size_t length = 0;

	while (c->sent - c->heard < depth) {
		path_of(c, c->sent++, path);
		length += (size_t)snprintf(text + length, sizeof text - length,
					   "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
	}
	if (send(c->fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
		lose(c, RESET);
}

static void begin(struct client *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	c->fd = try_open();
	if (c->fd < 0) {
		/* A bug of ours, or too little of something, is nothing that the server did. */
		if (errno != ECONNREFUSED && errno != ECONNRESET && errno != EINPROGRESS && errno != EAGAIN)
			fail("connect");
		lose(c, REFUSED);
		return;
	}
	if (epoll_ctl(set, EPOLL_CTL_ADD, c->fd, &event) < 0)
		fail("epoll_ctl");
	ask(c);
}

/* The value of a header in a head that ends with an empty line; NULL if there is none. */
static const char *header(const char *head, const char *end, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line && line < end; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " ");
	}
	return NULL;
}

/* Takes an answer from what has come, if it is there as a whole. */
static enum answer take(struct client *c)
{
	char path[PATH];
	const char *end, *length, *connection;
	size_t body, whole;
	int last;

	c->bytes[c->have] = '\0';
	end = strstr(c->bytes, "\r\n\r\n");
	if (!end)
		return c->have < ROOM ? PART : NONSENSE;
	length = header(c->bytes, end, "Content-Length");
	path_of(c, c->heard, path);
	body = strlen(path);
	if (strncmp(c->bytes, "HTTP/1.1 200 ", 13) != 0 || !length || strtoul(length, NULL, 10) != body)
		return NONSENSE;
	end += 4;
	whole = (size_t)(end - c->bytes) + body;
	if (c->have < whole)
		return PART;
	if (memcmp(end, path, body) != 0)
		return NONSENSE;
	connection = header(c->bytes, end, "Connection");
	last = connection && strncasecmp(connection, "close", 5) == 0;
	c->have -= whole;
	memmove(c->bytes, c->bytes + whole, c->have);
	return last ? LAST : WHOLE;
}

/* Reads once; whether there was anything. */
static int hear(struct client *c)
{
	ssize_t count = recv(c->fd, c->bytes + c->have, ROOM - c->have, MSG_DONTWAIT);

	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (count <= 0) {
		lose(c, count == 0 ? CLOSED : RESET);
		return 0;
	}
	c->have += (size_t)count;
	return 1;
}

/* What came, and what follows from it while there is still something to ask. */
static void serve(struct client *c, int over)
{
	enum answer answer = PART;

	if (!hear(c))
		return;
	while (c->fd >= 0 && c->have > 0 && (answer = take(c)) != PART) {
		if (answer == NONSENSE || c->heard == c->sent) {
			lose(c, WRONG);
			return;
		}
		answers++;
		c->heard++;
		waited(c);
		if (answer == LAST && !anew) {
			polite++;
			if (c->heard < c->sent)
				lose(c, CLOSED);
			else
				leave(c);
		}
	}
	if (c->heard == c->sent && (anew || over))
		leave(c);
	if (!over && c->fd >= 0)
		ask(c);
}

static void begin_stretch(void)
{
	if (++stretch == MOST_STRETCHES) {
		errno = E2BIG;
		fail("too many stretches");
	}
	stretches[stretch].began = now();
}

/* Whether the input has ended. */
static int heed_input(void)
{
	char bytes[64];
	ssize_t count = read(0, bytes, sizeof bytes);

	for (ssize_t i = 0; i < count; i++)
		begin_stretch();
	return count <= 0;
}

/* Whether somebody still waits for an answer. Those without a connection get one, while it is not over. */
static int look_after(int count, int over)
{
	int waiting = 0;

	for (int i = 0; i < count; i++) {
		struct client *c = &clients[i];

		if (c->fd >= 0 && tick - c->tick > LATENESS)
			lose(c, LATE);
		if (!over && c->fd < 0)
			begin(c);
		waiting |= c->fd >= 0;
	}
	return waiting;
}

static void run(int count)
{
	int64_t moment = now(), last = moment, end = moment + LIFE;
	struct epoll_event events[MOST_CLIENTS], input = { .events = EPOLLIN };
	int over = 0;

	stretches[0].began = moment;
	if (epoll_ctl(set, EPOLL_CTL_ADD, 0, &input) < 0)
		fail("epoll_ctl");
	for (int i = 0; i < count; i++)
		clients[i] = (struct client){ .number = i, .fd = -1, .since = moment };
	while (look_after(count, over) || !over) {
		int ready = epoll_wait(set, events, MOST_CLIENTS, 100);

		moment = now();
		if (moment - last >= TICK) {
			last = moment;
			tick++;
		}
		over = over || moment > end;
		for (int i = 0; i < ready; i++) {
			if (events[i].data.ptr)
				serve(events[i].data.ptr, over);
			else if (heed_input()) {
				epoll_ctl(set, EPOLL_CTL_DEL, 0, NULL);
				over = 1;
			}
		}
	}
}

int main(int argc, char **argv)
{
	int port = argc > 3 ? atoi(argv[2]) : 0, count = argc > 3 ? atoi(argv[3]) : 0;

	anew = argc == 4 && strcmp(argv[1], "new") == 0;
	depth = anew ? 1 : argc == 5 && strcmp(argv[1], "kept") == 0 ? atoi(argv[4]) : 0;
	if (port <= 0 || count <= 0 || count > MOST_CLIENTS || depth <= 0 || depth > 32) {
		fprintf(stderr, "usage: http_load new PORT CLIENTS, or kept PORT CLIENTS DEPTH\n");
		return 2;
	}
	aim(port);
	set = epoll_create1(EPOLL_CLOEXEC);
	run(count);
	for (int i = 0; i <= stretch; i++)
		printf("longest %lld\n", (long long)stretches[i].longest);
	printf("answers %ld\n", answers);
	printf("lost %ld %ld %ld %ld %ld\n", lost[REFUSED], lost[RESET], lost[CLOSED], lost[WRONG], lost[LATE]);
	printf("closes %ld\n", polite);
	return 0;
}
