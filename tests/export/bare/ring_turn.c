// A kernel for one machine of an export to QEMU (virt): finds its one ring, a device of ivshmem on the PCI bus, and adds
// one to its first word as soon as that has the value that its turn is; then powers off. Runs in machine mode.
#include <stdint.h>

#ifndef TURN
#error "TURN is the value to wait for"
#endif

#define ECAM 0x30000000ul
#define WINDOW 0x400000000ul
#define IVSHMEM 0x11101af4u
#define COMMAND 0x04
#define BAR2 0x18
#define MEMORY_SPACE 2
#define POWER ((volatile uint32_t *)0x100000)
#define PASS 0x5555
#define FAIL 0x13333

static volatile uint32_t *config(int slot, int offset) {
  return (volatile uint32_t *)(ECAM + ((uintptr_t)slot << 15) + (uintptr_t)offset);
}

__attribute__((naked, section(".text.start"))) void start(void) {
  __asm__ volatile("la sp, stack_end\n j run");
}

static char stack[4096] __attribute__((used, aligned(16)));
__asm__(".globl stack_end\n .set stack_end, stack + 4096");

__attribute__((used)) void run(void) {
  int slot = 0;
  while (slot < 32 && *config(slot, 0) != IVSHMEM) slot++;
  if (slot == 32) *POWER = FAIL;
  *config(slot, BAR2) = (uint32_t)WINDOW;
  *config(slot, BAR2 + 4) = (uint32_t)(WINDOW >> 32);
  *config(slot, COMMAND) |= MEMORY_SPACE;
  _Atomic uint32_t *word = (_Atomic uint32_t *)WINDOW;
  while (*word != TURN) {
  }
  *word = TURN + 1;
  *POWER = PASS;
  for (;;) {
  }
}
