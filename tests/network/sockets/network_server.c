// Serves port 80 of the machine, a thread a connection: pages, what asking elsewhere comes to, and whatever is
// sent, back. Datagrams to port 7 are sent back, too.
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int send_all(int fd, const char *data, size_t length) {
  while (length > 0) {
    ssize_t count = send(fd, data, length, MSG_NOSIGNAL);
    if (count <= 0) return -1;
    data += count;
    length -= count;
  }
  return 0;
}

static void echo(int fd) {
  char *buffer = malloc(1 << 17);
  for (ssize_t count; (count = recv(fd, buffer, 1 << 17, 0)) > 0;)
    if (send_all(fd, buffer, count) < 0) break;
  free(buffer);
}

// Says what asking an address gives: the error's number, or what there is to read. A datagram is a question.
static void ask(int fd, int type, const char *host, int port) {
  char said[200] = "", page[300];
  struct timeval limit = {.tv_sec = 10};
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
  inet_pton(AF_INET, host, &to.sin_addr);
  int other = socket(AF_INET, type, 0);
  setsockopt(other, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(other, (struct sockaddr *)&to, sizeof to) < 0) sprintf(said, "error %d", errno);
  else if (type == SOCK_DGRAM && send(other, "question", 8, 0) < 0) sprintf(said, "unsent %d", errno);
  else if (recv(other, said, sizeof said - 1, type == SOCK_DGRAM ? 0 : MSG_WAITALL) < 0) sprintf(said, "lost %d", errno);
  close(other);
  int length = sprintf(page, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                       strlen(said), said);
  send_all(fd, page, length);
}

static void *serve(void *argument) {
  int fd = (int)(long)argument, port;
  char request[4096], host[64];
  size_t got = 0;
  for (;;) {
    ssize_t count = recv(fd, request + got, sizeof request - 1 - got, 0);
    if (count <= 0) goto end;
    got += count;
    request[got] = 0;
    if (got >= 4 && memcmp(request, "ECHO", 4) == 0) {
      if (send_all(fd, request + 4, got - 4) == 0) echo(fd);
      goto end;
    }
    if (strstr(request, "\r\n\r\n") != NULL) break;
    if (got == sizeof request - 1) goto end;
  }
  if (sscanf(request, "GET /connect/%63[0-9.]/%d ", host, &port) == 2)
    ask(fd, SOCK_STREAM, host, port);
  else if (sscanf(request, "GET /datagram/%63[0-9.]/%d ", host, &port) == 2)
    ask(fd, SOCK_DGRAM, host, port);
  else {
    const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 22\r\nConnection: close\r\n\r\na page of "
                        "the machine\n";
    send_all(fd, page, sizeof page - 1);
  }
end:
  close(fd);
  return NULL;
}

static int bound(int type, int port) {
  int fd = socket(AF_INET, type, 0), on = 1;
  struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(port)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) < 0) {
    perror("bind");
    exit(1);
  }
  return fd;
}

static void accept_one(int listener) {
  int fd = accept(listener, NULL, NULL);
  pthread_t thread;
  if (fd < 0) return;
  if (pthread_create(&thread, NULL, serve, (void *)(long)fd) == 0) pthread_detach(thread);
  else close(fd);
}

static void echo_datagram(int fd) {
  char data[2000];
  struct sockaddr_in from;
  socklen_t size = sizeof from;
  ssize_t count = recvfrom(fd, data, sizeof data, MSG_DONTWAIT, (struct sockaddr *)&from, &size);
  if (count >= 0) sendto(fd, data, count, 0, (struct sockaddr *)&from, size);
}

int main(void) {
  struct pollfd ready[] = {{.fd = bound(SOCK_STREAM, 80), .events = POLLIN},
                           {.fd = bound(SOCK_DGRAM, 7), .events = POLLIN}};
  if (listen(ready[0].fd, 64) < 0) {
    perror("listen");
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  printf("listening\n");
  fflush(stdout);
  for (;;) {
    poll(ready, 2, -1);
    if (ready[0].revents != 0) accept_one(ready[0].fd);
    if (ready[1].revents != 0) echo_datagram(ready[1].fd);
  }
}
