/* A wall clock that is off by $OFF seconds; without that, a day ahead or a day behind, and from the one to the other eight
 * times a second. Preloaded. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    const char *off = getenv("OFF");
    if (!failed && clock == CLOCK_REALTIME)
        now->tv_sec += off ? atol(off) : now->tv_nsec / 125000000 % 2 ? 86400 : -86400;
    return failed;
}
