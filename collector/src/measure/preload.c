/* The object that uptick preloads into a benchmark process.
 *
 * It pins what would make two runs of one binary differ, and it marks the
 * places at which a benchmark harness reads the clock, because those brackets
 * are exactly the region that the harness itself would have timed:
 *
 *   - getrandom, getentropy       -> SplitMix64 from a fixed seed
 *   - clock_gettime & co.         -> a clock that ticks 1 us per reading and
 *                                    jumps once, which ends a warm-up loop after
 *                                    a fixed number of calls
 *   - setitimer(ITIMER_PROF)      -> ignored: a sampling profiler inside the
 *                                    benchmark would be counted with it
 *
 * At every reading of CLOCK_MONOTONIC it leaves a mark, by the mode:
 *   'v'  a callgrind client request that cuts the running totals; instrumentation
 *        begins at the first output, which a harness writes just before it runs the
 *        benchmark: what sets up all the others runs five times as fast until then
 *   'V'  the same, with instrumentation on from the start
 *   'p'  the value of a perf_event counter that the parent opened, to a log
 *   'n'  no mark; at its end a process writes down how much memory it had at most, which the
 *        kernel's own figure mixes with what the process had before it executed the program
 *   'w'  as 'n', but one cut in callgrind's totals before the program's own code
 *        begins: how long the dynamic linker takes is no cost of the program, and
 *        it is the one part that does not repeat to the instruction
 *
 * Settings come in one variable of fixed shape, so that the environment has
 * the same size whatever is asked for:
 *   UPTICK_PRELOAD = MODE CLOCK ':' JUMP(8) ':' SEED(16 hex) ':' MILLIS(8)
 *     MODE   one of these          CLOCK  f (faked) or r (real)
 *     JUMP   the reading (from 1) at which the clock jumps by 10 s
 *     MILLIS mode 'p': jump only after that much real time has passed
 * The counter is read from descriptor 198, the log is written to 199.
 *
 * A process that a benchmark starts is told apart by the file that UPTICK_CHILDREN names: the
 * benchmark keeps the number of its readings there, and each child writes down between which of
 * them it lived, so that its cost is counted with the iteration that started it. A child leaves
 * no marks of its own, and its clock never jumps.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { COUNTER_FD = 198, LOG_FD = 199 };
/* A routine that reads the clock itself must not fill the disk with marks. */
enum { MARKS_MAX = 4096 };
static const int64_t TICK_NS = 1000;
static const int64_t JUMP_NS = 10000000000LL;
/* After the jump has had its chance, every reading jumps: whatever loop is
 * still waiting for time to pass comes to an end. */
enum { FAILSAFE_AFTER = 64 };
static const int64_t EPOCH_S = 1700000000;

static char mode = 'n';
static int fake_clock;
static uint64_t jump_at = 6;
static uint64_t jump_after_ms;
static uint64_t rng;
static uint64_t readings;
static uint64_t marks;
static int instrumented;
static uint64_t jumped_at;
static int64_t now_ns;
static int64_t began_ms;
static int (*real_clock)(clockid_t, struct timespec *);
static int (*real_execvp)(const char *, char *const *);
static int (*real_execvpe)(const char *, char *const *, char *const *);

static uint64_t number(const char *s, int digits, int base) {
    uint64_t v = 0;
    for (int i = 0; i < digits; i++) {
        char c = s[i];
        int d = c >= 'a' ? c - 'a' + 10 : c - '0';
        if (c == 0 || d < 0 || d >= base) return v;
        v = v * (uint64_t)base + (uint64_t)d;
    }
    return v;
}

static int64_t real_ms(void) {
    struct timespec t;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void cut_totals(const char *tag);
static unsigned long request(unsigned long what, const char *tag);
/* Requests of valgrind's tool "CT" (callgrind). */
static const unsigned long DUMP_STATS_AT = 0x43540003ul;
static const unsigned long START_INSTRUMENTATION = 0x43540004ul;
/* Of valgrind itself: whether it runs this. */
static const unsigned long RUNNING_ON_VALGRIND = 0x1001ul;

/* --- children ------------------------------------------------------------- */

enum { CHILDREN_MAX = 4096 };
/* `ended` is one more than the number of readings, so that 0 says that nothing is known. */
struct child { uint64_t pid, began, ended; };
struct family {
    uint64_t owner, readings, count, space;
    struct child child[CHILDREN_MAX];
};

static struct family *family;
static struct child *self;
static int is_child;
static int native;
/* Whether it lives in another space of process numbers than the benchmark: others may have its own. */
static int is_apart;

static int set_aside(void);

/* The process that was entered last: a child of `vfork` or a bare `clone` comes by no handler. */
static pid_t here;

/* Which space of process numbers this process lives in. */
static uint64_t space(void) {
    struct stat about;
    long got = syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &about, 0);
    return got == 0 ? (uint64_t)about.st_ino : 0;
}

