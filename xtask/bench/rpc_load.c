/* Calls of random bytes, and what came of them: one thread that never sleeps, so that nobody has to wake it.
 *
 *   rpc_load rpc PORT CLIENTS DEPTH MILLISECONDS METHOD…   each calls one of the methods, whichever, with 32 bytes
 *   rpc_load redis PORT CLIENTS DEPTH MILLISECONDS          each is a PING
 *
 * Each client sends DEPTH calls by one write, and the next ones when all of these are answered, in any order; each
 * answer is looked at, and must be the one that is due. Prints "rate ANSWERS NANOSECONDS TOTAL", as echo_load does, and
 * "wait P50 P99", the nanoseconds from a write to its last answer. */

#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

enum {
	MOST_CLIENTS = 256,
	MOST_DEPTH = 64,
	/* As many as stay in the cache beside all else. What they are is known to nobody but us. */
	CALLS = 4096,
	PAYLOAD = 32,
	CALL = 7 + 32 + 1 + 2 + PAYLOAD,
	ANSWER = 8 + 2 + PAYLOAD,
	MOST_WAITS = 1 << 22,
};

static struct batch {
	unsigned char *calls, *answers;
	size_t calls_length, answers_length;
} batches[CALLS];

static struct client {
	int fd;
	int64_t since;
	const struct batch *batch;
	size_t have;
	unsigned char bytes[MOST_DEPTH * ANSWER + 1];
} clients[MOST_CLIENTS];

static int depth, pings, count_batches;
static uint32_t waits[MOST_WAITS];
static size_t count_waits;

static void fail(const char *what)
{
	fprintf(stderr, "rpc_load: %s: %s\n", what, errno ? strerror(errno) : "not what was due");
	exit(1);
}

/* Marsaglia's xorshift. */
static uint64_t chance(void)
{
	static uint64_t state;

	if (!state)
		state = (uint64_t)now() | 1;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 11;
}

/* [0, msgid, method, [bytes]] and [1, msgid, nil, bytes]. The id's last bits say which call of its batch it is. */
static void add_call(struct batch *batch, int place, const char *method)
{
	unsigned char *call = batch->calls + batch->calls_length;
	unsigned char *answer = batch->answers + batch->answers_length;
	uint32_t id = (uint32_t)chance() << 6 | 1u << 31 | (uint32_t)place;
	size_t name = strlen(method);

	call[0] = 0x94;
	call[1] = 0;
	call[2] = 0xce;
	for (int i = 0; i < 4; i++)
		call[3 + i] = (unsigned char)(id >> (24 - 8 * i));
	call[7] = (unsigned char)(0xa0 | name);
	memcpy(call + 8, method, name);
	call += 8 + name;
	call[0] = 0x91;
	call[1] = 0xc4;
	call[2] = PAYLOAD;
	for (int i = 0; i < PAYLOAD; i++)
		call[3 + i] = (unsigned char)chance();
	memcpy(answer, batch->calls + batch->calls_length, 7);
	answer[1] = 1;
	answer[7] = 0xc0;
	memcpy(answer + 8, call + 1, 2 + PAYLOAD);
	batch->calls_length += 8 + name + 3 + PAYLOAD;
	batch->answers_length += ANSWER;
}

static void add_ping(struct batch *batch)
{
	static const char ping[] = "*1\r\n$4\r\nPING\r\n", pong[] = "+PONG\r\n";

	memcpy(batch->calls + batch->calls_length, ping, sizeof ping - 1);
	memcpy(batch->answers + batch->answers_length, pong, sizeof pong - 1);
	batch->calls_length += sizeof ping - 1;
	batch->answers_length += sizeof pong - 1;
}

static void make_batches(int methods, char **names)
{
	count_batches = CALLS / depth;
	for (int i = 0; i < count_batches; i++) {
		struct batch *batch = &batches[i];

		batch->calls = malloc((size_t)depth * CALL);
		batch->answers = malloc((size_t)depth * ANSWER);
		for (int place = 0; place < depth; place++) {
			if (pings)
				add_ping(batch);
			else
				add_call(batch, place, names[chance() % (uint64_t)methods]);
		}
	}
}

