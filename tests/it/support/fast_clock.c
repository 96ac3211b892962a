/* A clock for one process (LD_PRELOAD): from SIGUSR2 on, time runs SPEED times as fast.
 *
 * Both clocks run fast, and every wait that has a time limit is cut into short ones, so that a limit that
 * was set before the signal is met by the fast clock too. Waits without a limit stay as they are. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { SECOND = 1000000000, SLICE_MS = 10 };

static volatile int64_t since; /* CLOCK_MONOTONIC at the signal, in nanoseconds; 0: not yet */
static int64_t speed = 1;

static int64_t real(clockid_t id) {
    struct timespec t = {0, 0};
    syscall(SYS_clock_gettime, id, &t);
    return (int64_t)t.tv_sec * SECOND + t.tv_nsec;
}

static int64_t ahead(void) {
    return since ? (real(CLOCK_MONOTONIC) - since) * (speed - 1) : 0;
}

static void hurry(int signal) {
    (void)signal;
    since = real(CLOCK_MONOTONIC);
}

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("FAST_CLOCK");
    speed = text ? atoll(text) : 1;
    struct sigaction action = {.sa_handler = hurry, .sa_flags = SA_RESTART};
    sigaction(SIGUSR2, &action, NULL);
}

int clock_gettime(clockid_t id, struct timespec *t) {
    int answer = (int)syscall(SYS_clock_gettime, id, t);
    if (answer == 0 && (id == CLOCK_MONOTONIC || id == CLOCK_REALTIME)) {
        int64_t now = (int64_t)t->tv_sec * SECOND + t->tv_nsec + ahead();
        t->tv_sec = now / SECOND;
        t->tv_nsec = now % SECOND;
    }
    return answer;
}

static int64_t fast(void) { return real(CLOCK_MONOTONIC) + ahead(); }

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    int64_t end = fast() + (int64_t)timeout * 1000000;
    for (;;) {
        int slice = timeout < 0 ? -1 : timeout == 0 ? 0 : SLICE_MS;
        int answer = (int)syscall(SYS_epoll_pwait, fd, events, most, slice, NULL, 8);
        if (answer != 0 || timeout <= 0 || fast() >= end) return answer;
    }
}

int clock_nanosleep(clockid_t id, int flags, const struct timespec *wanted, struct timespec *left) {
    (void)left;
    int64_t end = (int64_t)wanted->tv_sec * SECOND + wanted->tv_nsec;
    if (!(flags & TIMER_ABSTIME)) end += fast();
    else if (id == CLOCK_REALTIME) end += real(CLOCK_MONOTONIC) - real(CLOCK_REALTIME);
    struct timespec slice = {0, SLICE_MS * 1000000};
    while (fast() < end) syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &slice, NULL);
    return 0;
}

int nanosleep(const struct timespec *wanted, struct timespec *left) {
    return clock_nanosleep(CLOCK_MONOTONIC, 0, wanted, left);
}
