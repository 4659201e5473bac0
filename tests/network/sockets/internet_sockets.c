// Sockets of the Internet families over the loopback interface: what calls answer, and how readiness changes.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result) {
  printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static void say_poll(const char *what, int fd, short events, int timeout) {
  struct pollfd one = {fd, events, 0};
  int count = poll(&one, 1, timeout);
  printf("%s: %d %#x\n", what, count, one.revents);
}

static struct sockaddr_in bound(int fd) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(fd, (struct sockaddr *)&address, length) != 0) perror("bind");
  getsockname(fd, (struct sockaddr *)&address, &length);
  return address;
}

static void streams(void) {
  char bytes[100];
  static char block[200000];
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = bound(listener), other;
  socklen_t room = sizeof other;
  int client = socket(AF_INET, SOCK_STREAM, 0);
  say("refused", connect(client, (struct sockaddr *)&address, sizeof address));
  close(client);
  say("listen", listen(listener, 8));
  fcntl(listener, F_SETFL, O_NONBLOCK);
  say("nobody yet", accept(listener, NULL, NULL));
  client = socket(AF_INET, SOCK_STREAM, 0);
  say("connect", connect(client, (struct sockaddr *)&address, sizeof address));
  say("again", connect(client, (struct sockaddr *)&address, sizeof address));
  say_poll("waiting", listener, POLLIN, 1000);
  int served = accept4(listener, (struct sockaddr *)&other, &room, SOCK_CLOEXEC);
  printf("accepted: %d %d %s\n", served >= 0, room, inet_ntoa(other.sin_addr));
  say("no more", accept(listener, NULL, NULL));
  room = sizeof other;
  getpeername(client, (struct sockaddr *)&other, &room);
  say("peer", other.sin_port == address.sin_port);
  say_poll("writable", client, POLLIN | POLLOUT, 1000);
  say("send", send(client, "some data", 9, 0));
  say_poll("readable", served, POLLIN, 1000);
  int waiting = 0;
  ioctl(served, FIONREAD, &waiting);
  say("waiting", waiting);
  say("peek", recv(served, bytes, 4, MSG_PEEK));
  say("read", read(served, bytes, sizeof bytes));
  say("nothing", recv(served, bytes, 1, MSG_DONTWAIT));
  struct timeval soon = {0, 30000};
  setsockopt(served, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  say("timeout", recv(served, bytes, 1, 0));
  soon.tv_usec = 0;
  setsockopt(served, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  if (fork() == 0) {
    long total = 0;
    for (int index = 0; index < 10; index++) total += write(client, block, sizeof block);
    shutdown(client, SHUT_WR);
    printf("child wrote %ld, got %zd\n", total, recv(client, bytes, 3, MSG_WAITALL));
    fflush(stdout);
    _exit(0);
  }
  long total = 0, got;
  while ((got = read(served, block, sizeof block)) > 0) total += got;
  say("came", total);
  say_poll("half closed", served, POLLIN | POLLOUT | POLLRDHUP, 1000);
  write(served, "bye", 3);
  wait(NULL);
  close(client);
  signal(SIGPIPE, SIG_IGN);
  close(served);
  close(listener);
}

static void resets(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = bound(listener);
  listen(listener, 1);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr *)&address, sizeof address);
  int served = accept(listener, NULL, NULL);
  struct linger now = {1, 0};
  setsockopt(served, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(served);
  char byte;
  usleep(20000);
  say_poll("reset", client, POLLIN | POLLOUT | POLLRDHUP, 1000);
  say("read", read(client, &byte, 1));
  say("write", send(client, "x", 1, MSG_NOSIGNAL));
  close(client);
  close(listener);
}

static void *read_later(void *fd) {
  static char block[65536];
  usleep(200000);
  while (read((int)(long)fd, block, sizeof block) > 0);
  return NULL;
}

static void ignore(int signal) { (void)signal; }

/** Closes a connection with data that nobody reads yet, and says whether that took so long. */
static void linger(const char *what, int seconds, int reads, int interrupted) {
  static char block[65536];
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = bound(listener);
  listen(listener, 1);
  int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  connect(client, (struct sockaddr *)&address, sizeof address);
  int served = accept(listener, NULL, NULL);
  while (write(client, block, sizeof block) > 0) usleep(1000);
  struct linger option = {seconds > 0, seconds};
  setsockopt(client, SOL_SOCKET, SO_LINGER, &option, sizeof option);
  pthread_t reader;
  if (reads) pthread_create(&reader, NULL, read_later, (void *)(long)served);
  struct sigaction action = {.sa_handler = ignore};
  sigaction(SIGALRM, &action, NULL);
  if (interrupted) setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_usec = 200000}, NULL);
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  int result = close(client);
  clock_gettime(CLOCK_MONOTONIC, &after);
  long ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
  printf("%s: %d, waited %d, for all %d\n", what, result, ms >= 100, ms >= 900);
  fflush(stdout);
  if (reads) pthread_join(reader, NULL);
  close(served);
  close(listener);
}