static void ask(struct client *c)
{
	c->batch = &batches[chance() % (uint64_t)count_batches];
	c->have = 0;
	c->since = now();
	if (send(c->fd, c->batch->calls, c->batch->calls_length, MSG_NOSIGNAL) !=
	    (ssize_t)c->batch->calls_length)
		fail("send");
}

/* All are there, each once, if not in their order. */
static void check_one_by_one(const struct client *c)
{
	uint64_t seen = 0;

	errno = 0;
	for (int i = 0; i < depth && !pings; i++) {
		const unsigned char *answer = c->bytes + i * ANSWER;
		int place = answer[6] & (MOST_DEPTH - 1);

		if (place >= depth || seen & 1ull << place ||
		    memcmp(answer, c->batch->answers + place * ANSWER, ANSWER) != 0)
			fail("an answer");
		seen |= 1ull << place;
	}
	if (pings)
		fail("an answer");
}

/* What has come; how many answers that completes. */
static int hear(struct client *c)
{
	ssize_t count = recv(c->fd, c->bytes + c->have, sizeof c->bytes - c->have, MSG_DONTWAIT);
	int64_t took;

	if (count < 0 && errno == EAGAIN)
		return 0;
	if (count <= 0) {
		errno = count == 0 ? ECONNRESET : errno;
		fail("no answer");
	}
	c->have += (size_t)count;
	if (c->have < c->batch->answers_length)
		return 0;
	if (c->have > c->batch->answers_length ||
	    memcmp(c->bytes, c->batch->answers, c->batch->answers_length) != 0)
		check_one_by_one(c);
	took = now() - c->since;
	if (count_waits < MOST_WAITS)
		waits[count_waits++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	ask(c);
	return depth;
}

static long go_on(int count, int64_t until)
{
	long answers = 0;

	while (now() < until) {
		long before = answers;

		for (int i = 0; i < count; i++)
			answers += hear(&clients[i]);
		/* Perhaps there is one core for both. */
		if (answers == before)
			sched_yield();
	}
	return answers;
}

static int by_length(const void *one, const void *two)
{
	uint32_t a = *(const uint32_t *)one, b = *(const uint32_t *)two;

	return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
	int port = argc > 5 ? atoi(argv[2]) : 0, count = argc > 5 ? atoi(argv[3]) : 0, on = 1;
	int64_t length = argc > 5 ? atol(argv[5]) * 1000000 : 0, begin;
	long before, answers;

	depth = argc > 5 ? atoi(argv[4]) : 0;
	pings = argc == 6 && strcmp(argv[1], "redis") == 0;
	if (port <= 0 || count <= 0 || count > MOST_CLIENTS || depth <= 0 || depth > MOST_DEPTH || length <= 0 ||
	    (!pings && (argc < 7 || strcmp(argv[1], "rpc") != 0))) {
		fprintf(stderr, "usage: rpc_load rpc PORT CLIENTS DEPTH MILLISECONDS METHOD..., or redis without one\n");
		return 2;
	}
	aim(port);
	make_batches(argc - 6, argv + 6);
	for (int i = 0; i < count; i++) {
		clients[i].fd = try_open();
		if (clients[i].fd < 0 || setsockopt(clients[i].fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0)
			fail("connect");
		/* The least to think about, where it can be had: nothing is lost on the way. */
		setsockopt(clients[i].fd, IPPROTO_TCP, TCP_CONGESTION, "reno", sizeof "reno" - 1);
		ask(&clients[i]);
	}
	/* In the first fifth all warms up. */
	before = go_on(count, now() + length / 5);
	count_waits = 0;
	begin = now();
	answers = go_on(count, begin + length - length / 5);
	printf("rate %ld %lld %ld\n", answers, (long long)(now() - begin), before + answers);
	qsort(waits, count_waits, sizeof *waits, by_length);
	errno = ETIME;
	if (count_waits == 0)
		fail("the machine is too busy for a single answer");
	printf("wait %u %u\n", waits[count_waits / 2], waits[count_waits - 1 - count_waits / 100]);
	return 0;
}
