// What gdb looks at: a function with a loop, called by two threads at once.
#include <pthread.h>
#include <stdio.h>

struct point {
  int x, y;
  double weight;
};

static struct point points[3] = {{1, 2, 0.5}, {3, 4, 1.5}, {5, 6, 2.5}};
static volatile int counter;
static pthread_barrier_t barrier;

int sum(struct point *at, int count) {
  int total = 0;
  for (int index = 0; index < count; index++) {
    total += at[index].x + at[index].y;
    counter = total;
  }
  return total;
}

static void *work(void *own) {
  pthread_barrier_wait(&barrier);
  long result = sum(own, 1);
  pthread_barrier_wait(&barrier);
  return (void *)result;
}

int main(void) {
  pthread_t threads[2];
  void *results[2];
  printf("sum %d\n", sum(points, 3));
  fflush(stdout);
  pthread_barrier_init(&barrier, NULL, 3);
  for (int index = 0; index < 2; index++) pthread_create(&threads[index], NULL, work, &points[index]);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);
  for (int index = 0; index < 2; index++) pthread_join(threads[index], &results[index]);
  printf("threads %ld %ld\n", (long)results[0], (long)results[1]);
  return 3;
}
