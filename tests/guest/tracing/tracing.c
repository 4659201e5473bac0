// ptrace(2), told step by step: what a tracer is told of, and what it makes of it. Nothing that is printed depends
// on the architecture, so the same program says on the host what Linux does.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#if defined(__riscv)
struct registers {
  uint64_t pc, x[31];
};
#define PC(r) ((r).pc)
#define NUMBER(r) ((r).x[16])
#define RESULT(r) ((r).x[9])
#define SECOND(r) ((r).x[10])
#define BREAKPOINT 0x9002
#define BREAKPOINT_MASK 0xffff
#define BREAKPOINT_BEHIND 0
#elif defined(__x86_64__)
#include <sys/user.h>
#define registers user_regs_struct
#define PC(r) ((r).rip)
#define NUMBER(r) ((r).orig_rax)
#define RESULT(r) ((r).rax)
#define SECOND(r) ((r).rsi)
#define BREAKPOINT 0xcc
#define BREAKPOINT_MASK 0xff
#define BREAKPOINT_BEHIND 1
#endif

static const char *program;
/** Threads in the order in which they were heard of. */
static pid_t known[64];
static int known_count;

static int name_of(pid_t tid) {
  for (int index = 0; index < known_count; index++)
    if (known[index] == tid) return index;
  known[known_count] = tid;
  return known_count++;
}

static const char *signal_name(int signal) {
  static char text[16];
  const char *name = sigabbrev_np(signal);
  if (name) return name;
  snprintf(text, sizeof text, "%d", signal);
  return text;
}

static const char *event_name(int event) {
  static const char *names[] = {"", " fork", " vfork", " clone", " exec", " vfork done", " exit"};
  return event == PTRACE_EVENT_STOP ? " stop" : event < 7 ? names[event] : " ?";
}

static void tell(pid_t tid, int status) {
  printf("  %c: ", 'A' + name_of(tid));
  if (WIFEXITED(status)) printf("exited %d", WEXITSTATUS(status));
  else if (WIFSIGNALED(status)) printf("killed by %s", signal_name(WTERMSIG(status)));
  else if (WIFCONTINUED(status)) printf("continued");
  else {
    int signal = WSTOPSIG(status);
    printf("stopped by %s%s%s", signal_name(signal & 0x7f), signal & 0x80 ? " at call" : "", event_name(status >> 16));
  }
  printf("\n");
  fflush(stdout);
}

/** Waits for a thread, and tells what it is told. */
static int wait_for(pid_t tid) {
  int status = 0;
  pid_t got;
  while ((got = waitpid(tid, &status, __WALL)) < 0 && errno == EINTR);
  if (got < 0) printf("  wait: %s\n", strerrorname_np(errno));
  else tell(got, status);
  return status;
}

static long ask(int request, pid_t tid, long address, long data) {
  return syscall(SYS_ptrace, request, tid, address, data);
}

static struct registers registers_of(pid_t tid) {
  struct registers r;
  struct iovec range = {&r, sizeof r};
  CHECK(ask(PTRACE_GETREGSET, tid, NT_PRSTATUS, (long)&range) == 0 && range.iov_len == sizeof r);
  return r;
}

static void set_registers(pid_t tid, struct registers r) {
  struct iovec range = {&r, sizeof r};
  CHECK(ask(PTRACE_SETREGSET, tid, NT_PRSTATUS, (long)&range) == 0);
}

static long message_of(pid_t tid) {
  unsigned long message = 0;
  CHECK(ask(PTRACE_GETEVENTMSG, tid, 0, (long)&message) == 0);
  return message;
}

static const char *call_name(long number) {
  static char text[16];
  switch (number) {
    case SYS_getppid: return "getppid";
    case SYS_kill: return "kill";
    case SYS_write: return "write";
    case SYS_read: return "read";
    case SYS_close: return "close";
    case SYS_exit_group: return "exit_group";
    case SYS_nanosleep: return "nanosleep";
    case SYS_fcntl: return "fcntl";
  }
  snprintf(text, sizeof text, "call %ld", number);
  return text;
}

