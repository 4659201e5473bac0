// What /proc/net and sock_diag(7) tell of sockets, as netstat(8), ss(8) and resolvers read it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void show(const char *path, const char *with) {
  char line[512];
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    perror(path);
    return;
  }
  while (fgets(line, sizeof line, file) != NULL) {
    if (strstr(line, with) != NULL) printf("%s: %s", path, line);
  }
  fclose(file);
}

/** The inode that /proc/net/tcp tells of a port of ours. */
static unsigned long listed(unsigned port) {
  char line[512];
  unsigned at;
  unsigned long inode, found = 0;
  FILE *file = fopen("/proc/net/tcp", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "%*s %*x:%x %*s %*s %*s %*s %*s %*s %*s %lu", &at, &inode) == 2 && at == port)
      found = inode;
  }
  if (file != NULL) fclose(file);
  return found;
}

static void same(int fd, unsigned long inode) {
  struct stat status;
  char path[64], name[64], expected[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int length = readlink(path, name, sizeof name - 1);
  name[length > 0 ? length : 0] = 0;
  snprintf(expected, sizeof expected, "socket:[%lu]", inode);
  int known = fstat(fd, &status) == 0 && status.st_ino == inode;
  printf("inode: %s, %s\n", known ? "the same" : "another", strcmp(name, expected) ? name : "as its link");
}

static unsigned long dumped;

static void dump(int family, unsigned states) {
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
  } message = {
      {sizeof message, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 7, 0},
      {.sdiag_family = family, .sdiag_protocol = IPPROTO_TCP, .idiag_states = states}};
  int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG);
  send(fd, &message, sizeof message, 0);
  char answer[8192];
  int length = recv(fd, answer, sizeof answer, 0);
  for (struct nlmsghdr *each = (void *)answer; NLMSG_OK(each, length);
       each = NLMSG_NEXT(each, length)) {
    struct inet_diag_msg *found = NLMSG_DATA(each);
    if (each->nlmsg_type == NLMSG_DONE) printf("done, %d\n", each->nlmsg_seq);
    if (each->nlmsg_type == NLMSG_ERROR) printf("error\n");
    if (each->nlmsg_type != SOCK_DIAG_BY_FAMILY) continue;
    dumped = found->idiag_inode;
    printf("family %d, state %d, port %d\n", found->idiag_family, found->idiag_state,
           ntohs(found->id.idiag_sport));
  }
  close(fd);
}

int main(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8000),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  bind(listener, (struct sockaddr *)&address, sizeof address);
  listen(listener, 5);
  struct sockaddr_un name = {AF_UNIX, "\0hidden"};
  int local = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(local, (struct sockaddr *)&name, sizeof(sa_family_t) + 7);
  listen(local, 5);
  show("/proc/net/tcp", "1F40");
  show("/proc/self/net/unix", "hidden");
  show("/proc/net/dev", "lo:");
  show("/proc/net/sockstat", " ");
  same(listener, listed(8000));
  dump(AF_INET, 1 << 10);
  same(listener, dumped);
  dump(AF_INET, 1 << 1);
  dump(AF_INET6, ~0u);
  dump(AF_UNIX, ~0u);
  return 0;
}