static void enter_family(void) {
    here = getpid();
    is_apart = family->space != space();
    /* What is there was left by another process that had this number. */
    set_aside();
    uint64_t i = __atomic_fetch_add(&family->count, 1, __ATOMIC_RELAXED);
    self = i < CHILDREN_MAX ? &family->child[i] : NULL;
    if (self) {
        self->began = family->readings;
        self->pid = (uint64_t)getpid();
    }
    /* A command's processes are only listed: one that leaves no output was killed. Where their own
     * cost begins, they say by themselves. */
    if (mode == 'w') return;
    is_child = 1;
    jump_at = UINT64_MAX;
    /* What the dynamic linker did, or the parent before it forked, is no cost of the child. */
    request(START_INSTRUMENTATION, NULL);
    cut_totals("start");
}

/* In the child of a fork. The counter has what the parent did before in its totals, and would count
 * it once more. */
static void forked(void) {
    enter_family();
    if (mode == 'w') cut_totals("start");
}

/* Under valgrind `vfork` forks; else the child lives in its parent's memory, which it must not touch. */
static void notice_fork(void) {
    if (family && getpid() != here && request(RUNNING_ON_VALGRIND, NULL)) forked();
}

/* The most memory that this program had, in bytes, from "VmHWM:   123 kB". */
static uint64_t most_memory(void) {
    char text[4096];
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    long n = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    if (n <= 0) return 0;
    text[n] = 0;
    const char *p = strstr(text, "VmHWM:");
    if (!p) return 0;
    p += 6;
    while (*p == ' ' || *p == '\t') p++;
    return number(p, 19, 10) * 1024;
}

/* Writes it where the family is, if it is more than what another process wrote. */
static void leave_memory(void) {
    const char *path = native ? getenv("UPTICK_CHILDREN") : NULL;
    if (!path || !*path) return;
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    uint64_t before = 0, now = most_memory();
    /* Held until it is closed: two ends of a pipe end at once. */
    syscall(SYS_flock, fd, 2);
    syscall(SYS_pread64, fd, &before, sizeof before, 0L);
    if (now > before) syscall(SYS_pwrite64, fd, &now, sizeof now, 0L);
    syscall(SYS_close, fd);
}

static void leave_family(void) {
    leave_memory();
    notice_fork();
    if (is_apart) {
        cut_totals("exec");
        set_aside();
    }
    if (self) self->ended = family->readings + 1;
}

static void find_output(const char *children);

static void find_family(void) {
    const char *path = getenv("UPTICK_CHILDREN");
    if (!path || !*path) return;
    find_output(path);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof *family, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) return;
    family = at;
    /* The counter's own launcher may have been here before, under the same number. */
    int is_own = family->owner == (uint64_t)getpid() && family->space == space();
    /* Of each program anew: what is executed has lost its handlers. */
    pthread_atfork(NULL, NULL, forked);
    if (family->owner && !is_own) {
        enter_family();
        return;
    }
    here = getpid();
    family->owner = (uint64_t)here;
    family->space = space();
}

__attribute__((destructor)) static void end(void) {
    leave_family();
}

void _exit(int status) {
    leave_family();
    for (;;) syscall(SYS_exit_group, status);
}

__attribute__((constructor)) static void start(void) {
    real_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    /* Asked for now: after a fork, another thread's lock of the linker may be held for ever. */
    real_execvp = (int (*)(const char *, char *const *))dlsym(RTLD_NEXT, "execvp");
    real_execvpe = (int (*)(const char *, char *const *, char *const *))dlsym(RTLD_NEXT, "execvpe");
    const char *e = getenv("UPTICK_PRELOAD");
    if (!e) return;
    for (int i = 0; i < 36; i++)
        if (e[i] == 0) return;
    mode = e[0];
    fake_clock = e[1] == 'f';
    jump_at = number(e + 3, 8, 10);
    rng = number(e + 12, 16, 16);
    jump_after_ms = number(e + 29, 8, 10);
    if (jump_after_ms) began_ms = real_ms();
    if (mode == 'v' || mode == 'V' || mode == 'w') find_family();
    if (mode == 'w') cut_totals("start");
    if (mode == 'n') native = 1;
}

