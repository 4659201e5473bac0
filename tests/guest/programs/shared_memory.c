// Memory between processes: anonymous shared pages, mutexes and conditions in them, private copies.
#define _GNU_SOURCE
#include "check.h"
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

struct shared {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  long counter, turn;
  int word;
};

static struct shared *shared;
static char *copied;

static void count(void) {
  for (int index = 0; index < 2000; index++) {
    pthread_mutex_lock(&shared->mutex);
    shared->counter++;
    pthread_mutex_unlock(&shared->mutex);
  }
}

/** Takes every other turn. */
static void take_turns(int whose) {
  for (int index = 0; index < 100; index++) {
    pthread_mutex_lock(&shared->mutex);
    while (shared->turn % 2 != whose) pthread_cond_wait(&shared->changed, &shared->mutex);
    shared->turn++;
    pthread_cond_broadcast(&shared->changed);
    pthread_mutex_unlock(&shared->mutex);
  }
}

static void odd_turns(void) { take_turns(1); }

static void wait_for_word(void) {
  while (__atomic_load_n(&shared->word, __ATOMIC_SEQ_CST) == 0) {
    syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0);
  }
  CHECK(shared->word == 17);
}

static void write_copy(void) {
  for (int page = 0; page < 64; page += 2) copied[page * 4096] = 'c';
  for (int page = 0; page < 64; page++) CHECK(copied[page * 4096] == (page % 2 ? 'p' : 'c'));
}

int main(void) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED && shared->counter == 0);
  pthread_mutexattr_t of_mutex;
  pthread_mutexattr_init(&of_mutex);
  pthread_mutexattr_setpshared(&of_mutex, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(&shared->mutex, &of_mutex);
  pthread_condattr_t of_condition;
  pthread_condattr_init(&of_condition);
  pthread_condattr_setpshared(&of_condition, PTHREAD_PROCESS_SHARED);
  pthread_cond_init(&shared->changed, &of_condition);

  pid_t children[4];
  for (int index = 0; index < 4; index++) children[index] = start(count);
  for (int index = 0; index < 4; index++) CHECK(exited(status_of(children[index]), 0));
  printf("counted by four processes: %ld\n", shared->counter);

  children[0] = start(odd_turns);
  take_turns(0);
  CHECK(exited(status_of(children[0]), 0));
  printf("turns: %ld\n", shared->turn);

  for (int index = 0; index < 4; index++) children[index] = start(wait_for_word);
  pause_ms(20);
  __atomic_store_n(&shared->word, 17, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &shared->word, FUTEX_WAKE, 100, NULL, NULL, 0);
  for (int index = 0; index < 4; index++) CHECK(exited(status_of(children[index]), 0));

  // Private memory is copied when one of the two writes; also what the parent writes meanwhile.
  copied = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int page = 0; page < 64; page++) copied[page * 4096] = 'p';
  pid_t child = start(write_copy);
  for (int page = 0; page < 64; page += 3) copied[page * 4096 + 1] = 'q';
  CHECK(exited(status_of(child), 0));
  int kept = 0;
  for (int page = 0; page < 64; page++) kept += copied[page * 4096] == 'p';
  printf("pages kept: %d\n", kept);

  // A shared mapping that is enlarged, moved and protected is still shared.
  int *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t writer = fork();
  if (writer == 0) {
    words[3] = 33;
    _exit(mprotect(words, 4096, PROT_READ) == 0 && words[3] == 33 ? 0 : 1);
  }
  CHECK(exited(status_of(writer), 0) && words[3] == 33);
  words[3] = 34;
  CHECK(munmap(words, 4096) == 0 && munmap(shared, sizeof *shared) == 0);
  return finish();
}
