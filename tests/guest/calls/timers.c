// timerfd: one and many expirations, reading, waiting, absolute times; signalfd: sets, what a signal carries.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <sys/timerfd.h>

static struct itimerspec after(long ms, long interval_ms) {
  return (struct itimerspec){
      .it_value = {ms / 1000, ms % 1000 * 1000000},
      .it_interval = {interval_ms / 1000, interval_ms % 1000 * 1000000},
  };
}

static int ready(int fd, int ms) {
  struct pollfd poll_fd = {fd, POLLIN, 0};
  return poll(&poll_fd, 1, ms) == 1 && poll_fd.revents == POLLIN;
}

static void once(void) {
  int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  uint64_t count = 0;
  struct itimerspec setting = after(20, 0), old;
  CHECK(timer >= 0 && fcntl(timer, F_GETFD) == FD_CLOEXEC);
  FAILS(EAGAIN, read(timer, &count, sizeof count));
  CHECK(timerfd_settime(timer, 0, &setting, &old) == 0 && old.it_value.tv_nsec == 0);
  CHECK(timerfd_gettime(timer, &old) == 0 && old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 20000000);
  CHECK(!ready(timer, 0));
  FAILS(EINVAL, read(timer, &count, 4));
  CHECK(ready(timer, 5000));
  CHECK(read(timer, &count, sizeof count) == 8 && count == 1);
  FAILS(EAGAIN, read(timer, &count, sizeof count));
  CHECK(timerfd_gettime(timer, &old) == 0 && old.it_value.tv_sec == 0 && old.it_value.tv_nsec == 0);
  FAILS(EINVAL, write(timer, &count, sizeof count));
  close(timer);
}

static void again_and_again(void) {
  int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  uint64_t count = 0, sum = 0;
  struct itimerspec setting = after(2, 2), nothing = after(0, 0);
  CHECK(timerfd_settime(timer, 0, &setting, NULL) == 0);
  pause_ms(15);
  while (sum < 6 && read(timer, &count, sizeof count) == 8) sum += count;
  CHECK(sum >= 6);
  pause_ms(5);
  CHECK(timerfd_settime(timer, 0, &nothing, &setting) == 0 && setting.it_interval.tv_nsec == 2000000);
  // One that is not armed knows its interval.
  struct itimerspec idle = {.it_interval.tv_nsec = 3000000};
  CHECK(timerfd_settime(timer, 0, &idle, &setting) == 0 && setting.it_interval.tv_nsec == 0);
  CHECK(timerfd_gettime(timer, &setting) == 0 && setting.it_interval.tv_nsec == 3000000);
  CHECK(setting.it_value.tv_sec == 0 && setting.it_value.tv_nsec == 0);
  CHECK(!ready(timer, 10));
  // A time that has passed expires at once, as often as its interval fits in between.
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  setting = after(0, 100000);
  setting.it_value.tv_nsec = 1;
  CHECK(timerfd_settime(timer, TFD_TIMER_ABSTIME, &setting, NULL) == 0);
  CHECK(read(timer, &count, sizeof count) == 8 && count == (uint64_t)now.tv_sec / 100 + 1);
  close(timer);
}

static void bad_timers(void) {
  struct itimerspec wrong = {.it_value = {0, 1000000000}};
  int timer = timerfd_create(CLOCK_REALTIME, 0);
  FAILS(EINVAL, timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  FAILS(EINVAL, timerfd_create(CLOCK_MONOTONIC, 1));
  FAILS(EINVAL, timerfd_settime(timer, 0, &wrong, NULL));
  FAILS(EINVAL, timerfd_settime(0, 0, &wrong, NULL));
  FAILS(EBADF, timerfd_gettime(99, &wrong));
  close(timer);
}

static int is_called(int fd, const char *name) {
  char path[32], found[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(path, found, sizeof found);
  return length == (ssize_t)strlen(name) && memcmp(found, name, (size_t)length) == 0;
}

static void in_epoll(void) {
  int set = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = 7};
  struct itimerspec setting = after(10, 0);
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, timer, &event) == 0);
  CHECK(is_called(set, "anon_inode:[eventpoll]") && is_called(timer, "anon_inode:[timerfd]"));
  timerfd_settime(timer, 0, &setting, NULL);
  CHECK(epoll_wait(set, &event, 1, 0) == 0);
  CHECK(epoll_wait(set, &event, 1, 5000) == 1 && event.data.u32 == 7);
  close(timer);
  close(set);
}

