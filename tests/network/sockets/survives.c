// A server that listens, and a client that connects again and again: the network's domain may die meanwhile.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 300 };

static void *serve(void *argument) {
  int listener = *(int *)argument;
  for (;;) {
    int served = accept(listener, NULL, NULL);
    if (served < 0) continue;
    char byte;
    if (read(served, &byte, 1) == 1) {
      byte++;
      (void)!write(served, &byte, 1);
    }
    close(served);
  }
  return NULL;
}

int main(void) {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons(4000);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0) return 1;
  if (listen(listener, 8) != 0) return 2;
  pthread_t server;
  pthread_create(&server, NULL, serve, &listener);
  int answered = 0, wrong = 0, last = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int client = socket(AF_INET, SOCK_STREAM, 0);
    if (client < 0) return 3;
    char byte = 'a' + round % 20, expected = byte + 1;
    last = connect(client, (struct sockaddr *)&address, sizeof address) == 0 &&
           send(client, &byte, 1, MSG_NOSIGNAL) == 1 && read(client, &byte, 1) == 1;
    if (last) {
      if (byte == expected) answered++;
      else wrong++;
    }
    close(client);
    usleep(3000);
  }
  printf("%s, %d wrong, last %d\n", answered > ROUNDS / 2 ? "most answered" : "few answered", wrong, last);
  return 0;
}
