// Mapped files agree with read, write and truncate, between processes and between two mappings.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static char *map;

static void write_into_map(void) {
  memcpy(map + 4096, "from the child", 14);
  memcpy(map + 9000, "twice", 5);
}

static void map_again(void) {
  int file = open("mapped", O_RDWR);
  char *other = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  CHECK(memcmp(other + 4096, "from the child", 14) == 0);
  CHECK(pwrite(file, "W", 1, 100) == 1 && other[100] == 'W');
  other[101] = 'M';
  char bytes[2];
  CHECK(pread(file, bytes, 2, 100) == 2 && memcmp(bytes, "WM", 2) == 0);
}

int main(void) {
  int file = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0644);
  char bytes[64];
  CHECK(ftruncate(file, 16384) == 0 && pwrite(file, "begin", 5, 0) == 5);
  map = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  CHECK(map != MAP_FAILED && memcmp(map, "begin", 6) == 0);

  // What is written through either is seen through the other.
  memcpy(map, "BEGUN", 5);
  CHECK(pread(file, bytes, 5, 0) == 5 && memcmp(bytes, "BEGUN", 5) == 0);
  CHECK(pwrite(file, "x", 1, 2) == 1 && memcmp(map, "BExUN", 5) == 0);
  CHECK(exited(run(write_into_map), 0));
  CHECK(memcmp(map + 4096, "from the child", 14) == 0);
  CHECK(pread(file, bytes, 5, 9000) == 5 && memcmp(bytes, "twice", 5) == 0);
  CHECK(exited(run(map_again), 0));
  printf("page 0: %.5s, %.2s\n", map, map + 100);

  // A private mapping keeps what it wrote to itself; what it did not write may be the file's.
  char *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  own[0] = 'p';
  CHECK(map[0] == 'B' && own[1] == 'E');
  CHECK(pread(file, bytes, 1, 0) == 1 && bytes[0] == 'B');
  map[0] = 'C';
  CHECK(own[0] == 'p');
  CHECK(munmap(own, 8192) == 0);

  // The mapping outlives its descriptor and its name.
  CHECK(close(file) == 0 && unlink("mapped") == 0);
  map[12000] = 'z';
  CHECK(msync(map, 16384, MS_SYNC) == 0 && map[12000] == 'z');
  CHECK(munmap(map, 16384) == 0);

  // Longer and shorter again: behind the new end there are zeros.
  file = open("resized", O_RDWR | O_CREAT | O_TRUNC, 0644);
  CHECK(ftruncate(file, 6000) == 0);
  map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memset(map, 'a', 6000);
  CHECK(ftruncate(file, 3000) == 0 && ftruncate(file, 8192) == 0);
  int letters = 0;
  for (int index = 0; index < 8192; index++) letters += map[index] == 'a';
  printf("after truncation: %d letters\n", letters);
  CHECK(pread(file, bytes, 2, 2999) == 2 && bytes[0] == 'a' && bytes[1] == 0);

  // Bytes behind the end of a file are in its last page, and not in the file.
  CHECK(ftruncate(file, 100) == 0);
  map[200] = 'h';
  struct stat status;
  CHECK(fstat(file, &status) == 0 && status.st_size == 100);
  CHECK(pread(file, bytes, 64, 100) == 0);
  CHECK(munmap(map, 8192) == 0);

  // Reads and writes from and into a mapping of the same file.
  CHECK(ftruncate(file, 8192) == 0);
  map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  memcpy(map, "moved", 5);
  CHECK(pwrite(file, map, 5, 5000) == 5 && memcmp(map + 5000, "moved", 5) == 0);
  CHECK(pread(file, map + 6000, 5, 5000) == 5 && memcmp(map + 6000, "moved", 5) == 0);

  int reading = open("resized", O_RDONLY);
  FAILS(EACCES, (long)mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, reading, 0));
  CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, reading, 0) != MAP_FAILED);
  char *only = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reading, 0);
  FAILS(EACCES, mprotect(only, 4096, PROT_READ | PROT_WRITE));
  FAILS(EINVAL, (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, reading, 100));
  FAILS(EINVAL, (long)mmap(NULL, 0, PROT_READ, MAP_SHARED, reading, 0));
  FAILS(EBADF, (long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, 900, 0));
  int directory = open(".", O_RDONLY);
  FAILS(ENODEV, (long)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, directory, 0));
  unlink("resized");
  return finish();
}