/** Tells at which end of which call a thread has stopped. */
static void tell_call(pid_t tid) {
  struct __ptrace_syscall_info info;
  memset(&info, 0xee, sizeof info);
  long size = ask(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, (long)&info);
  CHECK(info.instruction_pointer == PC(registers_of(tid)) && info.stack_pointer != 0);
  printf("    %ld bytes: ", size);
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
    printf("%s(%d), message %ld\n", call_name(info.entry.nr), (int)info.entry.args[0], message_of(tid));
  else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
    printf("= %ld%s, message %ld\n", (long)info.exit.rval, info.exit.is_error ? " (error)" : "", message_of(tid));
  else printf("no call\n");
}

/** A child that is traced by its parent, and stops first. */
static pid_t traced(void (*body)(void)) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    if (ask(PTRACE_TRACEME, 0, 0, 0) != 0) _exit(99);
    syscall(SYS_kill, getpid(), SIGSTOP);
    body();
    _exit(0);
  }
  known_count = 0;
  wait_for(child);
  return child;
}

static void section(const char *title) {
  printf("%s\n", title);
  fflush(stdout);
}

static volatile long shared = 17;
static const long read_only = 23;
#define constant (*(const volatile long *)&read_only)

static void exit_with_shared(void) { _exit(shared); }

static void memory_and_permissions(void) {
  section("memory, and who may ask");
  pid_t child = traced(exit_with_shared);
  long value = 0;
  CHECK(ask(PTRACE_PEEKDATA, child, (long)&shared, (long)&value) == 0 && value == 17);
  FAILS(EIO, ask(PTRACE_PEEKDATA, child, 8, (long)&value));
  FAILS(EIO, ask(PTRACE_POKEDATA, child, 8, 0));
  FAILS(EFAULT, ask(PTRACE_PEEKDATA, child, (long)&shared, 8));
  CHECK(ask(PTRACE_POKEDATA, child, (long)&constant, -5) == 0 && constant == 23);
  CHECK(ask(PTRACE_PEEKTEXT, child, (long)&constant, (long)&value) == 0 && value == -5);
  FAILS(EPERM, ask(PTRACE_ATTACH, child, 0, 0));
  FAILS(EPERM, ask(PTRACE_ATTACH, getpid(), 0, 0));
  FAILS(ESRCH, ask(PTRACE_ATTACH, 0x3ffffe, 0, 0));
  FAILS(ESRCH, ask(PTRACE_CONT, getppid(), 0, 0));
  FAILS(EIO, ask(PTRACE_SEIZE, child, 1, 0));
  FAILS(EIO, ask(PTRACE_INTERRUPT, child, 0, 0));
  FAILS(EIO, ask(PTRACE_LISTEN, child, 0, 0));
  FAILS(EIO, ask(PTRACE_CONT, child, 0, 65));
  FAILS(EINVAL, ask(PTRACE_SETOPTIONS, child, 0, 1 << 10));
  FAILS(EIO, ask(0x4299, child, 0, 0));
#if defined(__riscv)
  FAILS(EIO, ask(PTRACE_SINGLESTEP, child, 0, 0));
#endif
  struct iovec odd = {&value, 7};
  FAILS(EINVAL, ask(PTRACE_GETREGSET, child, NT_PRSTATUS, (long)&odd));
  FAILS(EINVAL, ask(PTRACE_GETREGSET, child, 0x7777, (long)&odd));
  unsigned long mask = 0;
  FAILS(EINVAL, ask(PTRACE_GETSIGMASK, child, 4, (long)&mask));
  CHECK(ask(PTRACE_SETSIGMASK, child, 8, (long)&(unsigned long){-1ul}) == 0);
  CHECK(ask(PTRACE_GETSIGMASK, child, 8, (long)&mask) == 0);
  printf("  all but %lx\n", ~mask);
  // The other ways to the same memory.
  char path[64], state[4096];
  snprintf(path, sizeof path, "/proc/%d/mem", child);
  int fd = open(path, O_RDWR);
  CHECK(pread(fd, &value, sizeof value, (long)&constant) == sizeof value && value == -5);
  CHECK(pwrite(fd, &(long){-6}, sizeof value, (long)&constant) == sizeof value);
  FAILS(EIO, pread(fd, &value, sizeof value, 8));
  close(fd);
  struct iovec own = {&value, sizeof value}, theirs[] = {{(void *)&constant, 4}, {(char *)&constant + 4, 4}};
  CHECK(process_vm_readv(child, &own, 1, theirs, 2, 0) == 8 && value == -6);
  value = 29;
  struct iovec bad[] = {{(void *)&shared, 4}, {(void *)8, 4}};
  CHECK(process_vm_writev(child, &own, 1, bad, 2, 0) == 4);
  FAILS(EFAULT, process_vm_writev(child, &own, 1, bad + 1, 1, 0));
  FAILS(EFAULT, process_vm_writev(child, &own, 1, &(struct iovec){(void *)&constant, 8}, 1, 0));
  FAILS(EINVAL, process_vm_readv(child, &own, 1, theirs, 2, 1));
  FAILS(ESRCH, process_vm_readv(0x3ffffe, &own, 1, theirs, 2, 0));
  // Much goes in one call, and so in both directions.
  enum { MUCH = 3 * (1 << 20) + 5 };
  char *from = malloc(MUCH), *to = calloc(1, MUCH);
  memset(from, 'm', MUCH);
  struct iovec all = {from, MUCH}, halves[] = {{to, MUCH / 2}, {to + MUCH / 2, MUCH - MUCH / 2}};
  CHECK(process_vm_writev(getpid(), &all, 1, halves, 2, 0) == MUCH && memcmp(from, to, MUCH) == 0);
  memset(to, 0, MUCH);
  CHECK(process_vm_readv(getpid(), halves, 2, &all, 1, 0) == MUCH && memcmp(from, to, MUCH) == 0);
  FAILS(EFAULT, process_vm_readv(getpid(), &(struct iovec){(void *)8, 4}, 1, &all, 1, 0));
  free(from);
  free(to);
  snprintf(path, sizeof path, "/proc/%d/status", child);
  fd = open(path, O_RDONLY);
  state[read(fd, state, sizeof state - 1)] = 0;
  close(fd);
  char *tracer = strstr(state, "TracerPid:\t"), *letter = strstr(state, "State:\t");
  CHECK(tracer && atoi(tracer + 11) == getpid());
  printf("  state %.16s\n", letter + 7);
  CHECK(ask(PTRACE_CONT, child, 0, 0) == 0);
  wait_for(child);
  FAILS(ESRCH, ask(PTRACE_CONT, child, 0, 0));
}

