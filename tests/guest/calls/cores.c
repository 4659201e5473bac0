// Core files: when there is one, what parents are told, what is in it, how it is called.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char data[] = "in the data of the program";
static const char constant[] = "in what nobody writes";
static char *heap, *far, *shared;
static unsigned char *core;
static size_t core_bytes;
static pid_t child;
static volatile int waiting;
/** Where the child waits, its threads' numbers, and what it faults at. */
static pid_t *tids;
#define FAULT ((void *)0x1230)

static void *wait_there(void *argument) {
  tids[1] = gettid();
  waiting = 1;
  for (;;) pause();
  return argument;
}

static void limit(rlim_t bytes) {
  struct rlimit now = {bytes, RLIM_INFINITY};
  CHECK(setrlimit(RLIMIT_CORE, &now) == 0);
}

static void fault(void) {
  pthread_t thread;
  heap = strdup("in the heap");
  far = mmap(NULL, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(far + (32 << 20), "in the middle of much that is empty");
  strcpy(shared, "in memory that is shared");
  data[0] = 'I';
  tids[0] = gettid();
  pthread_create(&thread, NULL, wait_there, NULL);
  while (!waiting) sched_yield();
  usleep(20000);
  sigset_t blocked;
  sigemptyset(&blocked), sigaddset(&blocked, SIGUSR1), sigprocmask(SIG_BLOCK, &blocked, NULL);
  *(volatile int *)FAULT = 7;
}

/** How a child ends. */
static int ends(void (*body)(void)) {
  child = start(body);
  return status_of(child);
}

static void load(const char *path) {
  int file = open(path, O_RDONLY);
  struct stat about;
  core_bytes = 0;
  if (!CHECK(file >= 0 && fstat(file, &about) == 0)) return;
  CHECK((about.st_mode & 07777) == 0600 && about.st_uid == geteuid());
  // What was never touched takes no room.
  CHECK(about.st_blocks * 512 < 16 << 20);
  core_bytes = (size_t)about.st_size;
  core = mmap(NULL, core_bytes, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
}

static const Elf64_Phdr *header(int index) {
  const Elf64_Ehdr *elf = (const void *)core;
  return (const void *)(core + elf->e_phoff + (size_t)index * sizeof(Elf64_Phdr));
}

/** The `nth` note of a type, and how long it is. */
static const void *note(unsigned type, int nth, size_t *bytes) {
  const Elf64_Phdr *notes = header(0);
  for (size_t at = 0; at < notes->p_filesz;) {
    const Elf64_Nhdr *each = (const void *)(core + notes->p_offset + at);
    const char *owner = (const char *)(each + 1);
    at += sizeof *each + ((each->n_namesz + 3) & ~3u) + ((each->n_descsz + 3) & ~3u);
    if (each->n_type != type || strcmp(owner, "CORE") != 0 || nth-- > 0) continue;
    *bytes = each->n_descsz;
    return owner + ((each->n_namesz + 3) & ~3u);
  }
  return NULL;
}

/** What was at an address; NULL where the core has it not. */
static const char *memory(const void *address) {
  const Elf64_Ehdr *elf = (const void *)core;
  for (int each = 1; each < elf->e_phnum; each++) {
    const Elf64_Phdr *segment = header(each);
    uint64_t within = (uint64_t)(uintptr_t)address - segment->p_vaddr;
    if (segment->p_type == PT_LOAD && within < segment->p_filesz) return (const char *)core + segment->p_offset + within;
  }
  return NULL;
}

static void contents(void) {
  const Elf64_Ehdr *elf = (const void *)core;
  CHECK(memcmp(elf->e_ident, ELFMAG, SELFMAG) == 0 && elf->e_type == ET_CORE && elf->e_phnum > 4);
  CHECK(header(0)->p_type == PT_NOTE);
  size_t bytes;
  const struct elf_prstatus *first = note(NT_PRSTATUS, 0, &bytes);
  CHECK(first != NULL && bytes == sizeof *first && first->pr_pid == tids[0] && first->pr_cursig == SIGSEGV);
  CHECK(first->pr_ppid == getpid() && first->pr_pgrp == getpgrp() && first->pr_sid == getsid(0));
  CHECK(first->pr_info.si_signo == SIGSEGV && first->pr_sighold == 1ul << (SIGUSR1 - 1));
  const struct elf_prstatus *second = note(NT_PRSTATUS, 1, &bytes);
  CHECK(second != NULL && second->pr_pid == tids[1] && second->pr_sighold == 0 && note(NT_PRSTATUS, 2, &bytes) == NULL);
  CHECK(note(NT_FPREGSET, 0, &bytes) != NULL && bytes > 200 && note(NT_FPREGSET, 1, &bytes) != NULL);
  const struct elf_prpsinfo *info = note(NT_PRPSINFO, 0, &bytes);
  CHECK(info != NULL && bytes == sizeof *info && info->pr_pid == child && info->pr_uid == getuid());
  CHECK(strcmp(info->pr_fname, program_invocation_short_name) == 0);
  CHECK(strncmp(info->pr_psargs, program_invocation_name, strlen(program_invocation_name)) == 0);
  const siginfo_t *signal = note(NT_SIGINFO, 0, &bytes);
  CHECK(signal != NULL && bytes == sizeof *signal && signal->si_addr == FAULT && signal->si_code == SEGV_MAPERR);
  const uint64_t *auxiliary = note(NT_AUXV, 0, &bytes);
  uint64_t page = 0;
  for (; auxiliary != NULL && auxiliary[0] != AT_NULL; auxiliary += 2) if (auxiliary[0] == AT_PAGESZ) page = auxiliary[1];
  CHECK(page == 4096);
  const uint64_t *files = note(NT_FILE, 0, &bytes);
  CHECK(files != NULL && files[0] >= 1 && files[1] == 4096);
  CHECK(strstr((const char *)(files + 2 + 3 * files[0]), program_invocation_short_name) != NULL);
  const char *there = memory(data);
  CHECK(there != NULL && strcmp(there, "In the data of the program") == 0);
  const char **where = (void *)memory(&heap);
  CHECK(where != NULL && (there = memory(*where)) != NULL && strcmp(there, "in the heap") == 0);
  where = (void *)memory(&far);
  CHECK(where != NULL && (there = memory(*where + (32 << 20))) != NULL && strcmp(there, "in the middle of much that is empty") == 0);
  CHECK(where != NULL && (there = memory(*where + (16 << 20))) != NULL && *there == 0);
  CHECK((there = memory(shared)) != NULL && strcmp(there, "in memory that is shared") == 0);
  // Code is where the program's file has it; its first page is there, to say which file that is.
  CHECK(memory(constant) == NULL || memory(constant)[0] == 'i');
  CHECK(files != NULL && (there = memory((void *)files[2])) != NULL && memcmp(there, ELFMAG, SELFMAG) == 0);
}

static void as_nobody(void) {
  limit(RLIM_INFINITY);
  CHECK(setresuid(77, 77, 77) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
  fault();
}

static void abort_here(void) {
  limit(RLIM_INFINITY);
  abort();
}

static void undumpable(void) {
  limit(RLIM_INFINITY);
  CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
  abort();
}

static void all(void) {
  limit(RLIM_INFINITY);
  fault();
}

static void little(void) {
  limit(16384);
  fault();
}

static void less(void) {
  limit(4095);
  fault();
}

static void none(void) {
  limit(0);
  fault();
}

static void told(void) {
  fflush(stdout);
  child = fork();
  if (child == 0) abort_here();
  siginfo_t info;
  CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0 && info.si_code == CLD_DUMPED && info.si_status == SIGABRT);
  int status = status_of(child);
  CHECK(killed(status, SIGABRT) && WCOREDUMP(status) && unlink("core") == 0);
}

static void pattern(const char *text) {
  int file = open("/proc/sys/kernel/core_pattern", O_WRONLY | O_TRUNC);
  CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text) && close(file) == 0);
}