/* --- randomness ----------------------------------------------------------- */

static uint64_t next_random(void) {
    uint64_t z = __atomic_add_fetch(&rng, 0x9E3779B97F4A7C15ull, __ATOMIC_RELAXED);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

ssize_t getrandom(void *buf, size_t len, unsigned flags) {
    (void)flags;
    unsigned char *p = buf;
    for (size_t i = 0; i < len; i++) p[i] = (unsigned char)next_random();
    return (ssize_t)len;
}

int getentropy(void *buf, size_t len) {
    getrandom(buf, len, 0);
    return 0;
}

/* --- marks ---------------------------------------------------------------- */

/* Valgrind's client request, whose instruction sequence is part of its ABI.
 * Outside valgrind it does nothing. */
static unsigned long request(unsigned long what, const char *tag) {
    volatile unsigned long args[6] = {what, (unsigned long)tag, 0, 0, 0, 0};
#if defined(__x86_64__)
    unsigned long result = 0;
    __asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\t"
                     "rolq $61, %%rdi\n\trolq $51, %%rdi\n\t"
                     "xchgq %%rbx, %%rbx"
                     : "=d"(result)
                     : "a"(&args[0]), "0"(result)
                     : "cc", "memory");
#elif defined(__aarch64__)
    unsigned long result = 0;
    __asm__ volatile("mov x3, %1\n\tmov x4, %2\n\t"
                     "ror x12, x12, #3\n\tror x12, x12, #13\n\t"
                     "ror x12, x12, #51\n\tror x12, x12, #61\n\t"
                     "orr x10, x10, x10\n\tmov %0, x3"
                     : "=r"(result)
                     : "r"(result), "r"(&args[0])
                     : "cc", "memory", "x3", "x4");
#else
#error "uptick's preload knows x86_64 and aarch64"
#endif
    return result;
}

static void cut_totals(const char *tag) {
    request(DUMP_STATS_AT, tag);
}

static void begin_instrumentation(void) {
    if (mode != 'v' || instrumented) return;
    instrumented = 1;
    request(START_INSTRUMENTATION, NULL);
}

/* count, time enabled, time running: what a perf_event descriptor gives. */
struct sample { uint64_t value, enabled, running; };

static void log_counter(void) {
    struct sample s = {0, 0, 0};
    if (syscall(SYS_read, COUNTER_FD, &s, sizeof s) == (long)sizeof s)
        syscall(SYS_write, LOG_FD, &s, sizeof s);
}

static void mark(void) {
    if (is_child) return;
    if (__atomic_add_fetch(&marks, 1, __ATOMIC_RELAXED) > MARKS_MAX) return;
    if (mode == 'v' || mode == 'V') {
        if (family) family->readings = marks;
        cut_totals("clock");
    }
    else if (mode == 'p') log_counter();
}

/* --- the clock ------------------------------------------------------------ */

static int64_t step_for(uint64_t reading) {
    if (jumped_at) return reading > jumped_at + FAILSAFE_AFTER ? JUMP_NS : TICK_NS;
    if (reading < jump_at) return TICK_NS;
    if (jump_after_ms && real_ms() - began_ms < (int64_t)jump_after_ms) return TICK_NS;
    jumped_at = reading;
    return JUMP_NS;
}

static int64_t read_monotonic(void) {
    uint64_t reading = __atomic_add_fetch(&readings, 1, __ATOMIC_RELAXED);
    return __atomic_add_fetch(&now_ns, step_for(reading), __ATOMIC_RELAXED);
}

static int is_monotonic(clockid_t c) {
    return c == CLOCK_MONOTONIC || c == CLOCK_MONOTONIC_RAW || c == CLOCK_MONOTONIC_COARSE ||
           c == CLOCK_BOOTTIME;
}

