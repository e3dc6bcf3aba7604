/* What a master-worker framework is measured against: the least that a program must do to have workers, know that
 * they are ready, and replace one that died. No titles, no logs, no limits, no configuration.
 *
 *   fork_loop serve N [STAMPS]   starts N workers, prints "ready MICROSECONDS", replaces whichever dies, for ever
 *   fork_loop turns N            starts N, each when the one before it is ready, prints "ready MICROSECONDS", and ends
 *                                with its workers
 *   fork_loop deaths N ROUNDS    starts N, then ROUNDS times: kills one, waits for it, forks, waits for the successor;
 *                                prints "death MICROSECONDS" each time, and ends with its workers
 *
 * A worker that is ready appends a line to STAMPS (its pid, and CLOCK_MONOTONIC in nanoseconds), then writes one byte
 * into the pipe that all share, and pauses. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ready[2];
static const char *stamps;

static void fail(const char *what)
{
	fprintf(stderr, "fork_loop: %s: %s\n", what, strerror(errno));
	/* The group is ours alone: no worker stays behind, nor do we. */
	kill(0, SIGKILL);
	_exit(1);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void stamp(void)
{
	char line[64];
	int file = open(stamps, O_WRONLY | O_APPEND | O_CLOEXEC);
	int length = snprintf(line, sizeof line, "%d %lld\n", (int)getpid(), (long long)now());

	if (file < 0 || write(file, line, (size_t)length) != length)
		_exit(1);
	close(file);
}

static pid_t start(void)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid > 0)
		return pid;
	close(ready[0]);
	if (stamps)
		stamp();
	if (write(ready[1], "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void await(int workers)
{
	char bytes[4096];

	while (workers > 0) {
		size_t most = (size_t)workers < sizeof bytes ? (size_t)workers : sizeof bytes;
		ssize_t got = read(ready[0], bytes, most);

		if (got <= 0)
			fail("read");
		workers -= (int)got;
	}
}

static void serve(void)
{
	for (;;) {
		if (waitpid(-1, NULL, 0) < 0)
			fail("waitpid");
		start();
		await(1);
	}
}

static void deaths(pid_t *workers, int count, int rounds)
{
	for (int round = 0; round < rounds; round++) {
		pid_t *slot = &workers[round % count];
		int64_t begin = now();

		if (kill(*slot, SIGKILL) < 0)
			fail("kill");
		if (waitpid(*slot, NULL, 0) < 0)
			fail("waitpid");
		*slot = start();
		await(1);
		printf("death %lld\n", (long long)(now() - begin) / 1000);
	}
}

static void end(const pid_t *workers, int count)
{
	for (int i = 0; i < count; i++) {
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
}

int main(int argc, char **argv)
{
	int64_t begin = now();
	int count = argc > 2 ? atoi(argv[2]) : 0;
	int serving = argc > 2 && strcmp(argv[1], "serve") == 0;
	int in_turn = argc > 2 && strcmp(argv[1], "turns") == 0;
	int dying = argc > 3 && strcmp(argv[1], "deaths") == 0;

	if (count < 1 || (!serving && !in_turn && !dying)) {
		fprintf(stderr, "usage: fork_loop serve N [STAMPS] | turns N | deaths N ROUNDS\n");
		return 2;
	}
	stamps = serving && argc > 3 ? argv[3] : NULL;
	pid_t *workers = calloc((size_t)count, sizeof *workers);
	if (!workers || pipe(ready) < 0)
		fail("start");
	for (int i = 0; i < count; i++) {
		workers[i] = start();
		if (in_turn)
			await(1);
	}
	if (!in_turn)
		await(count);
	printf("ready %lld\n", (long long)(now() - begin) / 1000);
	fflush(stdout);
	if (serving)
		serve();
	if (dying)
		deaths(workers, count, atoi(argv[3]));
	end(workers, count);
	return 0;
}
