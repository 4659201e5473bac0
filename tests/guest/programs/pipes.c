// Pipes, and waiting for many descriptors: poll, select, epoll and eventfd.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/uio.h>

static int ends[2], answer[2];

/** Sends 300,000 bytes in pieces that do not fit. */
static void send_much(void) {
  close(ends[0]);
  static char bytes[30000];
  for (int piece = 0; piece < 10; piece++) {
    memset(bytes, 'a' + piece, sizeof bytes);
    CHECK(write(ends[1], bytes, sizeof bytes) == sizeof bytes);
  }
}

/** Records of 512 bytes, which are not torn apart. */
static void send_records(void) {
  char record[512];
  memset(record, 'A' + getpid() % 16, sizeof record);
  for (int index = 0; index < 100; index++) CHECK(write(ends[1], record, sizeof record) == sizeof record);
}

static void write_to_nobody(void) { CHECK(write(ends[1], "x", 1) == -1); }

static void answer_later(void) {
  pause_ms(20);
  CHECK(write(answer[1], "y", 1) == 1);
}

static void show(const char *what, struct pollfd *of, int count) {
  int ready = poll(of, (nfds_t)count, 0);
  printf("%s: %d ready", what, ready);
  for (int index = 0; index < count; index++) printf(" %x", (unsigned)of[index].revents);
  putchar('\n');
}

int main(void) {
  static char buffer[70000];
  CHECK(pipe(ends) == 0);
  pid_t child = start(send_much);
  close(ends[1]);
  long total = 0, sum = 0;
  for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0; total += count) {
    for (ssize_t index = 0; index < count; index++) sum += buffer[index];
  }
  printf("read %ld bytes, sum %ld\n", total, sum);
  CHECK(exited(status_of(child), 0));
  close(ends[0]);

  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  pid_t writers[3];
  for (int index = 0; index < 3; index++) writers[index] = start(send_records);
  int torn = 0;
  for (int record = 0; record < 300; record++) {
    for (size_t have = 0; have < 512;) have += (size_t)read(ends[0], buffer + have, 512 - have);
    for (int index = 1; index < 512; index++) torn += buffer[index] != buffer[0];
  }
  for (int index = 0; index < 3; index++) CHECK(exited(status_of(writers[index]), 0));
  printf("torn: %d\n", torn);

  // Full and empty pipes that nobody waits for.
  CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0 && fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
  FAILS(EAGAIN, read(ends[0], buffer, 1));
  struct pollfd both[3] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}, {-1, POLLIN, 0}};
  show("empty", both, 3);
  long room = 0;
  for (ssize_t count; (count = write(ends[1], buffer, 4096)) > 0;) room += count;
  CHECK(errno == EAGAIN);
  int waiting = 0;
  CHECK(ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == room);
  show("full", both, 3);
  printf("room for %ld\n", room);
  while (read(ends[0], buffer, sizeof buffer) > 0);
  struct iovec parts[3] = {{"one", 3}, {"", 0}, {"two", 3}};
  CHECK(writev(ends[1], parts, 3) == 6 && read(ends[0], buffer, 100) == 6 && memcmp(buffer, "onetwo", 6) == 0);

  // Ends without a peer.
  int other = dup(ends[0]);
  close(ends[0]);
  close(other);
  signal(SIGPIPE, SIG_DFL);
  CHECK(killed(run(write_to_nobody), SIGPIPE));
  signal(SIGPIPE, SIG_IGN);
  FAILS(EPIPE, write(ends[1], "x", 1));
  show("nobody reads", both + 1, 1);
  close(ends[1]);
  show("closed", both + 1, 1);
  FAILS(EBADF, write(ends[1], "x", 1));

  // Somebody answers while this waits; or nobody does.
  CHECK(pipe(answer) == 0);
  fd_set set;
  struct timeval limit = {0, 10000};
  FD_ZERO(&set);
  FD_SET(answer[0], &set);
  CHECK(select(answer[0] + 1, &set, NULL, NULL, &limit) == 0 && !FD_ISSET(answer[0], &set));
  child = start(answer_later);
  FD_SET(answer[0], &set);
  CHECK(select(answer[0] + 1, &set, NULL, NULL, NULL) == 1 && FD_ISSET(answer[0], &set));
  CHECK(exited(status_of(child), 0));

  int epoll = epoll_create1(EPOLL_CLOEXEC), count = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 11}, got[4];
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, answer[0], &event) == 0);
  FAILS(EEXIST, epoll_ctl(epoll, EPOLL_CTL_ADD, answer[0], &event));
  event = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u64 = 22};
  CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, count, &event) == 0);
  printf("epoll: %d", epoll_wait(epoll, got, 4, 0));
  // An edge is told once, a level as long as it lasts.
  printf(", then %d", epoll_wait(epoll, got, 4, 0));
  printf(" of %lu\n", (unsigned long)got[0].data.u64);
  uint64_t number = 5;
  CHECK(write(count, &number, 8) == 8 && read(answer[0], buffer, 1) == 1);
  CHECK(epoll_wait(epoll, got, 4, 100) == 1 && got[0].data.u64 == 22);
  int times = 0;
  while (read(count, &number, 8) == 8 && number == 1) times++;
  printf("eventfd: %d times one\n", times);
  child = start(answer_later);
  event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 33};
  CHECK(epoll_ctl(epoll, EPOLL_CTL_MOD, answer[0], &event) == 0);
  CHECK(epoll_wait(epoll, got, 4, -1) == 1 && got[0].data.u64 == 33);
  CHECK(epoll_wait(epoll, got, 4, 0) == 0);
  CHECK(exited(status_of(child), 0));
  CHECK(epoll_ctl(epoll, EPOLL_CTL_DEL, answer[0], NULL) == 0);
  FAILS(ENOENT, epoll_ctl(epoll, EPOLL_CTL_DEL, answer[0], NULL));
  FAILS(EINVAL, epoll_wait(epoll, got, 0, 0));
  return finish();
}
