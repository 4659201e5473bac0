// execve(2): arguments, environment, what stays and what goes, scripts, and files that are no programs.
// EXECUTE_BY names a program that has to run this one, where the machine cannot by itself.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sys/stat.h>

static char *self;

static void again(char *mode, char *more) {
  char *by = getenv("EXECUTE_BY");
  char *with[] = {by, self, mode, more, NULL};
  char *environment[] = {"LEFT=yes", "EMPTY=", NULL};
  execvpe(by == NULL ? self : by, by == NULL ? with + 1 : with, environment);
  printf("cannot execute: %d\n", errno);
  fflush(stdout);
  _exit(99);
}

static void handler(int number) { (void)number; }

/** What a process is after execve. */
static int after(int count, char **arguments) {
  printf("%d arguments, the last: %s\n", count, arguments[count - 1]);
  printf("LEFT=%s EMPTY=%s HOME=%s\n", getenv("LEFT"), getenv("EMPTY"),
         getenv("HOME") ? "is there" : "is not there");
  struct sigaction action;
  sigaction(SIGUSR1, NULL, &action);
  printf("caught signals are default again: %d\n", action.sa_handler == SIG_DFL);
  sigaction(SIGUSR2, NULL, &action);
  printf("ignored ones stay ignored: %d\n", action.sa_handler == SIG_IGN);
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, NULL, &blocked);
  printf("the mask stays: %d\n", sigismember(&blocked, SIGHUP));
  printf("descriptor 50: %s, 51: %s\n", fcntl(50, F_GETFD) < 0 ? "closed" : "open",
         fcntl(51, F_GETFD) < 0 ? "closed" : "open");
  return finish();
}

static void prepare_and_execute(void) {
  signal(SIGUSR1, handler);
  signal(SIGUSR2, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGHUP);
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  int file = open("/dev/null", O_RDONLY);
  dup2(file, 50);
  dup3(file, 51, O_CLOEXEC);
  again("after", "two words");
}

static void put(const char *path, const char *text, mode_t mode) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  CHECK(write(file, text, strlen(text)) == (ssize_t)strlen(text));
  CHECK(fchmod(file, mode) == 0 && close(file) == 0);
}

static void long_argument(void) {
  size_t length = 100000;
  char *text = malloc(length + 1);
  memset(text, 'x', length);
  text[length] = 0;
  again("length", text);
}

int main(int count, char **arguments) {
  self = arguments[0];
  if (count == 3 && strcmp(arguments[1], "after") == 0) return after(count, arguments);
  if (count == 3 && strcmp(arguments[1], "length") == 0) return strlen(arguments[2]) == 100000 ? 0 : 1;
  CHECK(exited(run(prepare_and_execute), 0));
  CHECK(exited(run(long_argument), 0));

  char *none[] = {"none", NULL};
  put("words", "no program\n", 0755);
  FAILS(ENOEXEC, execve("words", none, NULL));
  put("plain", "#!/nothing\n", 0644);
  FAILS(EACCES, execve("plain", none, NULL));
  put("script", "#!/no/such/interpreter\n", 0755);
  FAILS(ENOENT, execve("script", none, NULL));
  put("short", "\177ELF", 0755);
  FAILS(ENOEXEC, execve("short", none, NULL));
  put("empty", "", 0755);
  FAILS(ENOEXEC, execve("empty", none, NULL));
  FAILS(ENOENT, execve("nothing", none, NULL));
  FAILS(ENOTDIR, execve("words/below", none, NULL));
  FAILS(EACCES, execve(".", none, NULL));
  CHECK(symlink("turns", "turns") == 0);
  FAILS(ELOOP, execve("turns", none, NULL));
  const char *made[] = {"words", "plain", "script", "short", "empty", "turns"};
  for (int index = 0; index < 6; index++) CHECK(unlink(made[index]) == 0);
  return finish();
}
