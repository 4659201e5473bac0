// Calls with wild arguments, from children of no rights in groups of their own: each does some, until it is
// ended, by itself or by its parent after a while. Arguments: children, seed, then the numbers of the calls.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/syscall.h>

enum { USER = 30000, CALLS = 150, LONGEST_MS = 400 };

static unsigned long seed;
static char *page;
static long numbers[512];
static int known;

static unsigned long any(unsigned long below) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return below == 0 ? seed : seed % below;
}

/** A descriptor, a size, a flag, a pointer: good ones, bad ones, and those at an edge. */
static long argument(void) {
  static const long edges[] = {
    0, 1, -1, -100, 4095, 4096, 0x7fffffff, -0x7fffffffL - 1, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
    -0x7fffffffffffffffL - 1, 0x4000000000, 0x3ffffff000, 1L << 53, (1L << 53) + 1, -(1L << 53)};
  switch (any(12)) {
    case 0: return edges[any(sizeof edges / sizeof *edges)];
    case 1: return (long)any(0);
    case 2: return 1L << any(64);
    case 3: return (long)page + 4096 - (long)any(20);
    case 4: return (long)page + 8192 + (long)any(4096);
    case 5: case 6: case 7: return (long)page + (long)any(64) * 8;
    case 8: return (long)any(64);
    case 9: return (long)any(4096);
    default: return (long)any(10);
  }
}

/** Words that calls find behind pointers: numbers, pointers and names. */
static void scatter(void) {
  static const char *const names[] = {".", "file", "directory", "directory/../file", "link", "", "/proc/self/mem", "/dev/null"};
  for (int times = 0; times < 8; times++) {
    char *at = page + any(60) * 8;
    if (any(3) == 0) strcpy(at, names[any(8)]);
    else *(long *)at = argument();
  }
}

static void nothing(int number) { (void)number; }

static void go_wild(void) {
  struct rlimit few = {12, 12}, time = {1, 2}, space = {256 << 20, 256 << 20}, none = {0, 0};
  setrlimit(RLIMIT_NPROC, &few);
  setrlimit(RLIMIT_CPU, &time);
  setrlimit(RLIMIT_AS, &space);
  setrlimit(RLIMIT_CORE, &none);
  setpgid(0, 0);
  if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 || setresuid(USER, USER, USER) < 0) _exit(100);
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(null, 1);
  dup2(null, 2);
  // Calls that wait are interrupted.
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval each = {{0, 4000}, {0, 4000}};
  setitimer(ITIMER_REAL, &each, NULL);
  for (int index = 0; index < CALLS; index++) {
    scatter();
    long number = numbers[any((unsigned long)known)];
    syscall(number, argument(), argument(), argument(), argument(), argument(), argument());
  }
}

/** Ends all that the user has left. */
static void sweep(void) {
  if (setresuid(USER, USER, USER) < 0) _exit(1);
  kill(-1, SIGKILL);
}

int main(int count, char **arguments) {
  if (count < 4) return 2;
  int children = atoi(arguments[1]);
  unsigned long first = strtoul(arguments[2], NULL, 10) << 32;
  for (int index = 3; index < count && known < 512; index++) numbers[known++] = atol(arguments[index]);
  page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (munmap(page + 4096, 4096) < 0) return 3;
  if (mkdir("wild", 0777) < 0 || chmod("wild", 0777) < 0 || chdir("wild") < 0) return 4;
  sigset_t ended;
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  sigprocmask(SIG_BLOCK, &ended, NULL);
  for (int index = 0; index < children; index++) {
    fflush(stdout);
    seed = (first + (unsigned long)index + 1) * 0x9e3779b97f4a7c15;
    pid_t child = fork();
    if (child == 0) {
      sigprocmask(SIG_UNBLOCK, &ended, NULL);
      go_wild();
      _exit(0);
    }
    long deadline = now_ms() + LONGEST_MS;
    int status, done = 0;
    while (!(done = waitpid(child, &status, WNOHANG) == child) && now_ms() < deadline) {
      struct timespec rest = {0, 20000000};
      sigtimedwait(&ended, NULL, &rest);
    }
    if (!done) {
      kill(child, SIGKILL);
      CHECK(waitpid(child, &status, 0) == child);
    }
    pid_t broom = fork();
    if (broom == 0) {
      sweep();
      _exit(0);
    }
    int swept = status_of(broom);
    CHECK(exited(swept, 0) || killed(swept, SIGKILL));
  }
  // The machine goes on: files, memory and processes are as they were.
  CHECK(chdir("..") == 0);
  int file = open("afterwards", O_RDWR | O_CREAT, 0600);
  char bytes[5];
  CHECK(write(file, "whole", 5) == 5 && pread(file, bytes, 5, 0) == 5 && memcmp(bytes, "whole", 5) == 0);
  pid_t last = fork();
  if (last == 0) _exit(9);
  CHECK(exited(status_of(last), 9));
  return finish();
}
