// UNIX sockets: pairs, names, messages, open files and credentials that go along, and what misuse answers.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long result) {
  printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static void say_poll(const char *what, int fd, short events) {
  struct pollfd one = {fd, events, 0};
  int count = poll(&one, 1, 0);
  printf("%s: %d %#x\n", what, count, one.revents);
}

static void pairs(void) {
  int ends[2];
  char bytes[64];
  say("socketpair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
  say("close on exec", fcntl(ends[0], F_GETFD));
  say_poll("fresh", ends[0], POLLIN | POLLOUT | POLLRDHUP);
  say("write", write(ends[0], "hello, ", 7));
  say("write", write(ends[0], "world", 5));
  int waiting = 0;
  ioctl(ends[1], FIONREAD, &waiting);
  say("waiting", waiting);
  say("peek", recv(ends[1], bytes, 5, MSG_PEEK));
  say("all", recv(ends[1], bytes, 12, MSG_WAITALL));
  say("same", memcmp(bytes, "hello, world", 12));
  say("nothing", recv(ends[1], bytes, 1, MSG_DONTWAIT));
  say("shutdown", shutdown(ends[0], SHUT_WR));
  say_poll("half closed", ends[1], POLLIN | POLLOUT | POLLRDHUP);
  say_poll("half closed, other end", ends[0], POLLIN | POLLOUT | POLLRDHUP);
  say("end", read(ends[1], bytes, 1));
  say("back", write(ends[1], "back", 4));
  say("read", read(ends[0], bytes, 64));
  signal(SIGPIPE, SIG_IGN);
  say("after shutdown", write(ends[0], "x", 1));
  close(ends[1]);
  say_poll("closed", ends[0], POLLIN | POLLOUT | POLLRDHUP);
  close(ends[0]);
  say("inet pair", socketpair(AF_INET, SOCK_STREAM, 0, ends));
  say("bad type", socketpair(AF_UNIX, 77, 0, ends));
  // What was not read is an error of the one that wrote it.
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  write(ends[0], "x", 1);
  write(ends[1], "unread", 6);
  close(ends[0]);
  say("rest", read(ends[1], bytes, 64));
  say("reset", read(ends[1], bytes, 64));
  say("then end", read(ends[1], bytes, 64));
  close(ends[1]);
}

static void fills(void) {
  int ends[2];
  static char block[10000];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  long total = 0, written;
  while ((written = write(ends[0], block, sizeof block)) > 0) total += written;
  printf("full: %d %s\n", total >= 65536, strerror(errno));
  say_poll("full", ends[0], POLLOUT);
  long taken = 0, got;
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  while ((got = read(ends[1], block, sizeof block)) > 0) taken += got;
  say("all came", taken == total);
  say_poll("empty", ends[0], POLLOUT);
  fcntl(ends[0], F_SETFL, 0);
  fcntl(ends[1], F_SETFL, 0);
  if (fork() == 0) {
    for (int index = 0; index < 100; index++) write(ends[0], block, sizeof block);
    _exit(0);
  }
  for (taken = 0; taken < 1000000;) taken += read(ends[1], block, sizeof block);
  wait(NULL);
  say("blocking writer", taken);
  close(ends[0]);
  close(ends[1]);
}

static void packets(int type, const char *name) {
  int ends[2];
  char bytes[8];
  printf("-- %s\n", name);
  socketpair(AF_UNIX, type, 0, ends);
  send(ends[0], "first packet", 12, 0);
  send(ends[0], "", 0, 0);
  send(ends[0], "second", 6, 0);
  struct iovec into = {bytes, sizeof bytes};
  struct msghdr message = {.msg_iov = &into, .msg_iovlen = 1};
  say("cut", recvmsg(ends[1], &message, 0));
  say("truncated", (message.msg_flags & MSG_TRUNC) != 0);
  say("empty", recv(ends[1], bytes, 8, 0));
  say("full length", recv(ends[1], bytes, 2, MSG_TRUNC));
  say("nothing", recv(ends[1], bytes, 8, MSG_DONTWAIT));
  static char large[400000];
  say("too large", send(ends[0], large, sizeof large, 0));
  close(ends[0]);
  if (type == SOCK_SEQPACKET) say("end", recv(ends[1], bytes, 8, 0));
  say("nobody", send(ends[1], "x", 1, MSG_NOSIGNAL));
  close(ends[1]);
}

static socklen_t address_of(struct sockaddr_un *address, const char *name) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (name[0] == '@') {
    strcpy(address->sun_path + 1, name + 1);
    return offsetof(struct sockaddr_un, sun_path) + strlen(name);
  }
  strcpy(address->sun_path, name);
  return sizeof *address;
}

