// Mutexes whose owner died: the next one is told, and makes them consistent. QEMU has no robust lists.
#include "check.h"
#include <pthread.h>
#include <sys/mman.h>

struct shared {
  pthread_mutex_t mutex[3];
  int ready;
};

static struct shared *shared;

static void die_with_all(void) {
  for (int index = 0; index < 3; index++) pthread_mutex_lock(&shared->mutex[index]);
  __atomic_store_n(&shared->ready, 1, __ATOMIC_SEQ_CST);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void *die_alone(void *mutex) {
  pthread_mutex_lock(mutex);
  return NULL;
}

static void wait_for_dead(void) {
  CHECK(pthread_mutex_lock(&shared->mutex[0]) == EOWNERDEAD);
  CHECK(pthread_mutex_consistent(&shared->mutex[0]) == 0);
  CHECK(pthread_mutex_unlock(&shared->mutex[0]) == 0);
}

static void lock_and_sleep(void) {
  CHECK(pthread_mutex_lock(&shared->mutex[0]) == 0);
  __atomic_store_n(&shared->ready, 2, __ATOMIC_SEQ_CST);
  pause_ms(40);
}

int main(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  for (int index = 0; index < 3; index++) CHECK(pthread_mutex_init(&shared->mutex[index], &attributes) == 0);

  CHECK(killed(run(die_with_all), SIGKILL) && shared->ready == 1);
  for (int index = 0; index < 2; index++) {
    CHECK(pthread_mutex_lock(&shared->mutex[index]) == EOWNERDEAD);
    CHECK(pthread_mutex_consistent(&shared->mutex[index]) == 0);
    CHECK(pthread_mutex_unlock(&shared->mutex[index]) == 0 && pthread_mutex_lock(&shared->mutex[index]) == 0);
    CHECK(pthread_mutex_unlock(&shared->mutex[index]) == 0);
  }
  // Who does not make it consistent loses it for everybody.
  CHECK(pthread_mutex_trylock(&shared->mutex[2]) == EOWNERDEAD);
  CHECK(pthread_mutex_unlock(&shared->mutex[2]) == 0);
  CHECK(pthread_mutex_lock(&shared->mutex[2]) == ENOTRECOVERABLE);

  pthread_t thread;
  pthread_create(&thread, NULL, die_alone, &shared->mutex[1]);
  pthread_join(thread, NULL);
  CHECK(pthread_mutex_lock(&shared->mutex[1]) == EOWNERDEAD && pthread_mutex_consistent(&shared->mutex[1]) == 0);

  // Who waits already is woken.
  pid_t holder = start(lock_and_sleep);
  while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) != 2) pause_ms(1);
  pid_t waiter = start(wait_for_dead);
  CHECK(exited(status_of(holder), 0) && exited(status_of(waiter), 0));
  return finish();
}
