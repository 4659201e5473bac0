// Limits, and what calls answer that QEMU's user mode lets through: descriptors, memory, processes, time.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void limit(int which, rlim_t soft) {
  struct rlimit now;
  CHECK(getrlimit(which, &now) == 0);
  now.rlim_cur = soft;
  CHECK(setrlimit(which, &now) == 0);
}

static void descriptors(void) {
  limit(RLIMIT_NOFILE, 20);
  int file = open("/dev/null", O_RDONLY), last = file, next, ends[2];
  while ((next = dup(file)) >= 0) last = next;
  CHECK(errno == EMFILE && last == 19);
  FAILS(EMFILE, open("/dev/null", O_RDONLY));
  FAILS(EMFILE, pipe(ends));
  FAILS(EBADF, dup2(file, 20));
  FAILS(EINVAL, fcntl(file, F_DUPFD, 20));
  close(10);
  FAILS(EMFILE, pipe(ends));
  // One end was there for a moment; it is free again.
  CHECK(dup(file) == 10);
  struct pollfd many[21];
  FAILS(EINVAL, poll(many, 21, 0));
}

static void address_space(void) {
  limit(RLIMIT_AS, 64 << 20);
  FAILS(ENOMEM, (long)mmap(NULL, 65 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  CHECK(malloc(100 << 20) == NULL && errno == ENOMEM);
  void *some = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(some != MAP_FAILED);
  FAILS(ENOMEM, (long)mremap(some, 16 << 20, 80 << 20, MREMAP_MAYMOVE));
  char *end = sbrk(0);
  FAILS(ENOMEM, (long)sbrk(80 << 20));
  CHECK(sbrk(0) == end);
  CHECK(munmap(some, 16 << 20) == 0);
}

static void *wait_here(void *argument) {
  for (;;) pause();
  return argument;
}

static void processes(void) {
  CHECK(setresuid(4321, 4321, 4321) == 0);
  limit(RLIMIT_NPROC, 6);
  pid_t children[10], child;
  int count = 0;
  while (count < 10 && (child = fork()) > 0) children[count++] = child;
  if (child == 0) {
    for (;;) pause();
  }
  CHECK(child == -1 && errno == EAGAIN && count == 5);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, wait_here, NULL) == EAGAIN);
  while (count > 0) {
    kill(children[--count], SIGKILL);
    CHECK(killed(status_of(children[count]), SIGKILL));
  }
  CHECK((child = fork()) >= 0);
  if (child == 0) _exit(0);
  CHECK(exited(status_of(child), 0));
}

static void spin(void) {
  limit(RLIMIT_CPU, 1);
  for (volatile long turn = 0;; turn++);
}

static void small_stack(void) {
  limit(RLIMIT_CORE, 0);
  char *deep = __builtin_frame_address(0);
  // Eight mebibytes are the limit; the page that is out of reach faults.
  for (long below = 4096; below < 64 << 20; below += 4096) *(volatile char *)(deep - below) = 1;
}

int main(void) {
  CHECK(exited(run(descriptors), 0));
  CHECK(exited(run(address_space), 0));
  CHECK(exited(run(processes), 0));
  CHECK(killed(run(spin), SIGXCPU));
  CHECK(killed(run(small_stack), SIGSEGV));
  char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  FAILS(EEXIST, (long)mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  FAILS(EINVAL, madvise(page, 4096, 12345));
  struct rlimit none = {5, 4};
  FAILS(EINVAL, setrlimit(RLIMIT_NOFILE, &none));
  return finish();
}
