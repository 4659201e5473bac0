// memfd_create: files without a name, shared mappings of them, and seals.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void contents(void) {
  struct stat status;
  char text[64] = {0}, path[32];
  int file = memfd_create("some name", MFD_CLOEXEC);
  CHECK(file >= 0 && fcntl(file, F_GETFD) == FD_CLOEXEC && fstat(file, &status) == 0);
  CHECK(S_ISREG(status.st_mode) && status.st_nlink == 0 && status.st_size == 0);
  CHECK(write(file, "content", 7) == 7 && pread(file, text, 7, 0) == 7 && memcmp(text, "content", 7) == 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  CHECK(readlink(path, text, sizeof text) == 26 && memcmp(text, "/memfd:some name (deleted)", 26) == 0);
  int again = open(path, O_RDONLY);
  CHECK(again >= 0 && read(again, text, sizeof text) == 7);
  close(again);
  FAILS(EPERM, fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
  CHECK(fcntl(file, F_GET_SEALS) == F_SEAL_SEAL);
  close(file);
  FAILS(EINVAL, memfd_create("x", 0x8000));
  char longest[251];
  memset(longest, 'n', sizeof longest);
  longest[249] = 0;
  file = memfd_create(longest, 0);
  CHECK(file >= 0);
  close(file);
  longest[249] = 'n';
  longest[250] = 0;
  FAILS(EINVAL, memfd_create(longest, 0));
}

static int shared;

static void write_shared(void) {
  char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
  CHECK(memory != MAP_FAILED && memory[0] == 'p');
  strcpy(memory + 4096, "from the child");
}

static void mapping(void) {
  shared = memfd_create("shared", 0);
  CHECK(ftruncate(shared, 8192) == 0);
  char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, shared, 0);
  CHECK(memory != MAP_FAILED);
  memory[0] = 'p';
  CHECK(exited(run(write_shared), 0));
  CHECK(strcmp(memory + 4096, "from the child") == 0);
  char text[16];
  CHECK(pread(shared, text, 4, 4096) == 4 && memcmp(text, "from", 4) == 0);
  CHECK(pwrite(shared, "call", 4, 4096) == 4 && memcmp(memory + 4096, "call", 4) == 0);
  munmap(memory, 8192);
  close(shared);
}

static void seals(void) {
  int file = memfd_create("sealed", MFD_ALLOW_SEALING);
  CHECK(fcntl(file, F_GET_SEALS) == 0 && ftruncate(file, 4096) == 0);
  FAILS(EINVAL, fcntl(file, F_ADD_SEALS, 0x4000));
  char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  FAILS(EBUSY, fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
  CHECK(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
  FAILS(EPERM, ftruncate(file, 100));
  FAILS(EPERM, ftruncate(file, 5000));
  CHECK(ftruncate(file, 4096) == 0);
  FAILS(EPERM, pwrite(file, "beyond", 6, 4096));
  CHECK(pwrite(file, "within", 6, 0) == 6 && memcmp(memory, "within", 6) == 0);
  munmap(memory, 4096);
  CHECK(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE) == 0);
  CHECK(fcntl(file, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
  FAILS(EPERM, pwrite(file, "x", 1, 0));
  CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED && errno == EPERM);
  memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  CHECK(memory != MAP_FAILED && memcmp(memory, "within", 6) == 0);
  munmap(memory, 4096);
  CHECK(fcntl(file, F_ADD_SEALS, F_SEAL_SEAL) == 0);
  FAILS(EPERM, fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
  close(file);
  file = memfd_create("future", MFD_ALLOW_SEALING);
  CHECK(ftruncate(file, 4096) == 0);
  memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  CHECK(fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == 0);
  FAILS(EPERM, pwrite(file, "x", 1, 0));
  strcpy(memory, "mapped before");
  char text[16];
  CHECK(pread(file, text, 13, 0) == 13 && memcmp(text, "mapped before", 13) == 0);
  munmap(memory, 4096);
  close(file);
  FAILS(EINVAL, fcntl(0, F_GET_SEALS));
}

int main(void) {
  contents();
  mapping();
  seals();
  return finish();
}
