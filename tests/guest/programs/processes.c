// fork(2), wait(2) and what children inherit: trees, order of exit, statuses, orphans, WNOHANG and waitid.
#include "check.h"
#include <fcntl.h>
#include <sys/resource.h>

/** A tree of depth `left`, whose leaves report one each: the status is the number of leaves. */
static int tree(int left) {
  if (left == 0) return 1;
  pid_t child[2];
  for (int side = 0; side < 2; side++) {
    child[side] = fork();
    if (child[side] == 0) _exit(tree(left - 1));
  }
  return WEXITSTATUS(status_of(child[0])) + WEXITSTATUS(status_of(child[1]));
}

static int told[2];

static void leave_a_child(void) {
  pid_t parent = getpid();
  if (fork() != 0) return;
  close(told[0]);
  // Until whose child it is has changed.
  while (getppid() == parent) pause_ms(1);
  _exit(write(told[1], "on", 2) == 2 ? 0 : 1);
}

static int value = 1;

int main(void) {
  printf("%d leaves\n", tree(5));

  pid_t copy = fork();
  if (copy == 0) {
    value = 2;
    _exit(value + 40);
  }
  printf("child %d, parent %d\n", WEXITSTATUS(status_of(copy)), value);

  // Children are waited for in any order, each once.
  pid_t children[8];
  for (int index = 0; index < 8; index++) {
    children[index] = fork();
    if (children[index] == 0) {
      pause_ms((7 - index) * 3);
      _exit(100 + index);
    }
  }
  for (int index = 0; index < 8; index += 2) CHECK(exited(status_of(children[index]), 100 + index));
  int sum = 0;
  for (int status; waitpid(-1, &status, 0) > 0;) sum += WEXITSTATUS(status);
  printf("the others: %d\n", sum);
  FAILS(ECHILD, waitpid(-1, NULL, 0));
  FAILS(ECHILD, waitpid(children[0], NULL, 0));

  // Nothing has happened yet; then it is seen without being taken, then taken.
  int hold[2];
  CHECK(pipe(hold) == 0);
  pid_t held = fork();
  if (held == 0) {
    char byte;
    close(hold[1]);
    _exit(read(hold[0], &byte, 1) == 0 ? 7 : 8);
  }
  int status;
  CHECK(waitpid(held, &status, WNOHANG) == 0);
  close(hold[0]);
  close(hold[1]);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  CHECK(waitid(P_PID, held, &info, WEXITED | WNOWAIT) == 0);
  CHECK(info.si_pid == held && info.si_signo == SIGCHLD);
  printf("waitid: code %d, status %d\n", info.si_code, info.si_status);
  CHECK(exited(status_of(held), 7));

  // Stopped, continued, ended: each is told to who asks.
  pid_t stopped = fork();
  if (stopped == 0) {
    raise(SIGSTOP);
    for (;;) pause();
  }
  CHECK(waitpid(stopped, &status, WUNTRACED) == stopped && WIFSTOPPED(status));
  printf("stopped by %d\n", WSTOPSIG(status));
  kill(stopped, SIGCONT);
  CHECK(waitpid(stopped, &status, WCONTINUED) == stopped && WIFCONTINUED(status));
  kill(stopped, SIGTERM);
  struct rusage usage;
  CHECK(wait4(stopped, &status, 0, &usage) == stopped && killed(status, SIGTERM));

  // A descriptor's offset is shared with the child.
  int file = open("offset", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(write(file, "abcdef", 6) == 6 && lseek(file, 0, SEEK_SET) == 0);
  char letter[2];
  CHECK(read(file, letter, 1) == 1);
  if ((copy = fork()) == 0) _exit(read(file, letter, 2) == 2 && letter[1] == 'c' ? 0 : 1);
  CHECK(exited(status_of(copy), 0));
  CHECK(read(file, letter, 1) == 1);
  printf("after the child read on: %c\n", letter[0]);

  // An orphan goes on.
  CHECK(pipe(told) == 0);
  CHECK(exited(run(leave_a_child), 0));
  close(told[1]);
  CHECK(read(told[0], letter, 2) == 2 && letter[1] == 'n');
  CHECK(read(told[0], letter, 2) == 0);
  unlink("offset");
  return finish();
}