int clock_gettime(clockid_t c, struct timespec *t) {
    if (!fake_clock) {
        /* Through libc where it is known: the kernel's fast path, not a system call. */
        int r = real_clock ? real_clock(c, t) : (int)syscall(SYS_clock_gettime, c, t);
        if (c == CLOCK_MONOTONIC) mark();
        return r;
    }
    int64_t ns;
    if (c == CLOCK_MONOTONIC) {
        ns = read_monotonic();
        mark();
    } else {
        ns = __atomic_add_fetch(&now_ns, TICK_NS, __ATOMIC_RELAXED);
    }
    t->tv_sec = (is_monotonic(c) ? 0 : EPOCH_S) + ns / 1000000000;
    t->tv_nsec = ns % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
    (void)zone;
    struct timespec s;
    int r = clock_gettime(CLOCK_REALTIME, &s);
    if (r != 0) return r;
    t->tv_sec = s.tv_sec;
    t->tv_usec = s.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec s;
    clock_gettime(CLOCK_REALTIME, &s);
    if (out) *out = s.tv_sec;
    return s.tv_sec;
}

/* --- waiting: a faked clock must move when somebody sleeps on it ----------- */

static void advance(int64_t ns) {
    if (ns > 0) __atomic_add_fetch(&now_ns, ns, __ATOMIC_RELAXED);
}

