// The error queues of sockets of datagrams (IP_RECVERR, IPV6_RECVERR): what comes of a port where nobody listens, and
// of datagrams that are too large.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int ready(int fd, int wait) {
  struct pollfd asked = {.fd = fd, .events = POLLIN};
  poll(&asked, 1, wait);
  return asked.revents;
}

static int pending(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

static void take(int fd, size_t room) {
  char data[64] = {0}, control[512];
  struct sockaddr_in6 name;
  struct iovec part = {data, room};
  struct msghdr message = {.msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1,
                           .msg_control = control, .msg_controllen = sizeof control};
  ssize_t size = recvmsg(fd, &message, MSG_ERRQUEUE);
  if (size < 0) {
    printf("nothing: %d\n", errno);
    return;
  }
  printf("%zd \"%s\", flags %x, sent to port %d\n", size, data, message.msg_flags, ntohs(name.sin6_port));
  for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
    printf("  level %d type %d:", each->cmsg_level, each->cmsg_type);
    for (size_t at = 0; at < each->cmsg_len - sizeof *each; at++) printf(" %02x", CMSG_DATA(each)[at]);
    printf("\n");
  }
}

static void ask(int family, int level, int errors, int hops, int discover) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr *to = family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six;
  socklen_t size = family == AF_INET ? sizeof four : sizeof six;
  static char large[65500];
  int fd = socket(family, SOCK_DGRAM, 0), on = 1, never = 2;
  sendto(fd, "unheard", 7, 0, to, size);
  ready(fd, 50);
  printf("not asked: %d\n", pending(fd));
  setsockopt(fd, level, errors, &on, sizeof on);
  setsockopt(fd, level, hops, &on, sizeof on);
  take(fd, 10);
  sendto(fd, "hello there", 11, 0, to, size);
  int before = ready(fd, 1000), error = pending(fd);
  printf("ready %x, pending %d, and ready %x\n", before, error, ready(fd, 100));
  take(fd, 5);
  printf("ready %x\n", ready(fd, 0));
  for (int each = 0; each < 2; each++) {
    sendto(fd, "again", 5, 0, to, size);
    ready(fd, 1000);
    pending(fd);
  }
  sendto(fd, "more", 4, 0, to, size);
  ready(fd, 1000);
  int status = (int)sendto(fd, "not sent", 8, 0, to, size);
  printf("sent %d, %d, and ready %x\n", status, errno, ready(fd, 100));
  for (int each = 0; each < 4; each++) take(fd, 50);
  printf("ready %x\n", ready(fd, 0));
  setsockopt(fd, level, discover, &never, sizeof never);
  if (family == AF_INET6) {
    status = (int)sendto(fd, large, sizeof large, 0, to, size);
    printf("sent %d, %d, and ready %x\n", status, errno, ready(fd, 0));
    take(fd, 5);
  }
  connect(fd, to, size);
  send(fd, "connected", 9, 0);
  ready(fd, 1000);
  take(fd, 50);
  printf("ready %x\n", ready(fd, 0));
}

int main(void) {
  ask(AF_INET, SOL_IP, IP_RECVERR, IP_RECVTTL, IP_MTU_DISCOVER);
  ask(AF_INET6, SOL_IPV6, IPV6_RECVERR, IPV6_RECVHOPLIMIT, IPV6_MTU_DISCOVER);
  int stream = socket(AF_INET, SOCK_STREAM, 0);
  take(stream, 10);
  return 0;
}
