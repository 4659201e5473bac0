// What RLIMIT_FSIZE lets files grow to, positions of devices that have none, and much randomness at once.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

static volatile int signals;

static void on_limit(int signal) { (void)signal, signals++; }

/** Whether SIGXFSZ has come once. */
static int told(void) {
  int count = signals;
  signals = 0;
  return count == 1;
}

static void limited(void) {
  struct rlimit limit = {10000, RLIM_INFINITY};
  char bytes[6000] = {0};
  struct stat state;
  signal(SIGXFSZ, on_limit);
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  int file = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0644);
  CHECK(write(file, bytes, 6000) == 6000 && write(file, bytes, 6000) == 4000 && signals == 0);
  FAILS(EFBIG, write(file, bytes, 1));
  CHECK(told() && write(file, bytes, 0) == 0);
  FAILS(EFBIG, pwrite(file, bytes, 1, 10000));
  CHECK(told() && pwrite(file, bytes, 10, 9995) == 5 && pwrite(file, bytes, 10, 10) == 10);
  struct iovec parts[2] = {{bytes, 10}, {bytes, 10}};
  FAILS(EFBIG, writev(file, parts, 2));
  CHECK(told() && lseek(file, 9990, SEEK_SET) == 9990 && writev(file, parts, 2) == 10);
  FAILS(EFBIG, ftruncate(file, 10001));
  CHECK(told() && ftruncate(file, 10000) == 0);
  FAILS(EFBIG, truncate("limited", 20000));
  CHECK(told());
  FAILS(EFBIG, fallocate(file, 0, 9000, 2000));
  CHECK(told() && fstat(file, &state) == 0 && state.st_size == 10000);
  int end = open("limited", O_WRONLY | O_APPEND);
  FAILS(EFBIG, write(end, bytes, 1));
  CHECK(told() && ftruncate(file, 9999) == 0 && write(end, bytes, 5) == 1);
  int pipes[2];
  CHECK(pipe(pipes) == 0 && write(pipes[1], bytes, 6000) == 6000 && write(pipes[1], bytes, 6000) == 6000);
  signal(SIGXFSZ, SIG_DFL);
  write(end, bytes, 1);
}

static void devices(void) {
  char bytes[16] = {1};
  int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR), full = open("/dev/full", O_RDWR);
  CHECK(lseek(zero, 1000, SEEK_SET) == 0 && lseek(null, 5, SEEK_CUR) == 0);
  CHECK(pread(zero, bytes, 16, 1L << 40) == 16 && bytes[0] == 0 && pread(null, bytes, 16, 100) == 0);
  CHECK(pwrite(null, bytes, 16, 100) == 16 && pread(full, bytes, 16, 7) == 16);
  FAILS(ENOSPC, pwrite(full, bytes, 16, 7));
  int ends[2];
  CHECK(pipe(ends) == 0);
  FAILS(ESPIPE, lseek(ends[0], 0, SEEK_SET));
  FAILS(ESPIPE, pread(ends[0], bytes, 1, 0));
  FAILS(EINVAL, pread(zero, bytes, 1, -1));
}

static void randomness(void) {
  static char bytes[1 << 18];
  int source = open("/dev/urandom", O_RDONLY), zeros = 0;
  CHECK(read(source, bytes, sizeof bytes) == sizeof bytes);
  for (size_t at = 0; at < sizeof bytes; at += 4096) zeros += memcmp(bytes + at, (char[32]){0}, 32) == 0;
  CHECK(zeros == 0);
}

int main(void) {
  CHECK(killed(run(limited), SIGXFSZ) && unlink("limited") == 0);
  devices();
  randomness();
  return finish();
}
