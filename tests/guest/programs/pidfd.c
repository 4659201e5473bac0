// A child made with CLONE_PIDFD, by clone and by clone3, and what its descriptor is for; a descriptor taken
// from another process; the call that goes on after a signal.
#define _GNU_SOURCE
#include "check.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define P_PIDFD_TYPE 3

static long made(int by_clone3, int *fd) {
  if (!by_clone3) return syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, fd, 0, 0);
  struct clone_args arguments;
  memset(&arguments, 0, sizeof arguments);
  arguments.flags = CLONE_PIDFD;
  arguments.pidfd = (uintptr_t)fd;
  arguments.exit_signal = SIGCHLD;
  return syscall(SYS_clone3, &arguments, sizeof arguments);
}

static void wait_for_ever(void) {
  for (;;) pause();
}

/** An open directory of /proc stands for its process, too. */
static void by_directory(void) {
  pid_t child = start(wait_for_ever);
  char path[32];
  snprintf(path, sizeof path, "/proc/%d", child);
  int directory = open(path, O_RDONLY | O_DIRECTORY);
  CHECK(directory >= 0 && syscall(SYS_pidfd_send_signal, directory, 0, NULL, 0) == 0);
  CHECK(syscall(SYS_pidfd_send_signal, directory, SIGTERM, NULL, 0) == 0);
  CHECK(killed(status_of(child), SIGTERM));
  FAILS(ESRCH, syscall(SYS_pidfd_send_signal, directory, SIGTERM, NULL, 0));
  close(directory);
  directory = open("/proc", O_RDONLY | O_DIRECTORY);
  FAILS(EBADF, syscall(SYS_pidfd_send_signal, directory, SIGTERM, NULL, 0));
  close(directory);
}

int main(void) {
  for (int by_clone3 = 0; by_clone3 < 2; by_clone3++) {
    int pipe_ends[2], fd = -1;
    CHECK(pipe(pipe_ends) == 0);
    long child = made(by_clone3, &fd);
    if (child == 0) {
      char byte;
      close(pipe_ends[1]);
      _exit(read(pipe_ends[0], &byte, 1) == 1 ? 7 : 8);
    }
    CHECK(child > 0 && fd > pipe_ends[1]);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    CHECK(poll(&ready, 1, 0) == 0);
    int taken = syscall(SYS_pidfd_getfd, fd, pipe_ends[0], 0);
    CHECK(taken > fd && fcntl(taken, F_GETFD) == FD_CLOEXEC);
    CHECK(syscall(SYS_pidfd_getfd, fd, 1000, 0) == -1 && errno == EBADF);
    CHECK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0);
    CHECK(syscall(SYS_pidfd_send_signal, fd, 65, NULL, 0) == -1 && errno == EINVAL);
    CHECK(syscall(SYS_pidfd_send_signal, pipe_ends[0], 0, NULL, 0) == -1 && errno == EBADF);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    CHECK(waitid(P_PIDFD_TYPE, fd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0);
    int patient = syscall(SYS_pidfd_open, (int)child, 0);
    int impatient = syscall(SYS_pidfd_open, (int)child, O_NONBLOCK);
    CHECK(patient > 0 && impatient > 0);
    CHECK(waitid(P_PIDFD_TYPE, impatient, &info, WEXITED) == -1 && errno == EAGAIN);
    CHECK(write(pipe_ends[1], "x", 1) == 1);
    CHECK(poll(&ready, 1, 20000) == 1 && ready.revents == POLLIN);
    CHECK(waitid(P_PIDFD_TYPE, fd, &info, WEXITED) == 0);
    CHECK(info.si_pid == child && info.si_status == 7 && info.si_code == CLD_EXITED);
    CHECK(waitid(P_PIDFD_TYPE, fd, &info, WEXITED) == -1 && errno == ECHILD);
    CHECK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == -1 && errno == ESRCH);
    CHECK(read(fd, &info, 8) == -1 && errno == EINVAL);
    close(pipe_ends[0]), close(pipe_ends[1]), close(fd), close(taken);
    close(patient), close(impatient);
  }
  int word;
  CHECK(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &word, 0, 0) == -1 && errno == EINVAL);
  CHECK(syscall(SYS_pidfd_open, getpid(), 2) == -1 && errno == EINVAL);
  CHECK(syscall(SYS_restart_syscall) == -1 && errno == EINTR);
  by_directory();
  return finish();
}
