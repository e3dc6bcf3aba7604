/* What connection workers are measured against: the least that a prefork echo server must do. No limits, no counts, no
 * stop, no reload; a connection ends when its client closes it.
 *
 *   echo_server STRATEGY WORKERS   listens on a port of 127.0.0.1 that it chooses, prints "port N", serves for ever
 *
 * blocking    one connection at a time, from a blocking accept
 * rearm       the same, from an epoll set with EPOLLEXCLUSIVE, entered anew after each accept
 * reuseport   the same, from a listener of the worker's own, by SO_REUSEPORT
 * epoll       as many connections as come, in the set in which the worker waits for the listener, as for rearm
 *
 * Bytes come back as they arrive, but a read that begins with '!' is answered by the worker's pid. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int alone;

static void fail(const char *what)
{
	fprintf(stderr, "echo_server: %s: %s\n", what, strerror(errno));
	/* The group is ours alone: no worker stays behind, nor do we. */
	kill(0, SIGKILL);
	_exit(1);
}

static int listen_at(unsigned short port, int flags)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = port };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
		fail("socket");
	if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1024) < 0)
		fail("listen");
	return fd;
}

static unsigned short port_of(int listener)
{
	struct sockaddr_in at;
	socklen_t length = sizeof at;

	if (getsockname(listener, (struct sockaddr *)&at, &length) < 0)
		fail("getsockname");
	return at.sin_port;
}

/* One read and its answer; 0 when the connection is over. */
static int answer(int fd)
{
	char bytes[16384];
	ssize_t count = read(fd, bytes, sizeof bytes);

	if (count <= 0)
		return 0;
	if (bytes[0] == '!')
		count = snprintf(bytes, sizeof bytes, "%d\n", (int)getpid());
	return write(fd, bytes, (size_t)count) == count;
}

static void converse(int fd)
{
	while (answer(fd))
		;
	close(fd);
}

static void enter(int set, int fd, unsigned events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

static void rearm(int set, int listener)
{
	if (alone)
		return;
	if (epoll_ctl(set, EPOLL_CTL_DEL, listener, NULL) < 0)
		fail("epoll_ctl");
	enter(set, listener, EPOLLIN | EPOLLEXCLUSIVE);
}

static void serve_blocking(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0)
			converse(fd);
	}
}

static void serve_rearm(int listener)
{
	struct epoll_event event;
	int set = epoll_create1(0);

	enter(set, listener, EPOLLIN | EPOLLEXCLUSIVE);
	for (;;) {
		int fd;

		if (epoll_wait(set, &event, 1, -1) < 1)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		rearm(set, listener);
		converse(fd);
	}
}

static void serve_epoll(int listener)
{
	struct epoll_event events[256];
	int set = epoll_create1(0);

	enter(set, listener, EPOLLIN | EPOLLEXCLUSIVE);
	for (;;) {
		int count = epoll_wait(set, events, 256, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd != listener) {
				if (!answer(fd))
					close(fd);
				continue;
			}
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
			if (fd < 0)
				continue;
			rearm(set, listener);
			enter(set, fd, EPOLLIN);
		}
	}
}

static const struct strategy {
	const char *name;
	void (*serve)(int listener);
	int flags;
	int own_listener;
} strategies[] = {
	{ "blocking", serve_blocking, 0, 0 },
	{ "rearm", serve_rearm, SOCK_NONBLOCK, 0 },
	{ "reuseport", serve_blocking, 0, 1 },
	{ "epoll", serve_epoll, SOCK_NONBLOCK, 0 },
};

static void start(const struct strategy *strategy, int listener)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid == 0)
		strategy->serve(listener);
}

int main(int argc, char **argv)
{
	int workers = argc == 3 ? atoi(argv[2]) : 0;

	for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
		const struct strategy *strategy = &strategies[i];
		int listener;
		unsigned short port;

		if (workers < 1 || strcmp(argv[1], strategy->name) != 0)
			continue;
		alone = workers == 1;
		listener = listen_at(0, strategy->flags);
		port = port_of(listener);
		for (int worker = 0; worker < workers; worker++) {
			start(strategy, listener);
			/* Else it would get a share of the connections that nobody accepts. */
			if (strategy->own_listener) {
				close(listener);
				if (worker + 1 < workers)
					listener = listen_at(port, strategy->flags);
			}
		}
		printf("port %d\n", ntohs(port));
		fflush(stdout);
		for (;;)
			pause();
	}
	fprintf(stderr, "usage: echo_server blocking|rearm|reuseport|epoll WORKERS\n");
	return 2;
}
