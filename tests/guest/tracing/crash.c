// What gdb is shown a core of: two threads, one of which faults three calls deep.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct node {
  int value;
  struct node *next;
};

static struct node second = {2, NULL}, first = {1, &second};
static volatile int ready;

static void *wait_for_ever(void *argument) {
  ready = 1;
  for (;;) pause();
  return argument;
}

static int sum_of(struct node *list, int count) {
  int sum = 0;
  for (int each = 0; each < count; each++, list = list->next) sum += list->value;
  return sum;
}

int main(void) {
  pthread_t thread;
  double ratio = 0.625;
  pthread_create(&thread, NULL, wait_for_ever, NULL);
  while (!ready) usleep(1000);
  usleep(20000);
  return sum_of(&first, 3) > ratio;
}
