// Executes broken programs: copies of one that works, with bytes changed, cut off, or made hostile. Each is an
// errno or an end for its child; the parent prints how many there were of each. Argument: how many, and a seed.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <elf.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static unsigned char *good, *bad;
static size_t size, length;
static unsigned long seed;

static unsigned long any(unsigned long below) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return below == 0 ? seed : seed % below;
}

/** Numbers at which arithmetic goes wrong. */
static unsigned long edge(void) {
  static const unsigned long edges[] = {
    0, 1, 4095, 4096, 4097, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x3ffffff000, 0x4000000000,
    0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff, 56, 64, 65535};
  return any(4) == 0 ? any(0) : edges[any(sizeof edges / sizeof *edges)];
}

static void mutate(void) {
  memcpy(bad, good, size);
  Elf64_Ehdr *header = (Elf64_Ehdr *)bad;
  Elf64_Phdr *segments = (Elf64_Phdr *)(bad + header->e_phoff);
  Elf64_Phdr *segment = &segments[any(header->e_phnum)];
  length = size;
  switch (any(12)) {
    case 0: length = any(size); break;
    case 1: length = any(700); break;
    case 2: for (int times = 1 + (int)any(8); times > 0; times--) bad[any(64)] ^= 1 << any(8); break;
    case 3: bad[any(64)] = (unsigned char)any(256); break;
    case 4: header->e_machine = (Elf64_Half)any(65536); break;
    case 5: bad[4 + any(4)] = (unsigned char)any(5); break;
    case 6: header->e_entry = edge(); break;
    case 7: header->e_phoff = edge(); header->e_phnum = (Elf64_Half)any(65536); break;
    case 8: segment->p_vaddr = edge(); break;
    case 9: segment->p_memsz = edge(); segment->p_filesz = any(2) ? edge() : segment->p_filesz; break;
    case 10: segment->p_offset = edge(); break;
    case 11: {
      unsigned char *at = (unsigned char *)segments;
      for (int times = 0; times < 6; times++) at[any(header->e_phnum * sizeof *segments)] = (unsigned char)any(256);
      break;
    }
  }
  // Some say that they need a linker, at a place of the file that is anything.
  if (any(16) == 0) {
    segment->p_type = PT_INTERP;
    segment->p_filesz = any(3) ? any(64) : edge();
  }
}

/** Why the child could not execute, by the pipe; or how it ended. */
static void execute(int *errors, int *signals, int *statuses) {
  int told[2], error = 0, status;
  if (!CHECK(pipe2(told, O_CLOEXEC) == 0)) return;
  pid_t child = fork();
  if (child == 0) {
    struct rlimit time = {1, 2}, memory = {512 << 20, 512 << 20};
    setrlimit(RLIMIT_CPU, &time);
    setrlimit(RLIMIT_AS, &memory);
    alarm(2);
    int none = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++) dup2(none, fd);
    char *arguments[] = {"bad", NULL};
    execv("bad", arguments);
    error = errno;
    _exit(write(told[1], &error, sizeof error) == sizeof error ? 0 : 1);
  }
  close(told[1]);
  ssize_t count = read(told[0], &error, sizeof error);
  close(told[0]);
  CHECK(waitpid(child, &status, 0) == child);
  if (count == sizeof error) {
    errors[error & 255]++;
    CHECK(error == ENOEXEC || error == ENOMEM || error == EINVAL || error == ENOENT || error == EACCES ||
          error == EIO || error == ELIBBAD || error == ENAMETOOLONG || error == ENOTDIR || error == EISDIR);
  } else if (WIFSIGNALED(status)) signals[WTERMSIG(status)]++;
  else statuses[WEXITSTATUS(status)]++;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int errors[256] = {0}, signals[128] = {0}, statuses[256] = {0};
  int times = atoi(argv[1]);
  seed = strtoul(argv[2], NULL, 10) * 0x9e3779b97f4a7c15 + 1;
  int file = open(argv[3], O_RDONLY);
  struct stat state;
  if (file < 0 || fstat(file, &state) < 0) return 3;
  size = (size_t)state.st_size;
  good = malloc(size);
  bad = malloc(size);
  if (read(file, good, size) != (ssize_t)size) return 4;
  for (int index = 0; index < times; index++) {
    mutate();
    int out = open("bad", O_WRONLY | O_CREAT | O_TRUNC, 0755);
    CHECK(out >= 0 && write(out, bad, length) == (ssize_t)length && close(out) == 0);
    execute(errors, signals, statuses);
  }
  for (int index = 0; index < 256; index++) if (errors[index]) printf("errno %d: %d\n", index, errors[index]);
  for (int index = 0; index < 128; index++) if (signals[index]) printf("signal %d: %d\n", index, signals[index]);
  for (int index = 0; index < 256; index++) if (statuses[index]) printf("status %d: %d\n", index, statuses[index]);
  return finish();
}
