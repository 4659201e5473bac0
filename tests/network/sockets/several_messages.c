// recvmmsg(2) with a timeout, which is looked at after each message; QEMU's user mode leaves it out.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int fd;

static void receive(const char *what, unsigned most, int flags, struct timespec timeout) {
  struct mmsghdr several[4];
  char bytes[4][16];
  struct iovec pieces[4];
  memset(several, 0, sizeof several);
  for (int index = 0; index < 4; index++) {
    pieces[index] = (struct iovec){bytes[index], sizeof bytes[index]};
    several[index].msg_hdr.msg_iov = &pieces[index];
    several[index].msg_hdr.msg_iovlen = 1;
  }
  long asked = timeout.tv_sec;
  int count = recvmmsg(fd, several, most, flags, &timeout);
  printf("%s: %d %s, left %d\n", what, count, count < 0 ? strerror(errno) : "messages",
         timeout.tv_sec == asked ? asked > 0 : timeout.tv_sec == asked - 1);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  bind(fd, (struct sockaddr *)&address, length);
  getsockname(fd, (struct sockaddr *)&address, &length);
  for (int index = 0; index < 6; index++) {
    sendto(fd, "a message", 9, 0, (struct sockaddr *)&address, length);
  }
  receive("no time", 3, 0, (struct timespec){0, 1});
  receive("enough", 3, 0, (struct timespec){50, 0});
  receive("the rest", 4, MSG_WAITFORONE, (struct timespec){50, 0});
  receive("no moment", 1, 0, (struct timespec){0, 1000000000});
  return 0;
}
