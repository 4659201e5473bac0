// Sets of descriptors that are waited for (epoll(7)): what may be in one, how its events come, what goes with what.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <sys/epoll.h>

static int set, ends[2];

static int change(int operation, int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  return epoll_ctl(set, operation, fd, &event);
}

/** The events of the one descriptor that is ready; 0 for none. */
static uint32_t next(void) {
  struct epoll_event event = {0};
  return epoll_wait(set, &event, 1, 0) == 1 ? event.events : 0;
}

static void changes(void) {
  FAILS(ENOENT, change(EPOLL_CTL_MOD, ends[0], EPOLLIN));
  FAILS(ENOENT, change(EPOLL_CTL_DEL, ends[0], 0));
  CHECK(change(EPOLL_CTL_ADD, ends[0], EPOLLIN) == 0);
  FAILS(EEXIST, change(EPOLL_CTL_ADD, ends[0], EPOLLIN));
  FAILS(EINVAL, change(7, ends[0], EPOLLIN));
  FAILS(EINVAL, change(EPOLL_CTL_ADD, set, EPOLLIN));
  FAILS(EBADF, change(EPOLL_CTL_ADD, 99, EPOLLIN));
  FAILS(EINVAL, epoll_ctl(ends[0], EPOLL_CTL_ADD, ends[1], &(struct epoll_event){0}));
  int file = open(".", O_RDONLY), other = epoll_create1(0);
  FAILS(EPERM, change(EPOLL_CTL_ADD, file, EPOLLIN));
  CHECK(change(EPOLL_CTL_ADD, other, EPOLLIN) == 0);
  FAILS(ELOOP, epoll_ctl(other, EPOLL_CTL_ADD, set, &(struct epoll_event){0}));
  CHECK(close(other) == 0 && close(file) == 0);
  FAILS(EINVAL, epoll_wait(set, &(struct epoll_event){0}, 0, 0));
}

static void events(void) {
  char byte;
  CHECK(next() == 0 && write(ends[1], "ab", 2) == 2 && next() == EPOLLIN && next() == EPOLLIN);
  CHECK(change(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET) == 0 && next() == EPOLLIN && next() == 0);
  CHECK(write(ends[1], "c", 1) == 1 && next() == EPOLLIN && next() == 0);
  CHECK(change(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT) == 0 && next() == EPOLLIN && next() == 0);
  CHECK(write(ends[1], "d", 1) == 1 && next() == 0);
  CHECK(change(EPOLL_CTL_MOD, ends[0], EPOLLIN) == 0 && next() == EPOLLIN);
  for (int each = 0; each < 4; each++) CHECK(read(ends[0], &byte, 1) == 1);
  CHECK(next() == 0 && change(EPOLL_CTL_DEL, ends[0], 0) == 0);
}

static void exclusive(void) {
  int other = epoll_create1(0);
  FAILS(EINVAL, change(EPOLL_CTL_ADD, other, EPOLLIN | EPOLLEXCLUSIVE));
  FAILS(EINVAL, change(EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE));
  CHECK(change(EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLEXCLUSIVE) == 0);
  FAILS(EINVAL, change(EPOLL_CTL_MOD, ends[0], EPOLLIN));
  FAILS(EINVAL, change(EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLEXCLUSIVE));
  CHECK(write(ends[1], "a", 1) == 1 && next() == EPOLLIN && change(EPOLL_CTL_DEL, ends[0], 0) == 0);
  CHECK(close(other) == 0);
}

int main(void) {
  set = epoll_create1(EPOLL_CLOEXEC);
  CHECK(set >= 0 && pipe(ends) == 0);
  changes();
  events();
  exclusive();
  return finish();
}
