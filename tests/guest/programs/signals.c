// signal(7): handlers, masks, nesting, SA_RESTART, SA_SIGINFO, sigsuspend, sigtimedwait, timers, queues.
#include "check.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/time.h>

static volatile int count, depth, deepest, order[16], orders;
static volatile siginfo_t last;

static void counting(int number) { count += number == SIGUSR1; }

static void telling(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  last = *info;
  order[orders++ & 15] = info->si_value.sival_int;
}

static void nesting(int number) {
  if (++depth > deepest) deepest = depth;
  if (number == SIGUSR1 && deepest < 4) raise(deepest % 2 ? SIGUSR2 : SIGUSR1);
  if (number == SIGUSR2 && deepest < 4) raise(SIGUSR1);
  depth--;
}

static void set(int number, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  CHECK(sigaction(number, &action, NULL) == 0);
}

/** A child that sends the signal twice after a while, then writes into the pipe. */
static pid_t send_later(int number, int fd) {
  fflush(stdout);
  pid_t child = fork();
  if (child != 0) return child;
  for (int times = 0; times < 2; times++) {
    pause_ms(30);
    kill(getppid(), number);
  }
  pause_ms(30);
  _exit(write(fd, "x", 1) == 1 ? 0 : 1);
}

/** What a signal interrupts has been done in part: how much is told, and the rest is not. */
static void interrupt_transfers(void) {
  enum { MUCH = 8 << 20 };
  char *bytes = calloc(1, MUCH);
  int ends[2];
  struct itimerval soon = {{0, 0}, {0, 30000}};
  set(SIGALRM, counting, 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  CHECK(write(ends[0], "abc", 3) == 3 && setitimer(ITIMER_REAL, &soon, NULL) == 0);
  CHECK(recv(ends[1], bytes, 10, MSG_WAITALL) == 3 && memcmp(bytes, "abc", 3) == 0);
  CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
  FAILS(EINTR, recv(ends[1], bytes, 10, MSG_WAITALL));
  CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
  long sent = send(ends[0], bytes, MUCH, 0), got = 0, part;
  CHECK(sent > 0 && sent < MUCH);
  CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
  FAILS(EINTR, send(ends[0], bytes, MUCH, 0));
  while ((part = recv(ends[1], bytes, MUCH, MSG_DONTWAIT)) > 0) got += part;
  CHECK(got == sent);
  close(ends[0]);
  close(ends[1]);
  free(bytes);
}

static sigjmp_buf back;
static void jumping(int number) { siglongjmp(back, number); }

int main(void) {
  sigset_t set_of_one, old, pending;
  sigemptyset(&set_of_one);
  sigaddset(&set_of_one, SIGUSR1);

  set(SIGUSR1, counting, 0);
  raise(SIGUSR1);
  CHECK(count == 1);

  // A blocked signal waits, once however often it was sent.
  sigprocmask(SIG_BLOCK, &set_of_one, &old);
  for (int times = 0; times < 3; times++) raise(SIGUSR1);
  CHECK(count == 1 && sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1));
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("after three while blocked: %d\n", count);

  // sigsuspend lets it in, and puts the mask back.
  sigprocmask(SIG_BLOCK, &set_of_one, NULL);
  raise(SIGUSR1);
  FAILS(EINTR, sigsuspend(&old));
  sigprocmask(SIG_BLOCK, NULL, &pending);
  CHECK(count == 3 && sigismember(&pending, SIGUSR1));

  // sigtimedwait takes it without a handler.
  raise(SIGUSR1);
  siginfo_t info;
  struct timespec soon = {0, 20000000};
  CHECK(sigtimedwait(&set_of_one, &info, &soon) == SIGUSR1 && count == 3);
  printf("waited for: code %d\n", info.si_code);
  FAILS(EAGAIN, sigtimedwait(&set_of_one, &info, &soon));
  sigprocmask(SIG_SETMASK, &old, NULL);

  // Handlers within handlers; SA_NODEFER lets a signal into its own.
  set(SIGUSR1, nesting, SA_NODEFER);
  set(SIGUSR2, nesting, SA_NODEFER);
  raise(SIGUSR1);
  printf("depth %d of handlers\n", deepest);

  // SA_RESETHAND is for once.
  set(SIGUSR1, counting, SA_RESETHAND);
  raise(SIGUSR1);
  struct sigaction now;
  sigaction(SIGUSR1, NULL, &now);
  CHECK(count == 4 && now.sa_handler == SIG_DFL);

  // A read goes on with SA_RESTART and fails without.
  int ends[2];
  char byte;
  CHECK(pipe(ends) == 0);
  set(SIGUSR1, counting, SA_RESTART);
  pid_t child = send_later(SIGUSR1, ends[1]);
  CHECK(read(ends[0], &byte, 1) == 1 && count == 6);
  CHECK(exited(status_of(child), 0));
  set(SIGUSR1, counting, 0);
  child = send_later(SIGUSR1, ends[1]);
  FAILS(EINTR, read(ends[0], &byte, 1));
  FAILS(EINTR, read(ends[0], &byte, 1));
  CHECK(read(ends[0], &byte, 1) == 1 && count == 8);
  CHECK(exited(status_of(child), 0));

  // Who sent it, and with which value; realtime signals queue, in order.
  struct sigaction action = {.sa_sigaction = telling, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR2, &action, NULL);
  sigaction(SIGRTMIN + 1, &action, NULL);
  sigaction(SIGRTMIN + 2, &action, NULL);
  kill(getpid(), SIGUSR2);
  CHECK(last.si_signo == SIGUSR2 && last.si_pid == getpid() && last.si_uid == getuid());
  printf("kill: code %d\n", last.si_code);
  orders = 0;
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  for (int index = 0; index < 4; index++) {
    CHECK(sigqueue(getpid(), SIGRTMIN + 1 + index % 2, (union sigval){.sival_int = 10 + index}) == 0);
  }
  sigprocmask(SIG_SETMASK, &old, NULL);
  CHECK(orders == 4 && last.si_code == SI_QUEUE);
  printf("queued: %d then %d\n", order[0] < order[1], order[2] < order[3]);

  // Out of a handler with the mask as it was.
  set(SIGALRM, jumping, 0);
  struct itimerval timer = {{0, 0}, {0, 20000}};
  if (sigsetjmp(back, 1) == 0) {
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    for (;;) pause();
  }
  sigprocmask(SIG_BLOCK, NULL, &pending);
  CHECK(!sigismember(&pending, SIGALRM));
  count = 0;
  set(SIGALRM, SIG_IGN, 0);
  set(SIGVTALRM, jumping, 0);
  timer = (struct itimerval){{0, 0}, {0, 30000}};
  if (sigsetjmp(back, 1) == 0) {
    CHECK(setitimer(ITIMER_VIRTUAL, &timer, NULL) == 0);
    for (;;) count++;
  }
  CHECK(count > 0);

  interrupt_transfers();
  FAILS(EINVAL, sigaction(SIGKILL, &action, NULL));
  FAILS(EINVAL, kill(getpid(), 65));
  FAILS(ESRCH, kill(0x3ffffff, 0));
  return finish();
}
