// What goes with a datagram beside its data: to whom it was sent, hops, class and time as it comes; source,
// hops and class of one that is sent; and what is wrong with such messages.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int bound(int family, int port, int *got) {
  int fd = socket(family, SOCK_DGRAM, 0);
  struct sockaddr_storage name;
  memset(&name, 0, sizeof name);
  name.ss_family = family;
  if (family == AF_INET) ((struct sockaddr_in *)&name)->sin_port = htons(port);
  else ((struct sockaddr_in6 *)&name)->sin6_port = htons(port);
  socklen_t length = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  if (bind(fd, (struct sockaddr *)&name, length) != 0) perror("bind");
  getsockname(fd, (struct sockaddr *)&name, &length);
  *got = ntohs(((struct sockaddr_in *)&name)->sin_port);
  return fd;
}

static void on(int fd, int level, int name) {
  int yes = 1, now = 0;
  socklen_t length = sizeof now;
  int set = setsockopt(fd, level, name, &yes, sizeof yes);
  getsockopt(fd, level, name, &now, &length);
  printf("option %d of %d: %d %d\n", name, level, set, now);
}

static const char *text4(struct in_addr address) {
  static char texts[4][INET_ADDRSTRLEN];
  static int next;
  char *text = texts[next++ % 4];
  return inet_ntop(AF_INET, &address, text, INET_ADDRSTRLEN);
}

static void show(struct msghdr *message) {
  for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
    void *data = CMSG_DATA(each);
    int length = each->cmsg_len - CMSG_LEN(0), number = 0;
    if (length <= 4) memcpy(&number, data, length);
    printf("  level %d type %d, %d bytes:", each->cmsg_level, each->cmsg_type, length);
    if (each->cmsg_level == SOL_IP && each->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info = {0};
      memcpy(&info, data, length);
      printf(" interface %d, own %s, to %s", info.ipi_ifindex, text4(info.ipi_spec_dst), text4(info.ipi_addr));
    } else if (each->cmsg_level == SOL_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info = {0};
      char text[INET6_ADDRSTRLEN];
      memcpy(&info, data, length);
      inet_ntop(AF_INET6, &info.ipi6_addr, text, sizeof text);
      printf(" interface %u, to %s", info.ipi6_ifindex, text);
    } else if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SO_TIMESTAMP) {
      struct timeval time, now;
      memcpy(&time, data, sizeof time);
      gettimeofday(&now, NULL);
      printf(" a time %s", now.tv_sec - time.tv_sec < 10 && time.tv_usec < 1000000 ? "just now" : "that is wrong");
    } else if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SO_TIMESTAMPNS) {
      struct timespec time, now;
      memcpy(&time, data, sizeof time);
      clock_gettime(CLOCK_REALTIME, &now);
      printf(" a time %s", now.tv_sec - time.tv_sec < 10 && time.tv_nsec < 1000000000 ? "just now" : "that is wrong");
    } else printf(" %d", number);
    printf("\n");
  }
}

/** Receives a message with so much room for control messages. */
static void take(int fd, int room, int flags) {
  char data[64], control[256];
  struct sockaddr_storage from;
  struct iovec part = {data, sizeof data};
  struct msghdr message = {&from, sizeof from, &part, 1, room ? control : NULL, room, 0};
  ssize_t count = recvmsg(fd, &message, flags);
  printf("got %zd bytes, flags %#x", count, message.msg_flags);
  if (from.ss_family == AF_INET) {
    printf(", from %s", text4(((struct sockaddr_in *)&from)->sin_addr));
  } else {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&from)->sin6_addr, text, sizeof text);
    printf(", from %s", text);
  }
  printf(", %zu bytes of control messages\n", message.msg_controllen);
  show(&message);
}

/** Sends a byte with one control message, where there is one. */
static void give(int fd, const void *to, socklen_t length, int level, int type, const void *data, int size) {
  char control[CMSG_SPACE(64)];
  memset(control, 0, sizeof control);
  struct iovec part = {"x", 1};
  struct msghdr message = {(void *)to, length, &part, 1, data ? control : NULL, data ? CMSG_SPACE(size) : 0, 0};
  if (data) {
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(header), data, size);
  }
  ssize_t sent = sendmsg(fd, &message, 0);
  printf("sent %zd (errno %d)\n", sent, sent < 0 ? errno : 0);
}