static void names(const char *name) {
  printf("-- %s\n", name[0] == '@' ? "abstract" : "path");
  struct sockaddr_un address, other;
  socklen_t length = address_of(&address, name), room = sizeof other;
  int listener = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
  say("nobody", connect(second, (struct sockaddr *)&address, length));
  say("bind", bind(listener, (struct sockaddr *)&address, length));
  say("twice", bind(listener, (struct sockaddr *)&address, length));
  say("taken", bind(second, (struct sockaddr *)&address, length));
  say("not listening", connect(second, (struct sockaddr *)&address, length));
  say("listen", listen(listener, 4));
  say("accept", accept4(listener, NULL, NULL, SOCK_NONBLOCK | 0x1000));
  fcntl(listener, F_SETFL, O_NONBLOCK);
  say("nobody yet", accept(listener, NULL, NULL));
  int datagrams = socket(AF_UNIX, SOCK_DGRAM, 0);
  say("other type", connect(datagrams, (struct sockaddr *)&address, length));
  say("connect", connect(second, (struct sockaddr *)&address, length));
  say("again", connect(second, (struct sockaddr *)&address, length));
  say_poll("waiting", listener, POLLIN);
  int served = accept(listener, (struct sockaddr *)&other, &room);
  printf("accepted: %d %d %d\n", served >= 0, room, other.sun_family);
  room = sizeof other;
  say("peer", getpeername(second, (struct sockaddr *)&other, &room));
  printf("its name: %d %d\n", room == length || name[0] != '@', memcmp(&address, &other, 4));
  struct ucred who;
  room = sizeof who;
  say("credentials", getsockopt(served, SOL_SOCKET, SO_PEERCRED, &who, &room));
  printf("are ours: %d %d %d\n", who.pid == getpid(), who.uid == getuid(), room);
  int value = -1;
  room = sizeof value;
  getsockopt(listener, SOL_SOCKET, SO_ACCEPTCONN, &value, &room);
  say("listens", value);
  struct timeval soon = {0, 30000};
  setsockopt(served, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  say("timeout", recv(served, &value, 4, 0));
  close(listener);
  say("still", write(second, "still", 5));
  say("there", read(served, &other, sizeof other));
  if (name[0] != '@') say("unlink", unlink(name));
  close(second);
  close(served);
  close(datagrams);
}

static void rights(void) {
  int ends[2], inner[2];
  char bytes[16], control[CMSG_SPACE(2 * sizeof(int))];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  pipe(inner);
  struct iovec piece = {"m", 1};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  struct cmsghdr *along = CMSG_FIRSTHDR(&message);
  along->cmsg_level = SOL_SOCKET;
  along->cmsg_type = SCM_RIGHTS;
  along->cmsg_len = CMSG_LEN(sizeof inner);
  memcpy(CMSG_DATA(along), inner, sizeof inner);
  say("sendmsg", sendmsg(ends[0], &message, 0));
  write(ends[0], "more", 4);
  close(inner[0]);
  close(inner[1]);
  if (fork() == 0) {
    struct iovec into = {bytes, sizeof bytes};
    struct msghdr got = {.msg_iov = &into, .msg_iovlen = 1};
    memset(control, 0, sizeof control);
    got.msg_control = control;
    got.msg_controllen = sizeof control;
    say("recvmsg", recvmsg(ends[1], &got, MSG_CMSG_CLOEXEC));
    along = CMSG_FIRSTHDR(&got);
    int files[2];
    memcpy(files, CMSG_DATA(along), sizeof files);
    printf("control: %d %d %#x\n", (int)along->cmsg_len, along->cmsg_type, got.msg_flags);
    say("close on exec", fcntl(files[0], F_GETFD));
    write(files[1], "through", 7);
    say("through", read(files[0], bytes, sizeof bytes));
    say("rest", read(ends[1], bytes, sizeof bytes));
    _exit(0);
  }
  wait(NULL);
  // Without room for control data the files are closed.
  pipe(inner);
  memcpy(CMSG_DATA(along), inner, sizeof inner);
  message.msg_controllen = CMSG_LEN(sizeof inner);
  sendmsg(ends[0], &message, 0);
  close(inner[1]);
  struct iovec into = {bytes, sizeof bytes};
  struct msghdr got = {.msg_iov = &into, .msg_iovlen = 1};
  say("without room", recvmsg(ends[1], &got, 0));
  say("cut", (got.msg_flags & MSG_CTRUNC) != 0);
  say("closed", read(inner[0], bytes, 1));
  int bad = 999;
  along->cmsg_len = CMSG_LEN(sizeof bad);
  memcpy(CMSG_DATA(along), &bad, sizeof bad);
  say("bad file", sendmsg(ends[0], &message, 0));
  int on = 1;
  say("pass credentials", setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on));
  write(ends[0], "c", 1);
  char wide[CMSG_SPACE(sizeof(struct ucred))];
  got.msg_control = wide;
  got.msg_controllen = sizeof wide;
  say("recvmsg", recvmsg(ends[1], &got, 0));
  along = CMSG_FIRSTHDR(&got);
  struct ucred who;
  memcpy(&who, CMSG_DATA(along), sizeof who);
  printf("credentials: %d %d\n", along->cmsg_type, who.pid == getpid());
  close(ends[0]);
  close(ends[1]);
}