static int64_t in_ns(const struct timespec *t) {
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

int clock_nanosleep(clockid_t c, int flags, const struct timespec *want, struct timespec *left) {
    if (!fake_clock) {
        long r = syscall(SYS_clock_nanosleep, c, flags, want, left);
        return r == 0 ? 0 : errno;
    }
    int64_t base = flags & TIMER_ABSTIME
                       ? __atomic_load_n(&now_ns, __ATOMIC_RELAXED) +
                             (is_monotonic(c) ? 0 : EPOCH_S * 1000000000)
                       : 0;
    advance(in_ns(want) - base);
    return 0;
}

int nanosleep(const struct timespec *want, struct timespec *left) {
    if (!fake_clock) return (int)syscall(SYS_nanosleep, want, left);
    advance(in_ns(want));
    return 0;
}

/* A wait that ran out moves the clock by what it waited. */
static int waited(int ready, int64_t timeout_ms) {
    if (fake_clock && ready == 0) advance(timeout_ms * 1000000);
    return ready;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout) {
    return waited((int)syscall(SYS_epoll_pwait, fd, events, max, timeout, NULL, 8), timeout);
}

int poll(struct pollfd *fds, nfds_t n, int timeout) {
    struct timespec t = {timeout / 1000, (timeout % 1000) * 1000000L};
    return waited((int)syscall(SYS_ppoll, fds, n, timeout < 0 ? NULL : &t, NULL, 8), timeout);
}

/* --- output: the harness names the benchmark just before it runs it --------- */

ssize_t write(int fd, const void *buf, size_t len) {
    if (fd == 1 || fd == 2) begin_instrumentation();
    return (ssize_t)syscall(SYS_write, fd, buf, len);
}

ssize_t writev(int fd, const struct iovec *parts, int n) {
    if (fd == 1 || fd == 2) begin_instrumentation();
    return (ssize_t)syscall(SYS_writev, fd, parts, n);
}

/* --- executing another program ----------------------------------------------
 *
 * What a process has cost is written nowhere once another program stands in its place: the counter
 * begins anew, in a file of the same name. So the totals are cut before, and what is written by then
 * gets a name of its own: "o-TAG.PIDx1". Where nothing is executed it gets its old one back.
 *
 * Two processes may have one number: in spaces of numbers of their own (`unshare -p`) each first one
 * is 1. Whoever begins gives what the other left a name of its own, and whoever ends there its own. */

/* Where the counter writes, up to the number of the process. */
static char output[512];

static void find_output(const char *children) {
    static const char NAME[] = "/children-";
    const char *last = strrchr(children, '/');
    if (!last || strncmp(last, NAME, sizeof NAME - 1) != 0) return;
    size_t dir = (size_t)(last - children);
    const char *tag = last + sizeof NAME - 1;
    if (dir + strlen(tag) + 8 > sizeof output) return;
    memcpy(output, children, dir);
    strcpy(output + dir, "/o-");
    strcat(output, tag);
    strcat(output, ".");
}

struct left { char from[sizeof output + 24], to[sizeof output + 32]; };

static void append_number(char *text, uint64_t n) {
    char digits[24];
    int i = sizeof digits - 1;
    digits[i] = 0;
    do digits[--i] = (char)('0' + n % 10); while (n /= 10);
    strcat(text, digits + i);
}

/* Gives what was written under this process's number a name of its own; whether there was any. The
 * counter makes an empty file as it begins. */
static int rename_part(struct left *l) {
    struct stat about;
    if (!output[0]) return 0;
    strcpy(l->from, output);
    append_number(l->from, (uint64_t)getpid());
    if (syscall(SYS_newfstatat, AT_FDCWD, l->from, &about, 0) != 0 || about.st_size == 0) return 0;
    for (uint64_t i = 1; i < 1000; i++) {
        strcpy(l->to, l->from);
        strcat(l->to, "x");
        append_number(l->to, i);
        if (syscall(SYS_linkat, AT_FDCWD, l->from, AT_FDCWD, l->to, 0) == 0) {
            syscall(SYS_unlinkat, AT_FDCWD, l->from, 0);
            return 1;
        }
        if (errno != EEXIST) return 0;
    }
    return 0;
}

static int set_aside(void) {
    struct left l;
    return rename_part(&l);
}

/* Whether something was left that has a name of its own now. */
static int leave_part(struct left *l) {
    if (!output[0]) return 0;
    notice_fork();
    cut_totals("exec");
    return rename_part(l);
}

/* Executing failed: the process goes on, and the counter writes on where it did. */
static int go_on(int was_left, const struct left *l) {
    int why = errno;
    if (was_left) syscall(SYS_renameat2, AT_FDCWD, l->to, AT_FDCWD, l->from, 0);
    errno = why;
    return -1;
}

#define EXECUTE(call)                  \
    do {                               \
        struct left l;                 \
        int was_left = leave_part(&l); \
        call;                          \
        return go_on(was_left, &l);    \
    } while (0)

int execve(const char *path, char *const args[], char *const env[]) {
    EXECUTE(syscall(SYS_execve, path, args, env));
}

int execv(const char *path, char *const args[]) {
    EXECUTE(syscall(SYS_execve, path, args, environ));
}

int execvp(const char *file, char *const args[]) {
    EXECUTE(if (real_execvp) real_execvp(file, args); else errno = ENOSYS);
}

int execvpe(const char *file, char *const args[], char *const env[]) {
    EXECUTE(if (real_execvpe) real_execvpe(file, args, env); else errno = ENOSYS);
}

int fexecve(int fd, char *const args[], char *const env[]) {
    EXECUTE(syscall(SYS_execveat, fd, "", args, env, AT_EMPTY_PATH));
}

/* The arguments of a list up to its NULL; `rest` gives what stands behind that. */
enum { ARGUMENTS_MAX = 4096 };
static int listed(char *args[], const char *first, va_list *rest) {
    int n = 0;
    args[n++] = (char *)first;
    while (args[n - 1] && n < ARGUMENTS_MAX) args[n++] = va_arg(*rest, char *);
    if (!args[n - 1]) return 1;
    errno = E2BIG;
    return 0;
}

int execl(const char *path, const char *first, ...) {
    char *args[ARGUMENTS_MAX];
    va_list rest;
    va_start(rest, first);
    int whole = listed(args, first, &rest);
    va_end(rest);
    return whole ? execv(path, args) : -1;
}

int execlp(const char *file, const char *first, ...) {
    char *args[ARGUMENTS_MAX];
    va_list rest;
    va_start(rest, first);
    int whole = listed(args, first, &rest);
    va_end(rest);
    return whole ? execvp(file, args) : -1;
}

int execle(const char *path, const char *first, ...) {
    char *args[ARGUMENTS_MAX];
    va_list rest;
    va_start(rest, first);
    int whole = listed(args, first, &rest);
    char *const *env = va_arg(rest, char *const *);
    va_end(rest);
    return whole ? execve(path, args, env) : -1;
}

/* --- profilers inside the benchmark ---------------------------------------- */

int setitimer(__itimer_which_t which, const struct itimerval *restrict value,
              struct itimerval *restrict old) {
    if (which == ITIMER_PROF) return 0;
    return (int)syscall(SYS_setitimer, which, value, old);
}
