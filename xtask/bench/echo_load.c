/* The clients of both sides: one thread, as few system calls as it takes, so that the server is what is measured.
 *
 *   echo_load keep PORT CLIENTS MILLISECONDS [WORDS]   connections that stay, one request under way on each
 *   echo_load new PORT CLIENTS MILLISECONDS [WORDS]    a connection per request
 *     print "rate ANSWERS NANOSECONDS TOTAL": what was in the time but for its first fifth, in which all warms up, and
 *     the answers of the whole time
 *   echo_load ask PORT CLIENTS COUNT     COUNT requests on connections that stay
 *   echo_load visit PORT CLIENTS COUNT   COUNT connections with a request each
 *   echo_load pids PORT CLIENTS COUNT    COUNT connections, each asking "!pid"; prints "pid PID ANSWERS" for each
 *   echo_load hold PORT COUNT            the same with COUNT that stay, opened before the first question; also prints
 *                                        "slowest NANOSECONDS", from the first connection to the last answer
 *
 * A request is 64 bytes, or WORDS and an empty line: then any answer will do, else it has 64 bytes too. An answer that
 * does not come is the end. */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "client.h"

enum { MOST_PIDS = 256 };

static char request[1024];
static size_t request_length = 64, answer_length = 64;
static int set;
static struct { long pid, answers; } pids[MOST_PIDS];

static void fail(const char *what)
{
	fprintf(stderr, "echo_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_one(void)
{
	int fd = try_open();

	if (fd < 0)
		fail("connect");
	return fd;
}

static void ask(int fd)
{
	if (write(fd, request, request_length) != (ssize_t)request_length)
		fail("write");
}

static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

static void count_pid(const char *text)
{
	long pid = strtol(text, NULL, 10);
	int at = 0;

	while (at < MOST_PIDS - 1 && pids[at].pid && pids[at].pid != pid)
		at++;
	pids[at].pid = pid;
	pids[at].answers++;
}

/* The whole answer: it has arrived in one piece, or the rest is on its way. */
static void hear(int fd)
{
	char bytes[16384];
	size_t have = 0;

	while (have == 0 || have < answer_length) {
		ssize_t count = read(fd, bytes + have, sizeof bytes - 1 - have);

		if (count <= 0) {
			errno = count == 0 ? ECONNRESET : errno;
			fail("no answer");
		}
		have += (size_t)count;
	}
	if (request[0] == '!') {
		bytes[have] = '\0';
		count_pid(bytes);
	}
}

/* Runs until the time is over, or the count if there is one; returns the answers. */
static long run(int anew, int clients, int64_t until, long most)
{
	static long opened;
	struct epoll_event events[256];
	long answers = 0, asked = clients;

	if (opened == 0) {
		for (; opened < clients; opened++) {
			int fd = open_one();

			watch(fd);
			ask(fd);
		}
	}
	while (most ? answers < most : now() < until) {
		int count = epoll_wait(set, events, 256, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			hear(fd);
			answers++;
			if (anew)
				close(fd);
			if (most && asked == most)
				continue;
			asked++;
			if (anew) {
				fd = open_one();
				watch(fd);
			}
			ask(fd);
		}
	}
	return answers;
}

/* The same for connections that stay, without waiting: looks at them in turn. To be woken would cost the server, whose
 * answers wake, as much as it costs us. */
static long spin(int clients, int64_t until)
{
	static int fds[4096], opened;
	char bytes[16384];
	long answers = 0;

	for (; opened < clients; opened++) {
		fds[opened] = open_one();
		ask(fds[opened]);
	}
	while (now() < until) {
		long before = answers;

		for (int i = 0; i < clients; i++) {
			ssize_t count = recv(fds[i], bytes, sizeof bytes, MSG_DONTWAIT);

			if (count < 0 && errno == EAGAIN)
				continue;
			if (count <= 0 || (size_t)count < answer_length)
				fail("no whole answer");
			answers++;
			ask(fds[i]);
		}
		/* Perhaps there is one core for both. */
		if (answers == before)
			sched_yield();
	}
	return answers;
}

static long go_on(int anew, int clients, int64_t until)
{
	return anew ? run(anew, clients, until, 0) : spin(clients, until);
}

static void measure(int anew, int clients, int64_t nanoseconds)
{
	int64_t begin = now(), warm = begin + nanoseconds / 5;
	long before = go_on(anew, clients, warm), answers;

	begin = now();
	answers = go_on(anew, clients, warm + nanoseconds - nanoseconds / 5);
	printf("rate %ld %lld %ld\n", answers, (long long)(now() - begin), before + answers);
}

static void hold(int count)
{
	int *fds = calloc((size_t)count, sizeof *fds);
	int64_t begin = now();

	for (int i = 0; i < count; i++)
		fds[i] = open_one();
	for (int i = 0; i < count; i++)
		ask(fds[i]);
	for (int i = 0; i < count; i++)
		hear(fds[i]);
	printf("slowest %lld\n", (long long)(now() - begin));
}

static void print_pids(void)
{
	for (int i = 0; i < MOST_PIDS && pids[i].pid; i++)
		printf("pid %ld %ld\n", pids[i].pid, pids[i].answers);
}

int main(int argc, char **argv)
{
	const char *what = argc > 3 ? argv[1] : "";
	int port = argc > 3 ? atoi(argv[2]) : 0;
	int clients = argc > 3 ? atoi(argv[3]) : 0;
	long amount = argc > 4 ? atol(argv[4]) : 0;

	aim(port);
	set = epoll_create1(EPOLL_CLOEXEC);
	memset(request, 'x', request_length);
	if (argc > 5) {
		request_length = (size_t)snprintf(request, sizeof request, "%s\r\n\r\n", argv[5]);
		answer_length = 0;
	}
	if (strcmp(what, "hold") == 0 || strcmp(what, "pids") == 0) {
		request_length = (size_t)snprintf(request, sizeof request, "!pid\n");
		answer_length = 0;
	}
	if (clients > 0 && strcmp(what, "keep") == 0 && amount > 0)
		measure(0, clients, amount * 1000000);
	else if (clients > 0 && strcmp(what, "new") == 0 && amount > 0)
		measure(1, clients, amount * 1000000);
	else if (clients > 0 && strcmp(what, "pids") == 0 && amount >= clients)
		run(1, clients, 0, amount);
	else if (clients > 0 && strcmp(what, "visit") == 0 && amount >= clients)
		run(1, clients, 0, amount);
	else if (clients > 0 && strcmp(what, "ask") == 0 && amount >= clients)
		run(0, clients, 0, amount);
	else if (clients > 0 && strcmp(what, "hold") == 0)
		hold(clients);
	else {
		fprintf(stderr, "usage: echo_load keep|new PORT CLIENTS MILLISECONDS [WORDS], "
				"ask|visit|pids PORT CLIENTS COUNT, or hold PORT COUNT\n");
		return 2;
	}
	print_pids();
	return 0;
}