static void make_calls(void) {
  syscall(SYS_getppid);
  syscall(SYS_close, -7);
  syscall(SYS_fcntl, 1, 9999);
  syscall(SYS_close, -8);
  long result = syscall(SYS_close, -9);
  _exit(result == 40 ? 3 : 4);
}

static void calls(void) {
  section("system calls");
  pid_t child = traced(make_calls);
  // Without the option, they cannot be told from signals.
  CHECK(ask(PTRACE_SYSCALL, child, 0, 0) == 0);
  wait_for(child);
  struct registers r = registers_of(child);
  CHECK((long)RESULT(r) == -ENOSYS && (long)NUMBER(r) == SYS_getppid);
  tell_call(child);
  CHECK(ask(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD) == 0);
  FAILS(ESRCH, ask(PTRACE_SYSCALL, getppid(), 0, 0));
  // getppid: its result is changed, which nobody looks at.
  CHECK(ask(PTRACE_SYSCALL, child, 0, 0) == 0);
  wait_for(child);
  r = registers_of(child);
  CHECK(RESULT(r) == (unsigned long)getpid());
  RESULT(r) = 1234;
  set_registers(child, r);
  tell_call(child);
  // close(-7): as it is.
  for (int end = 0; end < 2; end++) {
    ask(PTRACE_SYSCALL, child, 0, 0);
    wait_for(child);
    tell_call(child);
  }
  // fcntl: the second argument becomes one that is valid.
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  tell_call(child);
  r = registers_of(child);
  SECOND(r) = F_GETFD;
  set_registers(child, r);
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  tell_call(child);
  // close(-8) becomes getppid.
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  r = registers_of(child);
  NUMBER(r) = SYS_getppid;
  set_registers(child, r);
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  CHECK(RESULT(registers_of(child)) == (unsigned long)getpid());
  // close(-9) is skipped, and a result put in its place.
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  r = registers_of(child);
  NUMBER(r) = -1;
  RESULT(r) = 40;
  set_registers(child, r);
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  tell_call(child);
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  tell_call(child);
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
}