int main(void) {
  int port, other, number;
  int receiver = bound(AF_INET, 0, &port), sender = bound(AF_INET, 0, &other);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);

  give(sender, &to, sizeof to, 0, 0, NULL, 0);
  take(receiver, 256, 0);
  on(receiver, SOL_IP, IP_PKTINFO);
  on(receiver, SOL_IP, IP_RECVTTL);
  on(receiver, SOL_IP, IP_RECVTOS);
  give(sender, &to, sizeof to, 0, 0, NULL, 0);
  take(receiver, 256, MSG_PEEK);
  take(receiver, 256, 0);
  number = 9;
  give(sender, &to, sizeof to, SOL_IP, IP_TTL, &number, sizeof number);
  take(receiver, 256, 0);
  number = 0x28;
  give(sender, &to, sizeof to, SOL_IP, IP_TOS, &number, sizeof number);
  take(receiver, 256, 0);
  give(sender, &to, sizeof to, SOL_IP, IP_TOS, &number, 1);
  take(receiver, 256, 0);
  // As much as there is room for.
  for (int room = 0; room < 80; room += 20) {
    give(sender, &to, sizeof to, 0, 0, NULL, 0);
    take(receiver, room, 0);
  }
  struct in_pktinfo info = {0};
  inet_pton(AF_INET, "127.0.0.7", &info.ipi_spec_dst);
  give(sender, &to, sizeof to, SOL_IP, IP_PKTINFO, &info, sizeof info);
  take(receiver, 256, 0);
  inet_pton(AF_INET, "127.0.0.9", &to.sin_addr);
  give(sender, &to, sizeof to, 0, 0, NULL, 0);
  take(receiver, 256, 0);
  inet_pton(AF_INET, "203.0.113.9", &info.ipi_spec_dst);
  give(sender, &to, sizeof to, SOL_IP, IP_PKTINFO, &info, sizeof info);
  info.ipi_spec_dst.s_addr = 0;
  info.ipi_ifindex = 77;
  give(sender, &to, sizeof to, SOL_IP, IP_PKTINFO, &info, sizeof info);
  give(sender, &to, sizeof to, SOL_IP, IP_PKTINFO, &info, 8);
  number = 300;
  give(sender, &to, sizeof to, SOL_IP, IP_TTL, &number, sizeof number);
  give(sender, &to, sizeof to, SOL_IP, 99, &number, sizeof number);

  int receiver6 = bound(AF_INET6, 0, &port), sender6 = bound(AF_INET6, 0, &other);
  struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  on(receiver6, SOL_IPV6, IPV6_RECVPKTINFO);
  on(receiver6, SOL_IPV6, IPV6_RECVHOPLIMIT);
  on(receiver6, SOL_IPV6, IPV6_RECVTCLASS);
  inet_pton(AF_INET6, "::1", &to6.sin6_addr);
  give(sender6, &to6, sizeof to6, 0, 0, NULL, 0);
  take(receiver6, 256, 0);
  number = 7;
  give(sender6, &to6, sizeof to6, SOL_IPV6, IPV6_HOPLIMIT, &number, sizeof number);
  take(receiver6, 256, 0);
  give(sender6, &to6, sizeof to6, SOL_IPV6, IPV6_TCLASS, &number, sizeof number);
  take(receiver6, 256, 0);
  number = -1;
  give(sender6, &to6, sizeof to6, SOL_IPV6, IPV6_HOPLIMIT, &number, sizeof number);
  take(receiver6, 256, 0);
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &to6.sin6_addr);
  give(sender6, &to6, sizeof to6, 0, 0, NULL, 0);
  take(receiver6, 256, 0);

  int clocked = bound(AF_INET, 0, &port);
  to.sin_port = htons(port);
  on(clocked, SOL_SOCKET, SO_TIMESTAMP);
  give(sender, &to, sizeof to, 0, 0, NULL, 0);
  take(clocked, 256, 0);
  int finer = bound(AF_INET, 0, &port);
  to.sin_port = htons(port);
  on(finer, SOL_SOCKET, SO_TIMESTAMPNS);
  give(sender, &to, sizeof to, 0, 0, NULL, 0);
  take(finer, 256, 0);
  return 0;
}