static void called(void) {
  char name[64];
  pattern("found/%e.%p.%s%%%q\n");
  CHECK(mkdir("found", 0755) == 0);
  int status = ends(abort_here);
  snprintf(name, sizeof name, "found/%s.%d.%d%%", program_invocation_short_name, child, SIGABRT);
  CHECK(killed(status, SIGABRT) && WCOREDUMP(status) && unlink(name) == 0 && rmdir("found") == 0);
  status = ends(abort_here);
  CHECK(killed(status, SIGABRT) && !WCOREDUMP(status));
  pattern("core\n");
}

int main(void) {
  CHECK(mkdir("cores", 0777) == 0 && chdir("cores") == 0);
  shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  tids = (pid_t *)(shared + 4096);
  int status = ends(all);
  CHECK(killed(status, SIGSEGV) && WCOREDUMP(status));
  load("core");
  if (core_bytes > 0) contents();
  CHECK(unlink("core") == 0);
  status = ends(little);
  struct stat about;
  CHECK(killed(status, SIGSEGV) && WCOREDUMP(status) && stat("core", &about) == 0 && about.st_blocks * 512 <= 20480);
  // Another one takes its place.
  status = ends(all);
  CHECK(killed(status, SIGSEGV) && WCOREDUMP(status) && stat("core", &about) == 0 && about.st_blocks * 512 > 20480);
  CHECK(unlink("core") == 0);
  status = ends(none);
  CHECK(killed(status, SIGSEGV) && !WCOREDUMP(status) && access("core", F_OK) == -1);
  status = ends(less);
  CHECK(killed(status, SIGSEGV) && !WCOREDUMP(status));
  status = ends(undumpable);
  CHECK(killed(status, SIGABRT) && !WCOREDUMP(status) && access("core", F_OK) == -1);
  // It is written as the process, where that may.
  CHECK(chmod(".", 0755) == 0);
  status = ends(as_nobody);
  CHECK(killed(status, SIGSEGV) && !WCOREDUMP(status));
  CHECK(mkdir("core", 0755) == 0);
  status = ends(all);
  CHECK(killed(status, SIGSEGV) && !WCOREDUMP(status) && rmdir("core") == 0);
  told();
  called();
  CHECK(chdir("..") == 0 && rmdir("cores") == 0);
  return finish();
}
