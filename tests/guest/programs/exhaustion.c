// A program that takes all there is: memory, processes, descriptors, the disk. It gets errors, or is ended;
// afterwards there is as much as before.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

static unsigned long free_memory(void) {
  struct sysinfo info;
  return sysinfo(&info) == 0 ? info.freeram * info.mem_unit >> 20 : 0;
}

/** Touches memory until there is no more: either mmap says so, or a fault ends the process. */
static void eat_memory(void) {
  for (long megabytes = 0; megabytes < 1 << 20; megabytes++) {
    char *piece = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) _exit(errno == ENOMEM ? 7 : 8);
    for (int page = 0; page < 256; page++) piece[page * 4096] = 1;
  }
}

static void eat_with_malloc(void) {
  long pieces = 0;
  while (malloc(64 << 20) != NULL && pieces < 100000) pieces++;
  // What is not touched costs nothing; the address space has an end.
  CHECK(pieces > 0 && pieces < 100000 && errno == ENOMEM);
}

static void bomb(void) {
  CHECK(setresuid(777, 777, 777) == 0);
  struct rlimit most = {40, 40};
  CHECK(setrlimit(RLIMIT_NPROC, &most) == 0);
  for (int generation = 0; generation < 6; generation++) fork();
  // Those whose fork failed go on like the others.
  pause_ms(20);
  while (wait(NULL) > 0);
}

static void eat_descriptors(void) {
  struct rlimit most;
  CHECK(getrlimit(RLIMIT_NOFILE, &most) == 0);
  long count = 0;
  while (open("/dev/null", O_RDONLY) >= 0) count++;
  CHECK(errno == EMFILE && count <= (long)most.rlim_cur);
}

static void eat_pipes(void) {
  int ends[2];
  static char bytes[65536];
  while (pipe(ends) == 0) {
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    CHECK(write(ends[1], bytes, sizeof bytes) > 0);
  }
  CHECK(errno == EMFILE || errno == ENFILE);
}

static void fill_disk(void) {
  static char bytes[1 << 20];
  struct statvfs before, after;
  memset(bytes, 'f', sizeof bytes);
  CHECK(statvfs(".", &before) == 0);
  int file = open("big", O_RDWR | O_CREAT | O_EXCL, 0600);
  ssize_t count;
  long total = 0;
  while ((count = write(file, bytes, sizeof bytes)) > 0) total += count;
  CHECK(count == -1 && errno == ENOSPC && total > 1 << 20);
  int other = open("small", O_WRONLY | O_CREAT, 0600);
  if (other >= 0) CHECK(write(other, bytes, 8192) <= 8192);
  char byte = 0;
  CHECK(pread(file, &byte, 1, total - 1) == 1 && byte == 'f');
  // What is there can be read, written and taken away.
  CHECK(pwrite(file, "g", 1, 0) == 1 && fsync(file) == 0);
  close(file);
  if (other >= 0) close(other);
  CHECK(unlink("big") == 0);
  unlink("small");
  sync();
  CHECK(statvfs(".", &after) == 0);
  CHECK(after.f_bfree + 64 >= before.f_bfree);
  CHECK((file = open("again", O_RDWR | O_CREAT, 0600)) >= 0 && write(file, bytes, sizeof bytes) == sizeof bytes);
  close(file);
  CHECK(unlink("again") == 0);
}

/** Through a mapping more is written than the file system has room for: it is lost, and takes nothing. */
static void map_beyond(void) {
  struct statvfs before, after;
  CHECK(statvfs("/tmp", &before) == 0);
  size_t most = (before.f_bfree + 64) * before.f_bsize;
  int file = open("/tmp/mapped", O_RDWR | O_CREAT | O_EXCL, 0600);
  CHECK(file >= 0 && ftruncate(file, most) == 0);
  char *pages = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  CHECK(pages != MAP_FAILED);
  for (size_t at = 0; at < most; at += 4096) pages[at] = 1;
  FAILS(ENOSPC, msync(pages, most, MS_SYNC));
  CHECK(munmap(pages, most) == 0 && close(file) == 0 && unlink("/tmp/mapped") == 0);
  // What was mapped is given back behind the program.
  for (int tries = 0; tries < 1000; tries++) {
    CHECK(statvfs("/tmp", &after) == 0);
    if (after.f_bfree >= before.f_bfree) break;
    pause_ms(10);
  }
  CHECK(after.f_bfree >= before.f_bfree);
}

/** As many files as there are inodes; one more is refused. */
static void fill_directory(void) {
  char path[32];
  struct statvfs state;
  CHECK(statvfs(".", &state) == 0);
  long most = (long)state.f_ffree < 3000 ? (long)state.f_ffree + 1 : 3000, made = 0;
  CHECK(mkdir("inodes", 0755) == 0);
  for (; made < most; made++) {
    snprintf(path, sizeof path, "inodes/%ld", made);
    if (mknod(path, S_IFREG | 0600, 0) < 0) break;
  }
  CHECK(made == most || errno == ENOSPC);
  for (long index = 0; index < made; index++) {
    snprintf(path, sizeof path, "inodes/%ld", index);
    CHECK(unlink(path) == 0);
  }
  CHECK(rmdir("inodes") == 0);
}

int main(void) {
  unsigned long before = free_memory();
  int status = run(eat_memory);
  CHECK(exited(status, 7) || WIFSIGNALED(status));
  CHECK(exited(run(eat_with_malloc), 0));
  CHECK(exited(run(bomb), 0));
  CHECK(exited(run(eat_descriptors), 0));
  CHECK(exited(run(eat_pipes), 0));
  fill_disk();
  fill_directory();
  map_beyond();
  CHECK(free_memory() + 8 >= before);
  return finish();
}