static volatile int handled, handled_code, handled_value;
static void handle(int signal, siginfo_t *info, void *context) {
  (void)context;
  handled = signal;
  handled_code = info->si_code;
  handled_value = info->si_value.sival_int;
}

static void get_signals(void) {
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  signal(SIGHUP, SIG_IGN);
  syscall(SYS_kill, getpid(), SIGUSR1);
  if (handled != 0) _exit(1);
  syscall(SYS_kill, getpid(), SIGUSR1);
  if (handled != SIGUSR1 || handled_code != SI_USER) _exit(2);
  syscall(SYS_kill, getpid(), SIGUSR1);
  if (handled != SIGUSR2 || handled_code != SI_USER) _exit(3);
  sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5});
  if (handled != SIGUSR1 || handled_code != SI_QUEUE || handled_value != 6) _exit(4);
  syscall(SYS_kill, getpid(), SIGHUP);
  syscall(SYS_kill, getpid(), SIGCHLD);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  handled = 0;
  syscall(SYS_kill, getpid(), SIGUSR1);
  if (handled != 0) _exit(5);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  if (handled != SIGUSR2) _exit(6);
  *(volatile int *)8 = 1;
  syscall(SYS_kill, getpid(), SIGTERM);
}

static void tell_info(pid_t child) {
  siginfo_t info;
  if (ask(PTRACE_GETSIGINFO, child, 0, (long)&info) != 0) {
    printf("    no information: %s\n", strerrorname_np(errno));
    return;
  }
  printf("    signal %s, code %x, from %s\n", signal_name(info.si_signo), info.si_code,
         info.si_pid == getpid() ? "the tracer" : info.si_pid == child ? "itself" : "nobody");
}

static void signals(void) {
  section("signals");
  pid_t child = traced(get_signals);
  tell_info(child);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);  // USR1: not delivered
  tell_info(child);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);  // USR1: delivered
  ask(PTRACE_CONT, child, 0, SIGUSR1);
  wait_for(child);  // USR1: another one in its place
  ask(PTRACE_CONT, child, 0, SIGUSR2);
  wait_for(child);  // USR1 with a value: changed
  siginfo_t info;
  CHECK(ask(PTRACE_GETSIGINFO, child, 0, (long)&info) == 0 && info.si_value.sival_int == 5);
  info.si_value.sival_int = 6;
  CHECK(ask(PTRACE_SETSIGINFO, child, 0, (long)&info) == 0);
  ask(PTRACE_CONT, child, 0, SIGUSR1);
  wait_for(child);  // HUP and CHLD are ignored, and seen all the same
  ask(PTRACE_CONT, child, 0, SIGHUP);
  wait_for(child);
  ask(PTRACE_CONT, child, 0, SIGCHLD);
  wait_for(child);  // USR1: one that is blocked in its place, which is seen again
  ask(PTRACE_CONT, child, 0, SIGUSR2);
  wait_for(child);
  ask(PTRACE_CONT, child, 0, SIGUSR2);
  wait_for(child);  // SEGV: mended by going on behind it
  siginfo_t fault;
  CHECK(ask(PTRACE_GETSIGINFO, child, 0, (long)&fault) == 0 && fault.si_addr == (void *)8 && fault.si_code == SEGV_MAPERR);
  ask(PTRACE_CONT, child, 0, SIGSEGV);
  wait_for(child);
}

