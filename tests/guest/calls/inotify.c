// inotify: what is told about files and directories, in which order, with which names.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int fd;

static const char *const names[] = {
    "ACCESS",   "MODIFY", "ATTRIB", "CLOSE_WRITE", "CLOSE_NOWRITE", "OPEN", "MOVED_FROM",
    "MOVED_TO", "CREATE", "DELETE", "DELETE_SELF", "MOVE_SELF",
};

/** Prints what waits to be read, a line for each event. */
static void show(const char *what) {
  char buffer[8192] __attribute__((aligned(8)));
  printf("%s:\n", what);
  ssize_t count;
  uint32_t cookie = 0;
  while ((count = read(fd, buffer, sizeof buffer)) > 0) {
    for (char *at = buffer; at < buffer + count;) {
      struct inotify_event *event = (struct inotify_event *)at;
      printf("  %d", event->wd);
      for (unsigned bit = 0; bit < 12; bit++) if (event->mask & 1u << bit) printf(" %s", names[bit]);
      if (event->mask & IN_ISDIR) printf(" ISDIR");
      if (event->mask & IN_IGNORED) printf(" IGNORED");
      if (event->mask & IN_Q_OVERFLOW) printf(" Q_OVERFLOW");
      if (event->cookie != 0) printf(event->cookie == cookie ? " same-cookie" : " cookie");
      cookie = event->cookie;
      if (event->len > 0) printf(" %s", event->name);
      printf("\n");
      at += sizeof *event + event->len;
    }
  }
  CHECK(count < 0 && errno == EAGAIN);
}

static void in_directory(void) {
  int watch = inotify_add_watch(fd, "d", IN_ALL_EVENTS);
  CHECK(watch == 1);
  int file = open("d/file", O_RDWR | O_CREAT, 0644);
  show("made");
  CHECK(write(file, "12345", 5) == 5 && pread(file, (char[8]){0}, 5, 0) == 5);
  show("written and read");
  CHECK(ftruncate(file, 2) == 0 && fchmod(file, 0600) == 0 && fsync(file) == 0);
  show("cut and changed");
  close(file);
  file = open("d/file", O_RDONLY);
  close(file);
  show("closed twice");
  close(open("d/file", O_WRONLY | O_TRUNC));
  show("opened and cut");
  CHECK(mkdir("d/sub", 0755) == 0 && symlink("file", "d/link") == 0 && mkfifo("d/fifo", 0600) == 0);
  CHECK(link("d/file", "d/other") == 0);
  show("names");
  CHECK(rename("d/file", "d/moved") == 0 && rename("d/moved", "out") == 0 && rename("out", "d/back") == 0);
  show("renamed");
  CHECK(chmod("d/back", 0640) == 0 && truncate("d/back", 1) == 0 && chown("d/back", getuid(), getgid()) == 0);
  CHECK(utimensat(AT_FDCWD, "d/back", NULL, 0) == 0);
  show("by path");
  CHECK(unlink("d/other") == 0 && unlink("d/link") == 0 && unlink("d/fifo") == 0 && rmdir("d/sub") == 0);
  show("removed");
  CHECK(inotify_rm_watch(fd, watch) == 0);
  show("watch removed");
  FAILS(EINVAL, inotify_rm_watch(fd, watch));
}

static void one_file(void) {
  int watch = inotify_add_watch(fd, "d/back", IN_ALL_EVENTS);
  CHECK(watch == 2 && inotify_add_watch(fd, "d/back", IN_MODIFY | IN_MASK_ADD) == watch);
  CHECK(rename("d/back", "d/forth") == 0);
  int file = open("d/forth", O_WRONLY | O_APPEND);
  CHECK(write(file, "a", 1) == 1 && write(file, "b", 1) == 1);
  show("file");
  CHECK(unlink("d/forth") == 0);
  show("unlinked");
  CHECK(write(file, "c", 1) == 1);
  close(file);
  show("gone");
  close(open("d/next", O_CREAT | O_WRONLY, 0600));
  CHECK(inotify_add_watch(fd, "d/next", IN_DELETE_SELF | IN_CLOSE_WRITE) == 3);
  CHECK(inotify_add_watch(fd, "d", IN_DELETE | IN_ONLYDIR) == 4);
  CHECK(unlink("d/next") == 0);
  show("both told");
}

