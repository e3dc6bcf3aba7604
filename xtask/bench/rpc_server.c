/* What an RPC worker is measured against: the least that must be done for a call of `method(bytes)`. It knows where each
 * field of such a message lies, takes it from there, and asks nothing of it: no method is looked up, no other type is
 * read, nothing is limited or counted.
 *
 *   rpc_server   listens on a port of 127.0.0.1 that it chooses, prints "port N", serves for ever
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_CLIENTS = 4096, ROOM = 32768 };

/* The beginning of a message that has come in part. */
static struct part { size_t length; unsigned char bytes[ROOM]; } *parts[MOST_CLIENTS];

static void fail(const char *what)
{
	fprintf(stderr, "rpc_server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_anywhere(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t length = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &length) < 0)
		fail("listen");
	printf("port %d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

static void enter(int set, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0)
		fail("epoll_ctl");
}

/* [0, msgid in 32 bits, method of up to 31 bytes, [bin of up to 255 bytes]], and its answer; how long the call was, 0 if it
 * is not there as a whole. */
static size_t call(const unsigned char *at, size_t have, unsigned char **answer)
{
	const unsigned char *method = at + 7, *param;
	unsigned char *out = *answer;
	size_t length;

	if (have < 8)
		return 0;
	param = method + 1 + (*method & 0x1f);
	if (have < (size_t)(param - at) + 3)
		return 0;
	length = (size_t)(param - at) + 3 + param[2];
	if (have < length)
		return 0;
	out[0] = 0x94;
	out[1] = 1;
	memcpy(out + 2, at + 2, 5);
	out[7] = 0xc0;
	memcpy(out + 8, param + 1, 2 + (size_t)param[2]);
	*answer = out + 10 + param[2];
	return length;
}

/* One read, and one write of all answers; 0 when the connection is over. */
static int serve(int fd)
{
	static unsigned char answers[2 * ROOM];
	struct part *part = parts[fd];
	unsigned char *end = answers;
	ssize_t count = read(fd, part->bytes + part->length, ROOM - part->length);
	size_t at = 0, length;

	if (count <= 0)
		return 0;
	part->length += (size_t)count;
	while ((length = call(part->bytes + at, part->length - at, &end)))
		at += length;
	part->length -= at;
	memmove(part->bytes, part->bytes + at, part->length);
	return end == answers || write(fd, answers, (size_t)(end - answers)) == end - answers;
}

static void greet(int set, int listener)
{
	int on = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	if (fd >= MOST_CLIENTS)
		fail("accept");
	if (!parts[fd])
		parts[fd] = malloc(sizeof *parts[fd]);
	parts[fd]->length = 0;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	enter(set, fd);
}

int main(void)
{
	struct epoll_event events[256];
	int set = epoll_create1(EPOLL_CLOEXEC), listener = listen_anywhere();

	enter(set, listener);
	for (;;) {
		int count = epoll_wait(set, events, 256, -1);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;

			if (fd == listener)
				greet(set, listener);
			else if (!serve(fd))
				close(fd);
		}
	}
}