/** What a process is doing now, as /proc has it. */
static char state_of(pid_t pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY);
  ssize_t length = read(fd, text, sizeof text - 1);
  close(fd);
  text[length < 0 ? 0 : length] = 0;
  char *end = strrchr(text, ')');
  return end ? end[2] : '?';
}

/** Waits until a process does one of some things. */
static int comes_to(pid_t pid, const char *states) {
  for (int turn = 0; turn < 500; turn++, pause_ms(4))
    if (strchr(states, state_of(pid))) return 1;
  return 0;
}

static int channel[2];

static void sleep_and_read(void) {
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  signal(SIGUSR2, SIG_DFL);
  char byte;
  if (syscall(SYS_read, channel[0], &byte, 1) != 1) _exit(1);
  struct timespec time = {0, 300000000};
  if (syscall(SYS_nanosleep, &time, NULL) != -1 || errno != EINTR) _exit(2);
}

static void tell_end(pid_t child) {
  struct __ptrace_syscall_info info;
  ask(PTRACE_GET_SYSCALL_INFO, child, sizeof info, (long)&info);
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) printf("    %s\n", call_name(info.entry.nr));
  else if (info.op == PTRACE_SYSCALL_INFO_EXIT) printf("    = %ld\n", (long)info.exit.rval);
  else printf("    no call\n");
}

static void interrupted_calls(void) {
  section("calls that signals interrupt");
  CHECK(pipe(channel) == 0);
  pid_t child = traced(sleep_and_read);
  ask(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
  do {
    ask(PTRACE_SYSCALL, child, 0, 0);
    int status;
    waitpid(child, &status, __WALL);
  } while (NUMBER(registers_of(child)) != SYS_read);
  tell_end(child);
  // A signal that is not delivered, then one that has a handler, and one that ends a sleep.
  static const int sent[] = {SIGUSR2, SIGUSR1};
  for (int index = 0; index < 2; index++) {
    ask(PTRACE_SYSCALL, child, 0, 0);
    CHECK(comes_to(child, "S"));
    kill(child, sent[index]);
    wait_for(child);
    tell_end(child);
    ask(PTRACE_SYSCALL, child, 0, 0);
    wait_for(child);
    tell_info(child);
    ask(PTRACE_SYSCALL, child, 0, index == 0 ? 0 : sent[index]);
    wait_for(child);
    // The handler's own way back is a call, too.
    for (int end = 0; index == 1 && end < 2; end++) {
      ask(PTRACE_SYSCALL, child, 0, 0);
      wait_for(child);
    }
    tell_end(child);
  }
  CHECK(write(channel[1], "x", 1) == 1);
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  tell_end(child);
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  tell_end(child);
  ask(PTRACE_SYSCALL, child, 0, 0);
  CHECK(comes_to(child, "S"));
  kill(child, SIGUSR1);
  wait_for(child);
  tell_end(child);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  ask(PTRACE_CONT, child, 0, SIGUSR1);
  wait_for(child);
  close(channel[0]), close(channel[1]);
}

static void exit_5(void) { _exit(5); }

static void make_children(void) {
  int status;
  pid_t child = fork();
  if (child == 0) exit_5();
  waitpid(child, &status, 0);
  child = vfork();
  if (child == 0) _exit(6);
  waitpid(child, &status, 0);
  _exit(WEXITSTATUS(status));
}

/** Lets everybody go on until nobody is left; what happens to each is told by itself. */
static void follow_all(pid_t first, int request) {
  static char told[8][1024];
  memset(told, 0, sizeof told);
  (void)first;
  for (;;) {
    int status;
    pid_t tid = waitpid(-1, &status, __WALL);
    if (tid < 0) break;
    int index = name_of(tid);
    char *text = told[index] + strlen(told[index]);
    int event = status >> 16, stop = WIFSTOPPED(status) ? WSTOPSIG(status) & 0x7f : 0;
    if (WIFEXITED(status)) sprintf(text, ", exited %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) sprintf(text, ", killed by %s", signal_name(WTERMSIG(status)));
    else {
      sprintf(text, ", %s%s", signal_name(stop), event_name(event));
      if (event == PTRACE_EVENT_EXIT) sprintf(text + strlen(text), " %lx", message_of(tid));
      else if (event != 0 && event != PTRACE_EVENT_STOP && event != PTRACE_EVENT_EXEC)
        sprintf(text + strlen(text), " %c", 'A' + name_of(message_of(tid)));
      else if (event == PTRACE_EVENT_EXEC)
        sprintf(text + strlen(text), " was %c", 'A' + name_of(message_of(tid)));
      int pass = event == 0 && stop != SIGSTOP && stop != SIGTRAP ? stop : 0;
      ask(request, tid, 0, pass);
    }
  }
  for (int index = 0; index < known_count; index++) printf("  %c%s\n", 'A' + index, told[index]);
}

static const int all_events = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                              PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXIT;

static void children(void) {
  section("children of a tracee");
  pid_t child = traced(make_children);
  ask(PTRACE_SETOPTIONS, child, 0, all_events);
  ask(PTRACE_CONT, child, 0, 0);
  follow_all(child, PTRACE_CONT);
  // Nobody follows.
  child = traced(make_children);
  ask(PTRACE_CONT, child, 0, 0);
  follow_all(child, PTRACE_CONT);
}

static void *thread_body(void *argument) { return argument; }

static void make_threads(void) {
  pthread_t thread;
  for (int round = 0; round < 2; round++) {
    if (pthread_create(&thread, NULL, thread_body, NULL) != 0) _exit(1);
    pthread_join(thread, NULL);
  }
  // What a thread has ended with is what its process ends with, if it is asked so late.
  _exit(0);
}

static void *thread_exit(void *argument) {
  (void)argument;
  _exit(9);
}

static void end_from_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, thread_exit, NULL) != 0) _exit(1);
  for (;;) pause();
}

