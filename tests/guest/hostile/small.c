// A program as small as the compiler lets it be: what broken programs are made of.
static const char words[] = "small\n";
static int counted[1000] = {1, 2, 3};
static int zeros[5000];

static long call(long number, long first, long second, long third) {
  register long a0 __asm__("a0") = first, a1 __asm__("a1") = second, a2 __asm__("a2") = third;
  register long a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0;
}

void _start(void) {
  call(64, 1, (long)words, sizeof words - 1);
  zeros[4999] = counted[2];
  call(93, zeros[4999] + zeros[0] + 4, 0, 0);
}