static void edges(void) {
  int ends[2], set = epoll_create1(0);
  char bytes[16];
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
  struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, {.u64 = 7}};
  say("add", epoll_ctl(set, EPOLL_CTL_ADD, ends[0], &event));
  say("writable", epoll_wait(set, &event, 1, 0));
  say("once", epoll_wait(set, &event, 1, 0));
  write(ends[1], "data", 4);
  say("readable", epoll_wait(set, &event, 1, 1000));
  printf("events: %#x %d\n", event.events, (int)event.data.u64);
  say("not told again", epoll_wait(set, &event, 1, 0));
  say("read", read(ends[0], bytes, 2));
  close(ends[1]);
  say("gone", epoll_wait(set, &event, 1, 1000));
  printf("events: %#x\n", event.events);
  say("rest", read(ends[0], bytes, 16));
  close(set);
  close(ends[0]);
}

static void misuse(void) {
  char bytes[4];
  int one = socket(AF_UNIX, SOCK_STREAM, 0);
  say("family", socket(99, SOCK_STREAM, 0));
  say("protocol", socket(AF_UNIX, SOCK_STREAM, 6));
  say("unconnected", send(one, "x", 1, 0));
  say("receive", recv(one, bytes, 1, 0));
  say("peer", getpeername(one, (struct sockaddr *)bytes, &(socklen_t){4}));
  say("listen", listen(one, 1));
  say("accept", accept(one, NULL, NULL));
  say("not a socket", listen(0, 1));
  say("no descriptor", listen(999, 1));
  say("shutdown", shutdown(one, SHUT_RDWR));
  say("how", shutdown(one, 9));
  say("short", bind(one, (struct sockaddr *)bytes, 1));
  say("option", setsockopt(one, 12345, 1, bytes, 4));
  close(one);
}

/** Whom signals of a socket go to. */
static void owners(void) {
  int ends[2], owner = getpid();
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  say("set", ioctl(ends[0], SIOCSPGRP, &owner));
  say("it is", fcntl(ends[0], F_GETOWN) == getpid());
  owner = 0;
  say("get", ioctl(ends[0], SIOCGPGRP, &owner));
  say("it is", owner == getpid());
  say("get", ioctl(ends[0], FIOGETOWN, &owner));
  owner = -getpgrp();
  say("set", ioctl(ends[0], FIOSETOWN, &owner));
  say("it is", fcntl(ends[0], F_GETOWN) == -getpgrp());
  struct f_owner_ex who = {F_OWNER_TID, getpid()};
  say("set a thread", fcntl(ends[0], F_SETOWN_EX, &who));
  say("no kind", (who.type = 7, fcntl(ends[0], F_SETOWN_EX, &who)));
  say("nobody", (who = (struct f_owner_ex){F_OWNER_PID, 0x3ffffe}, fcntl(ends[0], F_SETOWN_EX, &who)));
  say("get", fcntl(ends[0], F_GETOWN_EX, &who));
  say("it is", who.type == F_OWNER_TID && who.pid == getpid());
  say("pipe", (pipe(ends), ioctl(ends[0], SIOCSPGRP, &owner)));
}

int main(void) {
  owners();
  pairs();
  fills();
  packets(SOCK_SEQPACKET, "seqpacket");
  packets(SOCK_DGRAM, "datagrams");
  unlink("/tmp/a-socket-of-a-test");
  names("/tmp/a-socket-of-a-test");
  names("@a name of a test");
  rights();
  edges();
  misuse();
  return 0;
}