static void signals_read(void) {
  sigset_t wanted, waiting;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR1);
  sigaddset(&wanted, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &wanted, NULL);
  int fd = signalfd(-1, &wanted, SFD_NONBLOCK);
  struct signalfd_siginfo info[3];
  FAILS(EAGAIN, read(fd, info, sizeof info));
  FAILS(EINVAL, read(fd, info, 127));
  CHECK(!ready(fd, 0));
  kill(getpid(), SIGUSR1);
  union sigval value = {.sival_int = 4711};
  sigqueue(getpid(), SIGRTMIN + 1, value);
  CHECK(ready(fd, 1000));
  CHECK(read(fd, info, sizeof info) == 2 * sizeof *info);
  CHECK(info[0].ssi_signo == SIGUSR1 && info[0].ssi_code == SI_USER && info[0].ssi_pid == (uint32_t)getpid());
  CHECK(info[0].ssi_uid == getuid());
  CHECK(info[1].ssi_signo == (uint32_t)SIGRTMIN + 1 && info[1].ssi_code == SI_QUEUE && info[1].ssi_int == 4711);
  sigpending(&waiting);
  CHECK(!sigismember(&waiting, SIGUSR1));
  // To the thread alone, as raise(3) sends it.
  raise(SIGUSR1);
  CHECK(ready(fd, 0) && read(fd, info, sizeof info) == sizeof *info && info[0].ssi_code == SI_TKILL);
  // Another set on the same descriptor.
  sigset_t other;
  sigemptyset(&other);
  sigaddset(&other, SIGCHLD);
  sigprocmask(SIG_BLOCK, &other, NULL);
  CHECK(signalfd(fd, &other, 0) == fd);
  kill(getpid(), SIGUSR1);
  CHECK(!ready(fd, 0));
  pid_t child = fork();
  if (child == 0) _exit(9);
  CHECK(ready(fd, 5000));
  CHECK(read(fd, info, sizeof info) == sizeof *info && info[0].ssi_signo == SIGCHLD);
  CHECK(info[0].ssi_pid == (uint32_t)child && info[0].ssi_status == 9 && info[0].ssi_code == CLD_EXITED);
  CHECK(exited(status_of(child), 9));
  FAILS(EINVAL, signalfd(0, &other, 0));
  FAILS(EINVAL, signalfd(-1, &other, 3));
  close(fd);
  sigprocmask(SIG_UNBLOCK, &other, NULL);
}

static void *send_later(void *process) {
  pause_ms(20);
  kill(*(pid_t *)process, SIGUSR2);
  return NULL;
}

static void waits_for_signal(void) {
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGUSR2);
  sigprocmask(SIG_BLOCK, &wanted, NULL);
  int fd = signalfd(-1, &wanted, 0);
  pid_t self = getpid();
  pthread_t sender;
  pthread_create(&sender, NULL, send_later, &self);
  struct signalfd_siginfo info;
  CHECK(read(fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR2);
  pthread_join(sender, NULL);
  close(fd);
}

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/** Time that was used is told while it is used, and not only when the thread has had its turn. */
static void processor_time(void) {
  double thread = seconds(CLOCK_THREAD_CPUTIME_ID), process = seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (int round = 0; round < 20; round++) {
    for (volatile int index = 0; index < 20000; index++);
    double now = seconds(CLOCK_THREAD_CPUTIME_ID), all = seconds(CLOCK_PROCESS_CPUTIME_ID);
    CHECK(now > thread && all > process);
    thread = now;
    process = all;
  }
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  // Not every kernel counts each microsecond.
  for (int round = 0; round < 10000; round++) {
    for (volatile int index = 0; index < 20000; index++);
    getrusage(RUSAGE_SELF, &after);
    if (timercmp(&after.ru_utime, &before.ru_utime, >)) break;
  }
  CHECK(timercmp(&after.ru_utime, &before.ru_utime, >));
}

int main(void) {
  processor_time();
  once();
  again_and_again();
  bad_timers();
  in_epoll();
  signals_read();
  waits_for_signal();
  return finish();
}
