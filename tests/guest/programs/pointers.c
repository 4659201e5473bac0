// Every pointer of a call, in turn, at memory that is not there, may not be read or written, or ends too early:
// the answer is EFAULT, and the call has done nothing. The other arguments are good.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { GOOD = 0x10000, IN = 1 << 20, OUT = 1 << 21 };
/** A pointer to zeros; read by the call, or written by it. */
#define R (GOOD | IN)
#define W (GOOD | OUT)
/** The path of a file that is there; a path that is not. */
#define FILE_PATH (GOOD | IN | 1)
#define NEW_PATH (GOOD | IN | 2)
/** One vector of 8 bytes; a time that has passed. */
#define VECTOR (GOOD | IN | 3)
#define FD 1000

static const struct { long number; const char *name; long arguments[6]; } calls[] = {
#define CALL(name, ...) {SYS_##name, #name, {__VA_ARGS__}}
  CALL(getcwd, W, 4096), CALL(pipe2, W, 0), CALL(read, FD, W, 8), CALL(write, FD, R, 8), CALL(pread64, FD, W, 8, 0),
  CALL(pwrite64, FD, R, 8, 0), CALL(readv, FD, VECTOR, 1), CALL(writev, FD, VECTOR, 1),
  CALL(newfstatat, AT_FDCWD, FILE_PATH, W, 0), CALL(fstat, FD, W), CALL(statx, AT_FDCWD, FILE_PATH, 0, 0x7ff, W),
  CALL(openat, AT_FDCWD, FILE_PATH, 0, 0), CALL(faccessat, AT_FDCWD, FILE_PATH, 0), CALL(mkdirat, AT_FDCWD, NEW_PATH, 0700),
  CALL(unlinkat, AT_FDCWD, NEW_PATH, 0), CALL(renameat2, AT_FDCWD, NEW_PATH, AT_FDCWD, NEW_PATH, 0),
  CALL(linkat, AT_FDCWD, FILE_PATH, AT_FDCWD, NEW_PATH, 0), CALL(symlinkat, NEW_PATH, AT_FDCWD, NEW_PATH),
  CALL(readlinkat, AT_FDCWD, GOOD | IN | 4, W, 100), CALL(fchmodat, AT_FDCWD, FILE_PATH, 0600),
  CALL(fchownat, AT_FDCWD, FILE_PATH, -1, -1, 0), CALL(truncate, FILE_PATH, 100), CALL(chdir, NEW_PATH),
  CALL(utimensat, AT_FDCWD, FILE_PATH, R, 0), CALL(statfs, FILE_PATH, W), CALL(fstatfs, FD, W),
  CALL(mknodat, AT_FDCWD, NEW_PATH, S_IFREG | 0600, 0), CALL(getdents64, FD + 1, W, 4096),
  CALL(ppoll, W, 1, R, 0, 8), CALL(nanosleep, R, 0), CALL(clock_gettime, CLOCK_MONOTONIC, W),
  CALL(clock_getres, CLOCK_MONOTONIC, W), CALL(clock_nanosleep, CLOCK_MONOTONIC, 0, R, 0), CALL(gettimeofday, W, 0),
  CALL(getitimer, 0, W), CALL(setitimer, 0, R, 0), CALL(rt_sigaction, SIGUSR1, R, W, 8),
  CALL(rt_sigprocmask, SIG_BLOCK, R, W, 8), CALL(rt_sigpending, W, 8), CALL(rt_sigtimedwait, R, 0, R, 8),
  CALL(uname, W), CALL(sysinfo, W), CALL(times, W), CALL(getrusage, 0, W), CALL(getrlimit, 7, W), CALL(setrlimit, 4, R),
  CALL(prlimit64, 0, 4, R, W), CALL(getresuid, W, W, W), CALL(getresgid, W, W, W),
  CALL(getrandom, W, 16, 0), CALL(epoll_ctl, FD + 2, 1, FD + 3, R),
  CALL(execve, FILE_PATH, R, R), CALL(wait4, 0, 0, WNOHANG, 0), CALL(sched_getaffinity, 0, 8, W), CALL(sendfile, FD, FD, W, 8),
};

