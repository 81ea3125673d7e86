/* System calls that fail on demand, for LD_PRELOAD: the n-th one on files below a folder, or the
 * n-th start of a process or thread, or the n-th request for memory; or the wall clock jumps there.
 *
 * Also keeps what a power cut would leave: at each successful fsync of a file a copy of it, and at
 * that of a directory its names, in a folder beside. failing_calls.py has the other side. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum mode { ONCE, LASTING, SHORT, CUT };
enum family { FILES, STARTS, MEMORY, CLOCK };

static char folder[PATH_MAX], durable[PATH_MAX];
static long wanted, counted;
static int number, mode, family, armed, inside;

/* Looked up once: a child between fork and exec must not wait for the linker's lock. */
#define REAL(name)                                                                                 \
    ({                                                                                             \
        static __typeof__(&name) real;                                                             \
        if (real == NULL)                                                                          \
            real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                     \
        real;                                                                                      \
    })

/* From now on: the `nth` call, counted from 1, fails with `error`. */
void arm_calls(const char *where, const char *kept, long nth, int error, int how)
{
    snprintf(folder, sizeof folder, "%s", where);
    snprintf(durable, sizeof durable, "%s", kept);
    wanted = nth, number = error, mode = how, counted = 0, family = FILES, armed = 1;
}

/* The same for what has nothing to do with files; a clock jumps by `error` seconds. */
void arm_others(int which, long nth, int error, int how)
{
    wanted = nth, number = error, mode = how, counted = 0, family = which, armed = 1;
}

/* A program and all it starts: "FAMILY NTH ERROR MODE" in the environment, each with a count of its
 * own, which is in a file named by its number when it ends. */
__attribute__((constructor)) static void arm_from_outside(void)
{
    const char *wish = getenv("FAILING_CALLS");
    long nth;
    int which, error, how;
    if (wish != NULL && sscanf(wish, "%d %ld %d %d", &which, &nth, &error, &how) == 4)
        arm_others(which, nth, error, how);
}

__attribute__((destructor)) static void tell_outside(void)
{
    char path[PATH_MAX];
    const char *where = getenv("COUNTED_CALLS");
    armed = 0;
    if (where == NULL)
        return;
    snprintf(path, sizeof path, "%s/%d", where, (int)getpid());
    FILE *file = fopen(path, "w");
    if (file != NULL) {
        fprintf(file, "%ld", counted);
        fclose(file);
    }
}

void disarm_calls(void) { armed = 0; }

long counted_calls(void) { return counted; }

static int is_meant(const char *path)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    return length > 0;
}

/* Counts a call; whether it is to fail. */
static int falls_due(void)
{
    counted++;
    if (counted < wanted || (mode != LASTING && mode != SHORT && counted > wanted))
        return 0;
    if (mode == CUT)
        _exit(137);
    errno = number;
    return 1;
}

static int fails_at(const char *path)
{
    char whole[PATH_MAX * 2];
    if (!armed || family != FILES || inside || path == NULL)
        return 0;
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (getcwd(here, sizeof here) == NULL)
            return 0;
        snprintf(whole, sizeof whole, "%s/%s", here, path);
        path = whole;
    }
    return is_meant(path) && falls_due();
}

static int fails_on(int fd)
{
    char path[PATH_MAX];
    if (!armed || family != FILES || inside || !path_of(fd, path))
        return 0;
    return is_meant(path) && falls_due();
}

