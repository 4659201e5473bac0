// vdso(7): the shared object that every process has, found by the auxiliary vector, and the call that it answers
// by itself as the kernel does.
#define _GNU_SOURCE
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#define RISCV_HWPROBE 258

struct pair {
  long key;
  unsigned long value;
};
typedef long (*hwprobe)(struct pair *, size_t, size_t, unsigned long *, unsigned);

static void *find(const char *name) {
  char *base = (char *)getauxval(AT_SYSINFO_EHDR);
  if (!CHECK(base != NULL && memcmp(base, ELFMAG, SELFMAG) == 0)) return NULL;
  Elf64_Ehdr *file = (Elf64_Ehdr *)base;
  Elf64_Phdr *headers = (Elf64_Phdr *)(base + file->e_phoff);
  CHECK(file->e_type == ET_DYN && file->e_machine == EM_RISCV && file->e_phentsize == sizeof *headers);
  Elf64_Sym *symbols = NULL;
  unsigned *hash = NULL;
  char *texts = NULL;
  for (int index = 0; index < file->e_phnum; index++) {
    if (headers[index].p_type != PT_DYNAMIC) continue;
    for (Elf64_Dyn *entry = (Elf64_Dyn *)(base + headers[index].p_vaddr); entry->d_tag != DT_NULL; entry++) {
      char *there = base + entry->d_un.d_ptr;
      if (entry->d_tag == DT_SYMTAB) symbols = (Elf64_Sym *)there;
      if (entry->d_tag == DT_HASH) hash = (unsigned *)there;
      if (entry->d_tag == DT_STRTAB) texts = there;
    }
  }
  if (!CHECK(symbols && hash && texts)) return NULL;
  unsigned buckets = hash[0], *chains = hash + 2 + buckets;
  for (unsigned bucket = 0; bucket < buckets; bucket++)
    for (unsigned index = hash[2 + bucket]; index != 0; index = chains[index])
      if (strcmp(texts + symbols[index].st_name, name) == 0) return base + symbols[index].st_value;
  return NULL;
}

static volatile sig_atomic_t handled;
static void handle(int number) { handled = number; }

int main(void) {
  hwprobe probe = (hwprobe)find("__vdso_riscv_hwprobe");
  if (!CHECK(probe != NULL)) return finish();
  unsigned long cpus = 1, none = 2;
  struct { size_t bytes; unsigned long *set; unsigned flags; } asked[] = {
    {0, NULL, 0}, {sizeof cpus, &cpus, 0}, {sizeof none, &none, 0}, {0, NULL, 1},
  };
  for (int index = 0; index < 4; index++) {
    struct pair ours[] = {{3, 7}, {4, 7}, {5, 7}, {6, 7}, {0, 7}, {10, 7}, {11, 7}, {99, 7}, {-1, 7}}, theirs[9];
    memcpy(theirs, ours, sizeof ours);
    long own = probe(ours, 9, asked[index].bytes, asked[index].set, asked[index].flags);
    long kernel = syscall(RISCV_HWPROBE, theirs, 9, asked[index].bytes, asked[index].set, asked[index].flags);
    CHECK(own == (kernel < 0 ? -errno : kernel));
    CHECK(memcmp(ours, theirs, sizeof ours) == 0);
  }
  CHECK(probe(NULL, 0, 0, NULL, 0) == 0);
  // A handler returns through it.
  signal(SIGUSR1, handle);
  CHECK(raise(SIGUSR1) == 0 && handled == SIGUSR1);
  return finish();
}