static char *room, *absent, *reading, *hidden;

static long good(long argument, int slot) {
  char *place = room + 8192 * slot;
  if (argument == FD || argument == FD + 1 || argument == FD + 2 || argument == FD + 3) return argument - FD + 40;
  if ((argument & GOOD) == 0 || argument < 0) return argument;
  memset(place, 0, 4096);
  switch (argument & 0xff) {
    case 1: strcpy(place, "file"); break;
    case 2: strcpy(place, "new"); break;
    case 3: ((long *)place)[0] = (long)(place + 64), ((long *)place)[1] = 8; break;
    case 4: strcpy(place, "link"); break;
  }
  return (long)place;
}

/** The call with one pointer replaced; its errno. */
static int with(int index, int which, char *pointer) {
  long a[6];
  for (int each = 0; each < 6; each++) a[each] = good(calls[index].arguments[each], each);
  if (which >= 0) a[which] = (long)pointer;
  errno = 0;
  return syscall(calls[index].number, a[0], a[1], a[2], a[3], a[4], a[5]) == -1 ? errno : 0;
}

static void expect(int index, int which, char *pointer, const char *what) {
  int error = with(index, which, pointer);
  checks++;
  if (error == EFAULT) return;
  failures++;
  printf("%s, argument %d %s: errno %d\n", calls[index].name, which, what, error);
}

int main(void) {
  room = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  absent = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  reading = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  hidden = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(absent, 'x', 4 * 4096);
  CHECK(munmap(absent + 4096, 3 * 4096) == 0);
  int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600), directory = open(".", O_RDONLY);
  CHECK(write(file, "contents of it", 14) == 14 && symlink("file", "link") == 0);
  CHECK(dup2(file, 40) == 40 && dup2(directory, 41) == 41);
  CHECK(syscall(SYS_epoll_create1, 0) >= 0 && dup2(file + 2, 42) == 42);
  int ends[2];
  CHECK(pipe(ends) == 0 && dup2(ends[0], 43) == 43);
  for (int index = 0; index < (int)(sizeof calls / sizeof *calls); index++) {
    for (int which = 0; which < 6; which++) {
      long argument = calls[index].arguments[which];
      if ((argument & GOOD) == 0 || argument < 0) continue;
      lseek(40, 0, SEEK_SET);
      expect(index, which, absent + 2 * 4096, "is not there");
      expect(index, which, (char *)0x7ffffffffffff000, "is beyond all memory");
      expect(index, which, (char *)-8L, "is the end of all memory");
      expect(index, which, hidden, "may not be looked at");
      // Three bytes of what is wanted are there.
      expect(index, which, absent + 4096 - 3, "ends too early");
      if (argument & OUT) expect(index, which, reading, "may not be written");
    }
  }
  // The place for an answer matters only where there is one.
  FAILS(EINVAL, mincore(absent + 1, 4096, NULL));
  FAILS(ENOMEM, mincore(absent + 4096, 4096, NULL));
  FAILS(EFAULT, mincore(absent, 4096, NULL));
  CHECK(mincore(NULL, 0, NULL) == 0);
  // Numbers of children go where they can, and children run whether they could or not.
  unsigned long flags = SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID;
  for (int which = 0; which < 3; which++) {
    int *word = (int *)room, *parent = which == 1 ? (int *)hidden : word, *child = which == 2 ? (int *)8 : word + 1;
    word[0] = word[1] = -1;
    int pid = (int)syscall(SYS_clone, flags, 0, parent, 0, child);
    if (pid == 0) _exit(word[1] == (which == 2 ? -1 : getpid()) ? 3 : 4);
    CHECK(pid > 0 && word[0] == (which == 1 ? -1 : pid) && word[1] == -1);
    CHECK(exited(status_of(pid), 3));
  }
  FAILS(ECHILD, waitpid(-1, NULL, WNOHANG));
  struct stat status;
  CHECK(stat("file", &status) == 0 && status.st_size == 14 && stat("new", &status) == -1);
  unlink("file");
  unlink("link");
  return finish();
}
