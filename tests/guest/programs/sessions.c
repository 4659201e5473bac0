// Process groups and sessions, signals to groups, and times: sleeping until, timers and their overruns.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>

static int ready[2];

static void wait_in_group(void) {
  CHECK(write(ready[1], "r", 1) == 1);
  for (;;) pause();
}

static void new_session(void) {
  CHECK(setsid() == getpid() && getsid(0) == getpid() && getpgrp() == getpid());
  FAILS(EPERM, setsid());
  FAILS(ENXIO, open("/dev/tty", O_RDWR));
  CHECK(getsid(getppid()) != getsid(0));
  FAILS(ESRCH, setpgid(getppid(), 0));
}

static void lead_group(void) {
  CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
  // A signal to group 0 reaches all of it, and nobody else.
  signal(SIGTERM, SIG_IGN);
  pid_t child = fork();
  if (child == 0) {
    signal(SIGTERM, SIG_DFL);
    wait_in_group();
  }
  char byte;
  CHECK(read(ready[0], &byte, 1) == 1);
  CHECK(kill(0, SIGTERM) == 0);
  CHECK(killed(status_of(child), SIGTERM));
}

static void groups(void) {
  CHECK(pipe(ready) == 0);
  pid_t group[3];
  for (int index = 0; index < 3; index++) {
    group[index] = start(wait_in_group);
    CHECK(setpgid(group[index], group[0]) == 0);
  }
  char byte;
  for (int index = 0; index < 3; index++) CHECK(read(ready[0], &byte, 1) == 1);
  CHECK(getpgid(group[2]) == group[0] && kill(-group[0], 0) == 0);
  CHECK(kill(-group[0], SIGUSR1) == 0);
  int ended = 0, status;
  while (waitpid(-group[0], &status, 0) > 0) ended += killed(status, SIGUSR1);
  printf("of the group ended: %d\n", ended);
  FAILS(ESRCH, kill(-group[0], 0));
  CHECK(exited(run(lead_group), 0));
  CHECK(exited(run(new_session), 0));
  FAILS(ESRCH, setpgid(0x3fffff, 0));
  FAILS(EINVAL, setpgid(0, -1));
}

static volatile int ticks;
static void tick(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  if (info->si_code == SI_TIMER && info->si_value.sival_int == 42) ticks++;
}

static void times(void) {
  struct timespec begin, until, now, rest = {9, 9};
  clock_gettime(CLOCK_MONOTONIC, &begin);
  until = begin;
  until.tv_nsec += 30000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
  clock_gettime(CLOCK_MONOTONIC, &now);
  CHECK(now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec));
  // A time that has passed is no wait.
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &begin, NULL) == 0);
  until.tv_nsec = 1000000000;
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &until, NULL) == EINVAL);

  struct sigaction action = {.sa_sigaction = tick, .sa_flags = SA_SIGINFO};
  sigaction(SIGRTMIN, &action, NULL);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 42};
  timer_t timer;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  struct itimerspec each = {{0, 5000000}, {0, 5000000}}, left;
  CHECK(timer_settime(timer, 0, &each, NULL) == 0);
  while (ticks < 5) pause();
  // A sleep that is interrupted tells what is left of it.
  struct timespec longer = {5, 0};
  FAILS(EINTR, nanosleep(&longer, &rest));
  CHECK(rest.tv_sec == 4 && rest.tv_nsec > 0);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  pause_ms(40);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  CHECK(timer_getoverrun(timer) > 0);
  CHECK(timer_gettime(timer, &left) == 0 && left.it_interval.tv_nsec == 5000000 && left.it_value.tv_nsec > 0);
  CHECK(timer_delete(timer) == 0);
  FAILS(EINVAL, timer_gettime(timer, &left));

  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
  for (volatile int turn = 0; turn < 3000000; turn++);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  CHECK(now.tv_sec > begin.tv_sec || now.tv_nsec > begin.tv_nsec);
  alarm(100);
  CHECK(alarm(0) >= 99);
}

int main(void) {
  groups();
  times();
  return finish();
}
