// poll(2) of devices that are always ready: whatever is asked, and whatever was asked before.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <poll.h>

static int ready(int fd, short events) {
  struct pollfd polled[2] = {{.fd = -1}, {.fd = fd, .events = events}};
  int count = poll(polled, 2, 0);
  return count == 0 ? 0 : polled[1].revents;
}

int main(void) {
  const char *names[] = {"/dev/null", "/dev/zero"};
  for (int which = 0; which < 2; which++) {
    int fd = open(names[which], O_RDWR);
    CHECK(fd >= 0 && ready(fd, 0) == 0 && ready(fd, POLLOUT) == POLLOUT && ready(fd, 0) == 0);
    CHECK(ready(fd, POLLIN) == POLLIN && ready(fd, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    CHECK(ready(fd, POLLOUT) == POLLOUT && ready(fd, POLLIN | POLLOUT) == (POLLIN | POLLOUT));
    CHECK(ready(fd, POLLPRI) == 0);
    close(fd);
  }
  return finish();
}