static void *thread_exec(void *argument) {
  (void)argument;
  execl(program, program, "exit", "11", (char *)NULL);
  _exit(1);
}

static void exec_from_thread(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, thread_exec, NULL) != 0) _exit(1);
  for (;;) pause();
}

static void threads(void) {
  section("threads");
  pid_t child = traced(make_threads);
  ask(PTRACE_SETOPTIONS, child, 0, all_events);
  ask(PTRACE_CONT, child, 0, 0);
  follow_all(child, PTRACE_CONT);
  child = traced(end_from_thread);
  ask(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE);
  ask(PTRACE_CONT, child, 0, 0);
  follow_all(child, PTRACE_CONT);
  child = traced(exec_from_thread);
  ask(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC);
  ask(PTRACE_CONT, child, 0, 0);
  follow_all(child, PTRACE_CONT);
}

static void execute(void) {
  execl(program, program, "exit", "12", (char *)NULL);
  _exit(1);
}

static void programs(void) {
  section("another program");
  pid_t child = traced(execute);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  tell_info(child);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  child = traced(execute);
  ask(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  tell_info(child);
  ask(PTRACE_SYSCALL, child, 0, 0);
  wait_for(child);
  tell_end(child);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
}

__attribute__((noinline)) static int target(int value) {
  __asm__ volatile("" : "+r"(value));
  return value * 3;
}

static int wait_channel[2];
static void call_target(void) {
  char byte;
  if (read(wait_channel[0], &byte, 1) != 1) _exit(1);
  _exit(target(7) + target(1));
}

static void breakpoints(void) {
  section("breakpoints");
  CHECK(pipe(wait_channel) == 0);
  // Somebody else who runs the same code, and a tracee that has run it before.
  pid_t other = start(call_target);
  CHECK(target(2) == 6);
  pid_t child = traced(call_target);
  long code = 0;
  CHECK(ask(PTRACE_PEEKTEXT, child, (long)target, (long)&code) == 0);
  CHECK(ask(PTRACE_POKETEXT, child, (long)target, (code & ~(long)BREAKPOINT_MASK) | BREAKPOINT) == 0);
  CHECK(target(4) == 12);
  CHECK(write(wait_channel[1], "ab", 2) == 2);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  CHECK(exited(status_of(other), 24));
  struct registers r = registers_of(child);
  CHECK(PC(r) - BREAKPOINT_BEHIND == (unsigned long)target);
  // Taken away, it goes on as if nothing had been.
  CHECK(ask(PTRACE_POKETEXT, child, (long)target, code) == 0);
  PC(r) = (unsigned long)target;
  set_registers(child, r);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  close(wait_channel[0]), close(wait_channel[1]);
}

static void run_for_ever(void) {
  for (volatile long turn = 0;; turn++);
}

static void wait_in_pause(void) {
  for (;;) pause();
}

static void attaching(void) {
  section("attaching");
  void (*bodies[])(void) = {run_for_ever, wait_in_pause};
  for (int index = 0; index < 2; index++) {
    pid_t child = start(bodies[index]);
    known_count = 0;
    pause_ms(20);
    CHECK(ask(PTRACE_ATTACH, child, 0, 0) == 0);
    wait_for(child);
    FAILS(EIO, ask(PTRACE_INTERRUPT, child, 0, 0));
    CHECK(ask(PTRACE_DETACH, child, 0, 0) == 0);
    FAILS(ESRCH, ask(PTRACE_DETACH, child, 0, 0));
    CHECK(comes_to(child, "RS"));
    // Again, and it goes with a signal.
    CHECK(ask(PTRACE_ATTACH, child, 0, 0) == 0);
    wait_for(child);
    CHECK(ask(PTRACE_DETACH, child, 0, SIGTERM) == 0);
    wait_for(child);
  }
  // One that is stopped already.
  pid_t child = start(wait_in_pause);
  known_count = 0;
  kill(child, SIGSTOP);
  int status;
  CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
  CHECK(ask(PTRACE_SEIZE, child, 0, PTRACE_O_EXITKILL) == 0);
  wait_for(child);
  CHECK(ask(PTRACE_DETACH, child, 0, 0) == 0);
  CHECK(comes_to(child, "T"));
  kill(child, SIGKILL);
  wait_for(child);
}

static void seizing(void) {
  section("seizing");
  pid_t child = start(wait_in_pause);
  known_count = 0;
  pause_ms(20);
  FAILS(EIO, ask(PTRACE_SEIZE, child, 0, 1 << 12));
  CHECK(ask(PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD) == 0);
  FAILS(ESRCH, ask(PTRACE_CONT, child, 0, 0));
  CHECK(waitpid(child, NULL, WNOHANG | __WALL) == 0);
  CHECK(ask(PTRACE_INTERRUPT, child, 0, 0) == 0);
  wait_for(child);
  tell_info(child);
  FAILS(EIO, ask(PTRACE_CONT, child, 0, -1));
  ask(PTRACE_CONT, child, 0, 0);
  // Its group stops: the signal first, then the stop.
  kill(child, SIGTSTP);
  wait_for(child);
  ask(PTRACE_CONT, child, 0, SIGTSTP);
  wait_for(child);
  tell_info(child);
  CHECK(ask(PTRACE_LISTEN, child, 0, 0) == 0);
  FAILS(ESRCH, ask(PTRACE_CONT, child, 0, 0));
  CHECK(waitpid(child, NULL, WNOHANG | __WALL) == 0);
  // One that listens can be interrupted.
  CHECK(ask(PTRACE_INTERRUPT, child, 0, 0) == 0);
  wait_for(child);
  CHECK(ask(PTRACE_LISTEN, child, 0, 0) == 0);
  kill(child, SIGCONT);
  wait_for(child);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  ask(PTRACE_CONT, child, 0, SIGCONT);
  // Whoever is attached to, not seized, stops with its group by the signal's name.
  ask(PTRACE_INTERRUPT, child, 0, 0);
  wait_for(child);
  ask(PTRACE_DETACH, child, 0, 0);
  CHECK(ask(PTRACE_ATTACH, child, 0, 0) == 0);
  wait_for(child);
  ask(PTRACE_CONT, child, 0, SIGSTOP);
  wait_for(child);
  tell_info(child);
  kill(child, SIGKILL);
  wait_for(child);
}

static int report[2];

/** A tracer that attaches to a sibling, and ends. */
static void trace_sibling(pid_t sibling, long options) {
  if (ask(PTRACE_SEIZE, sibling, 0, options) != 0) _exit(1);
  ask(PTRACE_INTERRUPT, sibling, 0, 0);
  int status;
  if (waitpid(sibling, &status, __WALL) != sibling) _exit(2);
  CHECK(write(report[1], "x", 1) == 1);
  _exit(0);
}

static void others(void) {
  section("tracers that are not parents");
  CHECK(pipe(report) == 0);
  for (int kills = 0; kills < 2; kills++) {
    pid_t child = start(wait_in_pause);
    fflush(stdout);
    pid_t tracer = fork();
    if (tracer == 0) trace_sibling(child, kills ? PTRACE_O_EXITKILL : 0);
    char byte;
    CHECK(read(report[0], &byte, 1) == 1);
    known_count = 0;
    name_of(child);
    CHECK(exited(status_of(tracer), 0));
    if (!kills) {
      CHECK(comes_to(child, "S") && waitpid(child, NULL, WNOHANG) == 0);
      kill(child, SIGTERM);
    }
    wait_for(child);
  }
  // The parent hears of an end when the tracer has.
  CHECK(pipe(channel) == 0);
  pid_t child = start(wait_in_pause);
  fflush(stdout);
  pid_t tracer = fork();
  if (tracer == 0) {
    if (ask(PTRACE_SEIZE, child, 0, 0) != 0) _exit(1);
    kill(child, SIGKILL);
    siginfo_t info;
    if (waitid(P_PID, child, &info, WEXITED | WNOWAIT | __WALL) != 0) _exit(2);
    CHECK(write(report[1], "x", 1) == 1);
    // It knows now, and takes its time.
    char byte;
    CHECK(read(channel[0], &byte, 1) == 1);
    int status;
    _exit(waitpid(child, &status, __WALL) == child && killed(status, SIGKILL) ? 0 : 3);
  }
  char byte;
  CHECK(read(report[0], &byte, 1) == 1);
  int status;
  CHECK(waitpid(child, &status, WNOHANG) == 0);
  CHECK(write(channel[1], "x", 1) == 1);
  CHECK(exited(status_of(tracer), 0));
  CHECK(killed(status_of(child), SIGKILL));
  close(report[0]), close(report[1]);
  close(channel[0]), close(channel[1]);
}

static void end_at_once(void) { _exit(21); }

static void ends(void) {
  section("ends");
  pid_t child = traced(end_at_once);
  ask(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXIT);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  printf("    message %lx\n", message_of(child));
  CHECK(ask(PTRACE_PEEKDATA, child, (long)&shared, (long)&(long){0}) == 0);
  // Who is dying is not killed any more.
  kill(child, SIGKILL);
  CHECK(waitpid(child, NULL, WNOHANG | __WALL) == 0);
  ask(PTRACE_CONT, child, 0, 0);
  wait_for(child);
  child = traced(end_at_once);
  CHECK(ask(PTRACE_KILL, child, 0, 0) == 0);
  wait_for(child);
  siginfo_t info;
  child = traced(end_at_once);
  ask(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD);
  ask(PTRACE_SYSCALL, child, 0, 0);
  CHECK(waitid(P_PID, child, &info, WSTOPPED | __WALL) == 0);
  printf("  code %d, status %x\n", info.si_code, info.si_status);
  ask(PTRACE_SYSCALL, child, 0, 0);
  CHECK(waitid(P_PID, child, &info, WEXITED | __WALL) == 0);
  printf("  code %d, status %x\n", info.si_code, info.si_status);
  ask(PTRACE_SYSCALL, child, 0, 0);
  CHECK(waitid(P_PID, child, &info, WEXITED | __WALL) == 0);
  printf("  code %d, status %x\n", info.si_code, info.si_status);
}

int main(int count, char **arguments) {
  if (count > 2) return atoi(arguments[2]);
  program = arguments[0];
  memory_and_permissions();
  calls();
  signals();
  interrupted_calls();
  children();
  threads();
  programs();
  breakpoints();
  attaching();
  seizing();
  others();
  ends();
  return finish();
}