/** Sends that a signal interrupts, whenever it comes, tell what they sent, and all of that comes. */
static void interrupted(void) {
  enum { MUCH = 32 << 20 };
  struct sigaction action = {.sa_handler = ignore};
  sigaction(SIGALRM, &action, NULL);
  char *bytes = calloc(1, MUCH);
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = bound(listener);
  listen(listener, 1);
  int client = socket(AF_INET, SOCK_STREAM, 0);
  connect(client, (struct sockaddr *)&address, sizeof address);
  int server = accept(listener, NULL, NULL);
  long sent = 0, got = 0, part, strange = 0;
  for (int each = 0; each < 20; each++) {
    struct itimerval soon = {.it_value.tv_usec = 300 + 700 * each};
    setitimer(ITIMER_REAL, &soon, NULL);
    part = send(client, bytes, MUCH, 0);
    if (part > 0) sent += part;
    strange += part == 0 || (part < 0 && errno != EINTR);
  }
  shutdown(client, SHUT_WR);
  while ((part = recv(server, bytes, MUCH, 0)) > 0) got += part;
  say("interrupted sends", strange);
  say("came of them", got == sent && sent > 0);
  close(client);
  close(server);
  close(listener);
  free(bytes);
}

static void lingering(void) {
  linger("in the background", 0, 1, 0);
  linger("until it is read", 20, 1, 0);
  linger("until the time is over", 1, 0, 0);
  linger("until a signal comes", 20, 0, 1);
}

static void unblocked(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), set = epoll_create1(0);
  struct sockaddr_in address = bound(listener);
  listen(listener, 8);
  int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int result = connect(client, (struct sockaddr *)&address, sizeof address);
  printf("under way: %d\n", result == 0 || errno == EINPROGRESS);
  say_poll("connected", client, POLLOUT, 1000);
  int error = -1;
  socklen_t room = sizeof error;
  say("asked", getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &room));
  say("error", error);
  int served = accept(listener, NULL, NULL);
  struct epoll_event event = {EPOLLIN | EPOLLET, {.fd = served}};
  say("add", epoll_ctl(set, EPOLL_CTL_ADD, served, &event));
  say("nothing", epoll_wait(set, &event, 1, 20));
  write(client, "abc", 3);
  say("told", epoll_wait(set, &event, 1, 1000));
  say("once", epoll_wait(set, &event, 1, 20));
  write(client, "def", 3);
  say("new data", epoll_wait(set, &event, 1, 1000));
  char bytes[10];
  usleep(20000);
  say("read", read(served, bytes, 10));
  close(client);
  say("closed", epoll_wait(set, &event, 1, 1000));
  say("end", read(served, bytes, 10));
  close(served);
  int nowhere = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  close(listener);
  connect(nowhere, (struct sockaddr *)&address, sizeof address);
  say_poll("refused", nowhere, POLLOUT, 1000);
  room = sizeof error;
  getsockopt(nowhere, SOL_SOCKET, SO_ERROR, &error, &room);
  say("error", error == ECONNREFUSED);
  close(nowhere);
  close(set);
}

