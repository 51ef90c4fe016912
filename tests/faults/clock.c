/* A wall clock that is a day ahead or a day behind, and goes from the one to the other eight times a second. Preloaded. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME)
        now->tv_sec += now->tv_nsec / 125000000 % 2 ? 86400 : -86400;
    return failed;
}
