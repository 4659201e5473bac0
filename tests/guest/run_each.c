// Runs the programs that are its arguments, one after the other, each in a directory of its own and for a
// bounded time. For each it prints a line with status and sizes, then its output, then its errors.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const unsigned LONGEST_SECONDS = 40;
static volatile pid_t running;

static void too_long(int number) {
  (void)number;
  kill(-running, SIGKILL);
}

static void copy(int from, long size) {
  char buffer[4096];
  lseek(from, 0, SEEK_SET);
  while (size > 0) {
    ssize_t count = read(from, buffer, sizeof buffer);
    if (count <= 0) exit(3);
    fwrite(buffer, 1, (size_t)count, stdout);
    size -= count;
  }
}

static int run(const char *path) {
  const char *name = strrchr(path, '/') + 1;
  char directory[256];
  snprintf(directory, sizeof directory, "/work/%s", name);
  int out = open("/work/out", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  int err = open("/work/err", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  if (mkdir(directory, 0777) < 0 || out < 0 || err < 0) return 2;
  fflush(stdout);
  running = fork();
  if (running == 0) {
    setpgid(0, 0);
    int none = open("/dev/null", O_RDONLY);
    dup2(none, 0);
    dup2(out, 1);
    dup2(err, 2);
    close(none);
    if (chdir(directory) < 0) _exit(124);
    execl(path, path, (char *)NULL);
    _exit(125);
  }
  alarm(LONGEST_SECONDS);
  int status;
  while (waitpid(running, &status, 0) < 0 && errno == EINTR);
  alarm(0);
  long sizes[2] = {lseek(out, 0, SEEK_END), lseek(err, 0, SEEK_END)};
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  printf("%s %d %ld %ld\n", name, code, sizes[0], sizes[1]);
  copy(out, sizes[0]);
  copy(err, sizes[1]);
  close(out);
  close(err);
  return 0;
}

int main(int count, char **arguments) {
  struct sigaction action = {.sa_handler = too_long};
  sigaction(SIGALRM, &action, NULL);
  if (mkdir("/work", 0777) < 0) return 1;
  for (int index = 1; index < count; index++) {
    int failed = run(arguments[index]);
    if (failed) return failed;
  }
  return 0;
}
