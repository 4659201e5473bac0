// What guest programs share: checks that say where they failed, and children whose end is told in words.
#ifndef CHECK_H
#define CHECK_H
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int checks, failures;

static inline int check(int holds, const char *what, const char *file, int line) {
  checks++;
  if (!holds) {
    int error = errno;
    failures++;
    printf("%s:%d: does not hold: %s (errno %d)\n", file, line, what, error);
    fflush(stdout);
  }
  return holds;
}

/** The condition holds. */
#define CHECK(condition) check((condition) != 0, #condition, __FILE_NAME__, __LINE__)
/** The call answers -1 and sets this errno. */
#define FAILS(error, call) \
  check((errno = 0, (long)(call) == -1 && errno == (error)), #call " fails with " #error, \
        __FILE_NAME__, __LINE__)

/** The status that main returns. */
static inline int finish(void) {
  printf("%d checks, %d failed\n", checks, failures);
  return failures != 0;
}

/** Runs `body` in a child; its status is how many checks failed in it. */
static inline pid_t start(void (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    failures = 0;
    body();
    fflush(stdout);
    _exit(failures);
  }
  return child;
}

/** The wait status of a child. */
static inline int status_of(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR);
  return status;
}

static inline int run(void (*body)(void)) { return status_of(start(body)); }

/** The wait status is that of `_exit(code)`. */
static inline int exited(int status, int code) {
  return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/** The wait status is that of a process which the signal ended. */
static inline int killed(int status, int signal) {
  return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

static inline void pause_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) < 0 && errno == EINTR);
}

static inline long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
#endif
