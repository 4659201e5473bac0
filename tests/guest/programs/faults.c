// Faults of a program as signals: where they were, how to go on, an alternate stack, and what is no fault.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

static sigjmp_buf back;
static volatile siginfo_t seen;
static char *volatile stack_of_handler;

static void caught(int number, siginfo_t *info, void *context) {
  char here;
  (void)context;
  seen = *info;
  stack_of_handler = &here;
  siglongjmp(back, number);
}

/** Runs a statement. @returns the signal that it raised, or 0 */
#define FAULT(statement) ({ int number_ = sigsetjmp(back, 1); if (number_ == 0) { statement; } number_; })

static int deep(int left) {
  volatile char room[8192];
  room[0] = (char)left;
  return left == 0 ? 0 : deep(left - 1) + room[0] * 0 + 1;
}

static int endless(int depth) {
  volatile char room[1024];
  room[depth & 1023] = 1;
  return endless(depth + 1) + room[0];
}

static void unhandled(void) {
  signal(SIGSEGV, SIG_DFL);
  *(volatile int *)8 = 1;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE};
  for (int each = 0; each < 5; each++) sigaction(numbers[each], &action, NULL);

  char *page = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  CHECK(munmap(page + 3 * 4096, 4096) == 0);
  CHECK(mprotect(page + 4096, 4096, PROT_READ) == 0 && mprotect(page + 2 * 4096, 4096, PROT_NONE) == 0);

  CHECK(FAULT(*(volatile char *)(page + 3 * 4096 + 5) = 1) == SIGSEGV && seen.si_code == SEGV_MAPERR);
  CHECK(seen.si_addr == page + 3 * 4096 + 5);
  CHECK(FAULT(page[4096 + 77] = 1) == SIGSEGV && seen.si_code == SEGV_ACCERR);
  CHECK(seen.si_addr == page + 4096 + 77);
  volatile char byte;
  CHECK(FAULT(byte = page[2 * 4096 + 9]) == SIGSEGV && seen.si_code == SEGV_ACCERR);
  CHECK(FAULT(byte = *(volatile char *)16) == SIGSEGV && seen.si_addr == (void *)16);
  (void)byte;
  CHECK(FAULT(((void (*)(void))page)()) == SIGSEGV && seen.si_addr == page);
  // Words across the end of what there is.
  CHECK(FAULT(*(volatile uint64_t *)(page + 2 * 4096 - 4)) == SIGSEGV);
  CHECK(FAULT(*(volatile uint64_t *)(page + 4096 - 3) = 1) == SIGSEGV);
  // After all of them the page is as it was.
  CHECK(FAULT(page[5] = 3) == 0 && page[5] == 3 && page[4096 + 77] == 0);
  CHECK(FAULT(*(volatile char *)0x4000000000000000 = 1) == SIGSEGV);

  // A page that is made writable when it is first written.
  static volatile int faults, index;
  for (index = 0; index < 4; index++) {
    if (FAULT(page[4096 + index] = (char)index) != 0) {
      faults++;
      CHECK(mprotect(page + 4096, 4096, PROT_READ | PROT_WRITE) == 0);
      index--;
    }
  }
  printf("%d fault until the page was writable\n", faults);

  // Beyond the end of a mapped file, and what was cut off it.
  int file = open("short", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(ftruncate(file, 5000) == 0);
  char *map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  CHECK(FAULT(map[8191] = 1) == 0);
  CHECK(FAULT(map[8192] = 1) == SIGBUS && seen.si_addr == map + 8192 && seen.si_code == BUS_ADRERR);
  CHECK(ftruncate(file, 0) == 0);
  CHECK(FAULT(map[0] = 1) == SIGBUS);
  unlink("short");

  CHECK(FAULT(__asm__ volatile(".4byte 0xffffffff")) == SIGILL && seen.si_code == ILL_ILLOPC);
  CHECK(FAULT(__asm__ volatile(".2byte 0")) == SIGILL);
  CHECK(FAULT(__asm__ volatile("csrr zero, mstatus")) == SIGILL);
  CHECK(FAULT(__asm__ volatile("ebreak")) == SIGTRAP && seen.si_code == TRAP_BRKPT);

  // Dividing by zero is no fault on this architecture.
  volatile long zero = 0, one = 1, least = INT64_MIN, minus = -1;
  long quotient, rest, over;
  __asm__("div %0, %1, %2" : "=r"(quotient) : "r"(one), "r"(zero));
  __asm__("rem %0, %1, %2" : "=r"(rest) : "r"(one), "r"(zero));
  __asm__("div %0, %1, %2" : "=r"(over) : "r"(least), "r"(minus));
  printf("1 / 0 = %ld, 1 %% 0 = %ld, least / -1 is least: %d\n", quotient, rest, over == least);

  // A stack grows to its limit; beyond, the handler needs another one.
  printf("%d calls deep\n", deep(500));
  char *other = malloc(1 << 16);
  stack_t stack = {.ss_sp = other, .ss_size = 1 << 16};
  CHECK(sigaltstack(&stack, NULL) == 0);
  CHECK(FAULT(endless(0)) == SIGSEGV);
  CHECK(stack_of_handler > other && stack_of_handler < other + (1 << 16));
  CHECK(FAULT(raise(SIGTRAP)) == SIGTRAP && stack_of_handler > other && stack_of_handler < other + (1 << 16));

  int status = run(unhandled);
  CHECK(killed(status, SIGSEGV));
  printf("unhandled: signal %d\n", WTERMSIG(status));
  return finish();
}
