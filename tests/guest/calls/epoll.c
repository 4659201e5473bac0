// Sets of descriptors that are waited for (epoll(7)): what may be in one, how its events come, what goes with what.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

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

/** Each is told in turn, however few are asked for; and as many as are asked for, however many those are. */
static void turns(void) {
  enum { MANY = 200, FEW = 3 };
  struct epoll_event told[MANY];
  int copies[MANY], seen[FEW] = {0};
  for (int each = 0; each < MANY; each++) {
    CHECK((copies[each] = dup(ends[1])) >= 0 && change(EPOLL_CTL_ADD, copies[each], EPOLLOUT) == 0);
  }
  CHECK(epoll_wait(set, told, MANY, 0) == MANY);
  CHECK(epoll_wait(set, told, MANY - 1, 0) == MANY - 1 && told[0].events == EPOLLOUT);
  for (int each = FEW; each < MANY; each++) {
    CHECK(change(EPOLL_CTL_DEL, copies[each], 0) == 0 && close(copies[each]) == 0);
  }
  for (int round = 0; round < 2 * FEW; round++) {
    CHECK(epoll_wait(set, told, 1, 0) == 1);
    for (int each = 0; each < FEW; each++) seen[each] += told[0].data.fd == copies[each];
  }
  for (int each = 0; each < FEW; each++) CHECK(seen[each] == 2 && close(copies[each]) == 0);
  FAILS(EINVAL, syscall(SYS_epoll_pwait, set, told, 0x7fffffff, 0, NULL, 0));
}

int main(void) {
  set = epoll_create1(EPOLL_CLOEXEC);
  CHECK(set >= 0 && pipe(ends) == 0);
  changes();
  events();
  exclusive();
  turns();
  return finish();
}
