// Threads: mutexes, condition variables, barriers, read-write locks, semaphores, storage of a thread's own,
// cancellation, signals to one thread, and what is left when the first thread ends.
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { THREADS = 8, TURNS = 500 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t items;
static long counter, phases[THREADS], readers_saw;
static atomic_int arrived, destroyed, cleaned, handled;
static __thread long own = 5;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int onces;
static pthread_t signalled;

static void count_once(void) { onces++; }
static void destroy(void *value) { destroyed += (int)(long)value; }
static void clean(void *value) { cleaned += (int)(long)value; }
static void handle(int number) { handled += number == SIGUSR1 && pthread_equal(pthread_self(), signalled); }

static void *count(void *index) {
  pthread_once(&once, count_once);
  pthread_setspecific(key, (void *)1);
  for (int turn = 0; turn < TURNS; turn++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
    own += (long)index;
  }
  return (void *)own;
}

/** No thread is two phases ahead of another. */
static void *step(void *argument) {
  long index = (long)argument, wrong = 0;
  for (int phase = 1; phase <= 50; phase++) {
    phases[index] = phase;
    pthread_barrier_wait(&barrier);
    for (int other = 0; other < THREADS; other++) wrong += phases[other] != phase;
    pthread_barrier_wait(&barrier);
  }
  return (void *)wrong;
}

static long queue[4], queued, taken, sum;

static void *produce(void *argument) {
  for (long value = 1; value <= 1000; value++) {
    pthread_mutex_lock(&mutex);
    while (queued - taken == 4) pthread_cond_wait(&changed, &mutex);
    queue[queued++ % 4] = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
  }
  return argument;
}

static void *consume(void *argument) {
  for (int times = 0; times < 500; times++) {
    pthread_mutex_lock(&mutex);
    while (queued == taken) pthread_cond_wait(&changed, &mutex);
    sum += queue[taken++ % 4];
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
  }
  return argument;
}

static void *read_or_write(void *argument) {
  for (int turn = 0; turn < 200; turn++) {
    if ((long)argument == 0) {
      pthread_rwlock_wrlock(&lock);
      readers_saw++;
      sched_yield();
      readers_saw++;
    } else {
      pthread_rwlock_rdlock(&lock);
      if (readers_saw % 2 != 0) arrived = -1000;
    }
    pthread_rwlock_unlock(&lock);
  }
  return NULL;
}

static void *wait_for_ever(void *argument) {
  pthread_cleanup_push(clean, (void *)7);
  arrived++;
  for (;;) pause();
  pthread_cleanup_pop(0);
  return argument;
}

static void *compute_for_ever(void *argument) {
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  arrived++;
  for (volatile long turn = 0;; turn++);
  return argument;
}

static void *post(void *argument) {
  for (int index = 0; index < 100; index++) sem_post(&items);
  return argument;
}

static void *say_last(void *argument) {
  pthread_join(*(pthread_t *)argument, NULL);
  printf("the first thread has ended\n");
  exit(finish());
}

int main(void) {
  pthread_t threads[THREADS];
  void *result;
  pthread_key_create(&key, destroy);
  for (long index = 0; index < THREADS; index++) {
    CHECK(pthread_create(&threads[index], NULL, count, (void *)index) == 0);
  }
  for (long index = 0; index < THREADS; index++) {
    CHECK(pthread_join(threads[index], &result) == 0 && (long)result == 5 + index * TURNS);
  }
  printf("counted %ld, once %d, destroyed %d, own %ld\n", counter, onces, (int)destroyed, own);

  pthread_barrier_init(&barrier, NULL, THREADS);
  for (long index = 0; index < THREADS; index++) pthread_create(&threads[index], NULL, step, (void *)index);
  long wrong = 0;
  for (int index = 0; index < THREADS; index++) {
    pthread_join(threads[index], &result);
    wrong += (long)result;
  }
  CHECK(wrong == 0);

  pthread_create(&threads[0], NULL, produce, NULL);
  for (int index = 1; index < 3; index++) pthread_create(&threads[index], NULL, consume, NULL);
  for (int index = 0; index < 3; index++) pthread_join(threads[index], NULL);
  printf("consumed %ld\n", sum);

  for (long index = 0; index < 4; index++) pthread_create(&threads[index], NULL, read_or_write, (void *)index);
  for (int index = 0; index < 4; index++) pthread_join(threads[index], NULL);
  CHECK(arrived == 0 && readers_saw == 400);

  sem_init(&items, 0, 0);
  for (int index = 0; index < 3; index++) pthread_create(&threads[index], NULL, post, NULL);
  for (int index = 0; index < 300; index++) CHECK(sem_wait(&items) == 0);
  for (int index = 0; index < 3; index++) pthread_join(threads[index], NULL);
  FAILS(EAGAIN, sem_trywait(&items));

  pthread_create(&threads[0], NULL, wait_for_ever, NULL);
  pthread_create(&threads[1], NULL, compute_for_ever, NULL);
  while (arrived < 2) sched_yield();
  for (int index = 0; index < 2; index++) {
    CHECK(pthread_cancel(threads[index]) == 0);
    CHECK(pthread_join(threads[index], &result) == 0 && result == PTHREAD_CANCELED);
  }
  printf("cleaned up: %d\n", (int)cleaned);

  // A signal for one thread is handled by that one.
  signal(SIGUSR1, handle);
  pthread_create(&signalled, NULL, wait_for_ever, NULL);
  while (arrived < 3) sched_yield();
  CHECK(pthread_kill(signalled, SIGUSR1) == 0);
  while (handled == 0) sched_yield();
  pthread_cancel(signalled);
  pthread_join(signalled, NULL);
  CHECK(handled == 1);

  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_nsec += 20000000;
  if (soon.tv_nsec >= 1000000000) soon.tv_sec++, soon.tv_nsec -= 1000000000;
  pthread_mutex_lock(&mutex);
  CHECK(pthread_cond_timedwait(&changed, &mutex, &soon) == ETIMEDOUT);
  CHECK(pthread_mutex_trylock(&mutex) == EBUSY);
  pthread_mutex_unlock(&mutex);

  pthread_mutexattr_t attributes;
  pthread_mutex_t checked;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
  pthread_mutex_init(&checked, &attributes);
  CHECK(pthread_mutex_lock(&checked) == 0 && pthread_mutex_lock(&checked) == EDEADLK);
  CHECK(pthread_mutex_unlock(&checked) == 0 && pthread_mutex_unlock(&checked) == EPERM);

  static pthread_t first;
  first = pthread_self();
  pthread_create(&threads[0], NULL, say_last, &first);
  pthread_exit(NULL);
}