static void datagrams(int family) {
  printf("-- datagrams, family %d\n", family);
  struct sockaddr_in6 address6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  struct sockaddr_in address4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr *address = family == AF_INET ? (void *)&address4 : (void *)&address6;
  socklen_t length = family == AF_INET ? sizeof address4 : sizeof address6, room;
  int a = socket(family, SOCK_DGRAM, 0), b = socket(family, SOCK_DGRAM, 0);
  say("bind", bind(a, address, length));
  getsockname(a, address, &length);
  say("sendto", sendto(b, "a datagram", 10, 0, address, length));
  struct sockaddr_storage from;
  char bytes[100];
  room = sizeof from;
  say("recvfrom", recvfrom(a, bytes, 4, MSG_TRUNC, (struct sockaddr *)&from, &room));
  printf("from: %d %d\n", from.ss_family == family, room == length);
  say("not connected", send(b, "x", 1, 0));
  say("connect", connect(b, address, length));
  struct mmsghdr several[3];
  struct iovec pieces[3] = {{"one", 3}, {"three", 5}, {"", 0}};
  memset(several, 0, sizeof several);
  for (int index = 0; index < 3; index++) {
    several[index].msg_hdr.msg_iov = &pieces[index];
    several[index].msg_hdr.msg_iovlen = 1;
  }
  say("sendmmsg", sendmmsg(b, several, 3, 0));
  printf("lengths: %d %d %d\n", several[0].msg_len, several[1].msg_len, several[2].msg_len);
  for (int index = 0; index < 3; index++) say("recv", recv(a, bytes, sizeof bytes, 0));
  say("nothing", recv(a, bytes, 1, MSG_DONTWAIT));
  close(a);
  static char large[70000];
  say("too large", send(b, large, sizeof large, 0));
  send(b, "nobody is there", 15, 0);
  usleep(20000);
  say("told of it", send(b, "x", 1, 0));
  close(b);
}

static void options(void) {
  int fd = socket(AF_INET, SOCK_STREAM, 0), value = 1;
  socklen_t room = sizeof value;
  say("nodelay", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value));
  value = 0;
  getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &room);
  say("is", value);
  getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &room);
  say("type", value);
  getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &room);
  say("domain", value);
  value = 50;
  say("keepalive", setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &value, sizeof value));
  say("reuse", setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof value));
  say("reuse port", setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof value));
  say("unknown", setsockopt(fd, IPPROTO_TCP, 12345, &value, sizeof value));
  say("level", setsockopt(fd, 12345, 1, &value, sizeof value));
  say("send", send(fd, "x", 1, MSG_NOSIGNAL));
  say("recv", recv(fd, &value, 1, 0));
  say("accept", accept(fd, NULL, NULL));
  say("shutdown", shutdown(fd, SHUT_RDWR));
  close(fd);
  fd = socket(AF_INET6, SOCK_STREAM, 0);
  value = 1;
  say("v6only", setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, sizeof value));
  close(fd);
}

static void interfaces(void) {
  struct ifaddrs *all;
  int found = 0;
  say("getifaddrs", getifaddrs(&all));
  for (struct ifaddrs *each = all; each != NULL; each = each->ifa_next) {
    if (strcmp(each->ifa_name, "lo") != 0 || each->ifa_addr == NULL) continue;
    if (each->ifa_addr->sa_family == AF_INET) {
      found |= ((struct sockaddr_in *)each->ifa_addr)->sin_addr.s_addr == htonl(INADDR_LOOPBACK);
    }
  }
  say("loopback", found);
  freeifaddrs(all);
  say("index", if_nametoindex("lo"));
  struct ifreq requests[8];
  struct ifconf list = {.ifc_len = sizeof requests, .ifc_req = requests};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  say("list", ioctl(fd, SIOCGIFCONF, &list));
  printf("whole %d, first %s %s\n", list.ifc_len % (int)sizeof *requests, requests->ifr_name,
         inet_ntoa(((struct sockaddr_in *)&requests->ifr_addr)->sin_addr));
  list.ifc_len = sizeof *requests + 7;
  say("short list", ioctl(fd, SIOCGIFCONF, &list));
  say("holds one", list.ifc_len == sizeof *requests);
  close(fd);
}

int main(void) {
  streams();
  resets();
  interrupted();
  lingering();
  unblocked();
  datagrams(AF_INET);
  datagrams(AF_INET6);
  options();
  interfaces();
  return 0;
}