static void keep_names(const char *path, const char *kept)
{
    DIR *open_folder = opendir(path);
    FILE *list = fopen(kept, "w");
    struct dirent *entry;
    if (open_folder != NULL && list != NULL)
        while ((entry = readdir(open_folder)) != NULL)
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                fprintf(list, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
    if (list != NULL)
        fclose(list);
    if (open_folder != NULL)
        closedir(open_folder);
}

static void keep_content(int fd, const char *kept)
{
    char link[64], buffer[65536];
    ssize_t got;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int from = REAL(open)(link, O_RDONLY | O_CLOEXEC);
    int to = REAL(open)(kept, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while (from >= 0 && to >= 0 && (got = read(from, buffer, sizeof buffer)) > 0)
        if (REAL(write)(to, buffer, got) != got)
            abort();
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
}

/* What was synced survives a power cut. */
static void keep(int fd)
{
    char path[PATH_MAX], kept[PATH_MAX * 2];
    struct stat status;
    if (!armed || !durable[0] || !path_of(fd, path) || !is_meant(path) || fstat(fd, &status) != 0)
        return;
    int before = errno;
    inside = 1;
    snprintf(kept, sizeof kept, "%s/%lu", durable, (unsigned long)status.st_ino);
    if (S_ISDIR(status.st_mode))
        keep_names(path, kept);
    else
        keep_content(fd, kept);
    inside = 0;
    errno = before;
}

/* A new file may have the number of one that is gone, and nothing of it is synced. */
static void forget(int fd)
{
    char path[PATH_MAX], kept[PATH_MAX * 2];
    struct stat status;
    if (!armed || !durable[0] || fd < 0 || !path_of(fd, path) || !is_meant(path))
        return;
    if (fstat(fd, &status) == 0 && status.st_size == 0) {
        snprintf(kept, sizeof kept, "%s/%lu", durable, (unsigned long)status.st_ino);
        unlink(kept);
    }
}

/* Half of a write reaches a disk that is getting full. */
static size_t part_of(size_t size) { return mode == SHORT && counted == wanted ? size / 2 : 0; }

ssize_t write(int fd, const void *data, size_t size)
{
    if (fails_on(fd))
        return part_of(size) ? REAL(write)(fd, data, part_of(size)) : -1;
    return REAL(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    if (fails_on(fd))
        return part_of(size) ? REAL(pwrite)(fd, data, part_of(size), at) : -1;
    return REAL(pwrite)(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    if (fails_on(fd))
        return part_of(size) ? REAL(pwrite64)(fd, data, part_of(size), at) : -1;
    return REAL(pwrite64)(fd, data, size, at);
}

int fsync(int fd)
{
    if (fails_on(fd))
        return -1;
    int result = REAL(fsync)(fd);
    if (result == 0)
        keep(fd);
    return result;
}

int fdatasync(int fd)
{
    if (fails_on(fd))
        return -1;
    int result = REAL(fdatasync)(fd);
    if (result == 0)
        keep(fd);
    return result;
}

int ftruncate(int fd, off_t size) { return fails_on(fd) ? -1 : REAL(ftruncate)(fd, size); }

int ftruncate64(int fd, off64_t size) { return fails_on(fd) ? -1 : REAL(ftruncate64)(fd, size); }

int rename(const char *from, const char *to) { return fails_at(to) ? -1 : REAL(rename)(from, to); }

int link(const char *from, const char *to) { return fails_at(to) ? -1 : REAL(link)(from, to); }

int mkdir(const char *path, mode_t bits) { return fails_at(path) ? -1 : REAL(mkdir)(path, bits); }

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        mode_t bits = 0;                                                                           \
        if (flags & (O_CREAT | O_TMPFILE)) {                                                       \
            va_list more;                                                                          \
            va_start(more, flags);                                                                 \
            bits = va_arg(more, mode_t);                                                           \
            va_end(more);                                                                          \
        }                                                                                          \
        /* To read is none of a writer's business, and needs no space. */                          \
        if ((flags & (O_CREAT | O_ACCMODE)) != O_RDONLY && fails_at(path))                         \
            return -1;                                                                             \
        int fd = REAL(name)(path, flags, bits);                                                    \
        if (flags & O_CREAT)                                                                       \
            forget(fd);                                                                            \
        return fd;                                                                                 \
    }
OPEN(open)
OPEN(open64)

static int fails_in(int which) { return armed && family == which && !inside && falls_due(); }

pid_t fork(void) { return fails_in(STARTS) ? -1 : REAL(fork)(); }

/* A child that borrows its parent's stack cannot come through here; Python then takes fork. */
pid_t vfork(void)
{
    errno = ENOSYS;
    return -1;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *how, char *const words[], char *const environment[])
{
    if (fails_in(STARTS))
        return number;
    return REAL(posix_spawn)(pid, path, actions, how, words, environment);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *with)
{
    return fails_in(STARTS) ? number : REAL(pthread_create)(thread, how, run, with);
}

/* Python asks for memory in pieces like that; what the system's own library takes is not seen. */
void *mmap(void *at, size_t size, int bits, int flags, int fd, off_t from)
{
    if (fails_in(MEMORY))
        return MAP_FAILED;
    return REAL(mmap)(at, size, bits, flags, fd, from);
}

void *mmap64(void *at, size_t size, int bits, int flags, int fd, off64_t from)
{
    if (fails_in(MEMORY))
        return MAP_FAILED;
    return REAL(mmap64)(at, size, bits, flags, fd, from);
}

/* From the n-th look on (once: at that look alone) the wall clock is so many seconds off. */
static long jump(void)
{
    if (!armed || family != CLOCK || inside)
        return 0;
    counted++;
    return counted == wanted || (mode == LASTING && counted > wanted) ? number : 0;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = REAL(clock_gettime)(clock, now);
    if (clock == CLOCK_REALTIME && result == 0)
        now->tv_sec += jump();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    int result = REAL(gettimeofday)(now, zone);
    if (result == 0)
        now->tv_sec += jump();
    return result;
}

time_t time(time_t *now)
{
    time_t result = REAL(time)(NULL) + jump();
    if (now != NULL)
        *now = result;
    return result;
}
