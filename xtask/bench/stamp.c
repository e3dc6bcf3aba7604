/* A worker that is a program and does nothing: it writes the moment at which it runs to a FIFO, and waits. */
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int fifo = argc == 2 ? open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fifo < 0)
        return 1;
    dprintf(fifo, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    for (;;)
        pause();
}
