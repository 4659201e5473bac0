// Private memory: mremap, mprotect, holes, madvise, the heap's end, and code that a program writes.
#define _GNU_SOURCE
#include "check.h"
#include <sys/mman.h>

static char *pages(int count) {
  char *start = mmap(NULL, count * 4096L, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int page = 0; start != MAP_FAILED && page < count; page++) start[page * 4096L] = (char)('a' + page);
  return start;
}

/** Letters of `count` pages, where '.' is a page of zeros. */
static void show(const char *what, const char *start, int count) {
  printf("%s: ", what);
  for (int page = 0; page < count; page++) putchar(start[page * 4096L] ? start[page * 4096L] : '.');
  putchar('\n');
}

typedef long (*function)(long);

/** li a0, value; ret */
static void put_function(unsigned *code, int value) {
  code[0] = (unsigned)value << 20 | 10 << 7 | 0x13;
  code[1] = 0x00008067;
  __asm__ volatile("fence.i" ::: "memory");
}

int main(void) {
  char *start = pages(8);
  char *moved = mremap(start, 8 * 4096, 16 * 4096, MREMAP_MAYMOVE);
  CHECK(moved != MAP_FAILED);
  show("enlarged", moved, 16);
  CHECK(mremap(moved, 16 * 4096, 4 * 4096, 0) == moved);
  show("reduced", moved, 4);
  char *place = pages(6);
  CHECK(mremap(moved, 4 * 4096, 4 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, place + 4096) == place + 4096);
  show("moved over others", place, 6);
  FAILS(EFAULT, (long)mremap(moved, 4096, 8192, MREMAP_MAYMOVE));
  FAILS(EINVAL, (long)mremap(place + 1, 4096, 8192, MREMAP_MAYMOVE));

  // A hole; a mapping over part of others; the same place asked for politely.
  start = pages(8);
  CHECK(munmap(start + 2 * 4096, 2 * 4096) == 0);
  CHECK(mmap(start + 3 * 4096, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        start + 3 * 4096);
  show("with new pages", start + 3 * 4096, 5);
  unsigned char resident[8];
  FAILS(ENOMEM, mincore(start, 8 * 4096, resident));
  FAILS(ENOMEM, mprotect(start, 8 * 4096, PROT_READ));
  FAILS(EINVAL, munmap(start + 1, 4096));

  // Pages that are not needed any more are zeros when they are read again.
  start = pages(6);
  CHECK(madvise(start + 4096, 2 * 4096, MADV_DONTNEED) == 0);
  show("not needed", start, 6);
  start[4096] = 'n';
  show("written again", start, 6);
  if (fork() == 0) {
    CHECK(madvise(start, 6 * 4096, MADV_DONTNEED) == 0);
    _exit(start[0] + start[4096]);
  }
  int status;
  CHECK(wait(&status) > 0 && exited(status, 0));
  show("after the child", start, 6);

  char *end = sbrk(0);
  CHECK(sbrk(100000) == end && sbrk(0) == end + 100000);
  memset(end, 7, 100000);
  CHECK(sbrk(-100000) == end + 100000 && sbrk(8192) == end);
  long sum = 0;
  const char *page = (const char *)(((long)end + 4095) & -4096L);
  for (int index = 0; index < 4096; index++) sum += page[index];
  printf("after the heap shrank and grew: %ld\n", sum);
  FAILS(ENOMEM, (long)sbrk(1L << 40));

  // Code that is written, changed, and changed again by a child on a copy.
  unsigned *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  sum = 0;
  for (int value = 0; value < 300; value++) {
    put_function(code, value);
    sum += ((function)code)(0);
  }
  printf("code changed 300 times: %ld\n", sum);
  put_function(code, 11);
  for (int times = 0; times < 5000; times++) sum += ((function)code)(0);
  if (fork() == 0) {
    put_function(code, 22);
    _exit((int)((function)code)(0));
  }
  CHECK(wait(&status) > 0 && exited(status, 22));
  printf("%ld in the parent\n", ((function)code)(0));
  CHECK(mprotect(code, 4096, PROT_READ) == 0);
  CHECK(mprotect(code, 4096, PROT_READ | PROT_WRITE) == 0);
  put_function(code, 33);
  CHECK(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
  printf("%ld after it was protected\n", ((function)code)(0));
  // The same code at another place.
  unsigned *other = mremap(code, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, place);
  CHECK((char *)other == place);
  printf("%ld where it was moved to\n", ((function)other)(0));
  return finish();
}