static void both(void) {
  // A file and its directory by one descriptor, and what a renaming replaces.
  close(open("d/one", O_CREAT | O_WRONLY, 0600));
  close(open("d/two", O_CREAT | O_WRONLY, 0600));
  CHECK(inotify_add_watch(fd, "d", IN_ALL_EVENTS) == 4 && inotify_add_watch(fd, "d/two", IN_ALL_EVENTS) == 5);
  show("before");
  CHECK(rename("d/one", "d/two") == 0);
  show("replaced");
  CHECK(mkdir("e", 0755) == 0 && inotify_add_watch(fd, "e", IN_ALL_EVENTS) == 6);
  CHECK(rename("d/two", "e/two") == 0);
  show("across");
  CHECK(mkdir("f", 0755) == 0 && inotify_add_watch(fd, "f", IN_ALL_EVENTS) == 7);
  CHECK(mkdir("g", 0755) == 0 && rename("g", "f") == 0);
  show("directory replaced");
  CHECK(rmdir("f") == 0);
  CHECK(unlink("e/two") == 0 && rmdir("e") == 0);
  show("directory gone");
}

static void rules(void) {
  struct inotify_event event;
  CHECK(inotify_add_watch(fd, "d", IN_CREATE | IN_ONESHOT) == 4);
  CHECK(mkdir("d/x", 0700) == 0 && mkdir("d/y", 0700) == 0);
  int waiting = 0;
  struct pollfd poll_fd = {fd, POLLIN, 0};
  CHECK(poll(&poll_fd, 1, 0) == 1 && ioctl(fd, FIONREAD, &waiting) == 0 && waiting == 48);
  FAILS(EINVAL, read(fd, &event, 8));
  show("once");
  CHECK(poll(&poll_fd, 1, 0) == 0);
  FAILS(EINVAL, inotify_add_watch(fd, "d", 0));
  FAILS(ENOENT, inotify_add_watch(fd, "none", IN_MODIFY));
  FAILS(ENOTDIR, inotify_add_watch(fd, "plain", IN_MODIFY | IN_ONLYDIR));
  FAILS(EINVAL, inotify_add_watch(0, "d", IN_MODIFY));
  FAILS(EBADF, inotify_add_watch(99, "d", IN_MODIFY));
  FAILS(EINVAL, inotify_init1(1));
  int watch = inotify_add_watch(fd, "plain", IN_MODIFY);
  FAILS(EEXIST, inotify_add_watch(fd, "plain", IN_MODIFY | IN_MASK_CREATE));
  CHECK(watch == 8);
  // A process that ends closes what it had open.
  CHECK(inotify_add_watch(fd, "plain", IN_CLOSE) == watch);
  if (fork() == 0) {
    open("plain", O_RDONLY);
    _exit(0);
  }
  wait(NULL);
  show("closed by the end");
}

static void unlinked(void) {
  CHECK(inotify_add_watch(fd, "d", IN_ALL_EVENTS | IN_EXCL_UNLINK) == 9);
  int file = open("d/soon-gone", O_CREAT | O_WRONLY, 0600);
  CHECK(write(file, "x", 1) == 1 && unlink("d/soon-gone") == 0);
  show("unlinked while open");
  CHECK(write(file, "x", 1) == 1);
  close(file);
  show("not told");
}

static void overflow(void) {
  CHECK(inotify_add_watch(fd, "plain", IN_ATTRIB | IN_MODIFY) == 8);
  int file = open("plain", O_WRONLY);
  long queued = 0, most = 16384;
  FILE *limit = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
  if (limit != NULL) {
    if (fscanf(limit, "%ld", &most) != 1) most = 16384;
    fclose(limit);
  }
  for (long index = 0; index < most + 10; index++) {
    if (index % 2) CHECK(pwrite(file, "x", 1, 0) == 1);
    else CHECK(fchmod(file, 0600) == 0);
  }
  char buffer[4096] __attribute__((aligned(8)));
  ssize_t count;
  uint32_t last = 0;
  while ((count = read(fd, buffer, sizeof buffer)) > 0) {
    queued += count / 16;
    last = ((struct inotify_event *)(buffer + count - 16))->mask;
  }
  CHECK(queued == most + 1 && last == IN_Q_OVERFLOW);
  close(file);
}

int main(void) {
  fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  CHECK(fd >= 0 && mkdir("d", 0755) == 0);
  close(open("plain", O_CREAT | O_WRONLY, 0600));
  in_directory();
  one_file();
  both();
  rules();
  unlinked();
  overflow();
  close(fd);
  checks = 0;
  return finish();
}
