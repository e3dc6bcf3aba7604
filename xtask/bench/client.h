/* What the clients of all benchmarks have in common: a clock, and connections from many addresses. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in server;

static void aim(int port)
{
	server = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* From one of many addresses of this machine in turn: the ports of one would run out, since each is blocked for a
 * minute after its connection. Less than 0 where it can't be had, with errno. */
static int try_open(void)
{
	static unsigned serial;
	struct sockaddr_in from = { .sin_family = AF_INET };
	/* Over loopback it is through when connect returns, as long as there is room in the queue. */
	struct timeval patience = { .tv_sec = 10 };
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	from.sin_addr.s_addr = htonl(0x7f010001 + (serial++ & 255));
	if (fd >= 0 && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
	    bind(fd, (struct sockaddr *)&from, sizeof from) == 0 &&
	    connect(fd, (struct sockaddr *)&server, sizeof server) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}
