// Asynchronous input and output: operations, results, limits, who is told, and how contexts end.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static long setup(unsigned events, aio_context_t *context) { return syscall(SYS_io_setup, events, context); }
static long destroy(aio_context_t context) { return syscall(SYS_io_destroy, context); }
static long submit(aio_context_t context, long count, struct iocb **blocks) {
  return syscall(SYS_io_submit, context, count, blocks);
}
static long take(aio_context_t context, long least, long most, struct io_event *events, long ms) {
  struct timespec timeout = {ms / 1000, ms % 1000 * 1000000};
  return syscall(SYS_io_getevents, context, least, most, events, ms < 0 ? NULL : &timeout);
}

static struct iocb block(int fd, int operation, void *buffer, size_t count, long offset) {
  struct iocb made = {
      .aio_fildes = (unsigned)fd, .aio_lio_opcode = (unsigned short)operation, .aio_buf = (uintptr_t)buffer,
      .aio_nbytes = count, .aio_offset = offset};
  return made;
}

/** The result of one operation that is waited for. */
static long result_of(aio_context_t context, struct iocb *one) {
  struct io_event event = {0};
  one->aio_data = 0x123456789abcdef0;
  if (submit(context, 1, &one) != 1) return -1000 - errno;
  CHECK(take(context, 1, 1, &event, 5000) == 1);
  CHECK(event.data == one->aio_data && event.obj == (uintptr_t)one && event.res2 == 0);
  return (long)event.res;
}

static long does(aio_context_t context, int fd, int operation, void *buffer, size_t count, long offset) {
  struct iocb one = block(fd, operation, buffer, count, offset);
  return result_of(context, &one);
}

static void contexts(void) {
  aio_context_t context = 0, other = 1;
  FAILS(EINVAL, setup(4, &other));
  FAILS(EINVAL, setup(0, &context));
  FAILS(EFAULT, setup(4, NULL));
  FAILS(EINVAL, setup(1 << 24, &context));
  FAILS(EAGAIN, setup(1 << 21, &context));
  CHECK(setup(4, &context) == 0 && context != 0);
  other = 0;
  CHECK(setup(4, &other) == 0 && other != context);
  struct io_event events[4];
  CHECK(take(context, 0, 4, events, -1) == 0 && take(context, 1, 4, events, 0) == 0);
  long before = now_ms();
  CHECK(take(context, 1, 4, events, 30) == 0 && now_ms() - before >= 29);
  FAILS(EINVAL, take(context, 5, 4, events, 0));
  FAILS(EINVAL, take(context, -1, 4, events, 0));
  FAILS(EINVAL, take(context + 8, 0, 4, events, 0));
  FAILS(EINVAL, submit(context, -1, NULL));
  CHECK(submit(context, 0, NULL) == 0);
  CHECK(destroy(context) == 0 && destroy(other) == 0);
  FAILS(EINVAL, destroy(context));
  FAILS(EINVAL, take(context, 0, 4, events, 0));
}

static void files(void) {
  aio_context_t context = 0;
  CHECK(setup(8, &context) == 0);
  int file = open("aio.data", O_RDWR | O_CREAT | O_TRUNC, 0644);
  char text[16] = "";
  CHECK(does(context, file, IOCB_CMD_PWRITE, "asynchronous", 12, 3) == 12);
  CHECK(does(context, file, IOCB_CMD_PREAD, text, 16, 4) == 11 && memcmp(text, "synchronous", 11) == 0);
  CHECK(does(context, file, IOCB_CMD_PREAD, text, 16, 15) == 0);
  CHECK(lseek(file, 0, SEEK_CUR) == 0);
  CHECK(does(context, file, IOCB_CMD_FSYNC, NULL, 0, 0) == 0 && does(context, file, IOCB_CMD_FDSYNC, NULL, 0, 0) == 0);
  struct iovec out[] = {{"one", 3}, {"", 0}, {"two", 3}}, in[] = {{text, 2}, {text + 8, 4}};
  CHECK(does(context, file, IOCB_CMD_PWRITEV, out, 3, 20) == 6);
  CHECK(does(context, file, IOCB_CMD_PREADV, in, 2, 20) == 6 && memcmp(text, "on", 2) == 0 && memcmp(text + 8, "etwo", 4) == 0);
  // More than goes over at once.
  size_t large = 3 << 20;
  char *bytes = malloc(large), *back = calloc(1, large);
  for (size_t at = 0; at < large; at++) bytes[at] = (char)(at * 7 + at / 4096);
  CHECK(does(context, file, IOCB_CMD_PWRITE, bytes, large, 4096) == (long)large);
  CHECK(does(context, file, IOCB_CMD_PREAD, back, large, 4096) == (long)large && memcmp(bytes, back, large) == 0);
  int appending = open("aio.data", O_WRONLY | O_APPEND);
  long end = lseek(file, 0, SEEK_END);
  CHECK(does(context, appending, IOCB_CMD_PWRITE, "end", 3, 0) == 3 && lseek(file, 0, SEEK_END) == end + 3);
  struct iocb synced = block(file, IOCB_CMD_PWRITE, "durable", 7, 0);
  synced.aio_rw_flags = 2;
  CHECK(result_of(context, &synced) == 7);
  free(bytes), free(back);
  CHECK(close(appending) == 0 && close(file) == 0 && destroy(context) == 0);
}

static void mistakes(void) {
  aio_context_t context = 0;
  CHECK(setup(8, &context) == 0);
  int file = open("aio.data", O_RDONLY), writable = open("aio.data", O_WRONLY);
  char text[16];
  CHECK(does(context, 99, IOCB_CMD_PREAD, text, 16, 0) == -1000 - EBADF);
  CHECK(does(context, file, IOCB_CMD_PWRITE, text, 16, 0) == -1000 - EBADF);
  CHECK(does(context, writable, IOCB_CMD_PREAD, text, 16, 0) == -1000 - EBADF);
  CHECK(does(context, file, 6, text, 16, 0) == -1000 - EINVAL);
  CHECK(does(context, file, 77, text, 16, 0) == -1000 - EINVAL);
  CHECK(does(context, file, IOCB_CMD_PREAD, text, 16, -1) == -1000 - EINVAL);
  CHECK(does(context, file, IOCB_CMD_PREAD, text, (size_t)-1, 0) == -1000 - EINVAL);
  CHECK(does(context, file, IOCB_CMD_FSYNC, text, 0, 0) == -1000 - EINVAL);
  CHECK(does(context, file, IOCB_CMD_POLL, (void *)POLLIN, 0, 1) == -1000 - EINVAL);
  CHECK(does(context, file, IOCB_CMD_POLL, (void *)POLLIN, 0, 0) == POLLIN);
  struct iocb one = block(file, IOCB_CMD_PREAD, text, 16, 0), *both[] = {&one, NULL};
  one.aio_reserved2 = 1;
  CHECK(result_of(context, &one) == -1000 - EINVAL);
  one.aio_reserved2 = 0, one.aio_rw_flags = 0x400;
  CHECK(result_of(context, &one) == -1000 - EOPNOTSUPP);
  one.aio_rw_flags = 0, one.aio_flags = IOCB_FLAG_RESFD, one.aio_resfd = (unsigned)file;
  CHECK(result_of(context, &one) == -1000 - EINVAL);
  one.aio_resfd = 99;
  CHECK(result_of(context, &one) == -1000 - EBADF);
  one.aio_flags = 0;
  // The first goes, the second cannot be.
  CHECK(submit(context, 2, both) == 1);
  struct io_event event;
  CHECK(take(context, 1, 1, &event, 5000) == 1 && event.res == 16);
  FAILS(EFAULT, submit(context, 1, both + 1));
  FAILS(EFAULT, submit(context, 1, NULL));
  void *nothing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(does(context, file, IOCB_CMD_PREAD, nothing, 16, 0) == -EFAULT);
  CHECK(does(context, writable, IOCB_CMD_PWRITE, nothing, 16, 0) == -EFAULT);
  CHECK(does(context, file, IOCB_CMD_PREADV, nothing, 1, 0) == -1000 - EFAULT);
  int directory = open(".", O_RDONLY | O_DIRECTORY), path = open(".", O_PATH);
  CHECK(does(context, path, IOCB_CMD_PREAD, text, 16, 0) == -1000 - EBADF);
  CHECK(close(file) == 0 && close(writable) == 0 && close(directory) == 0 && destroy(context) == 0);
}

static void many(void) {
  enum { COUNT = 64, BYTES = 8192 };
  aio_context_t context = 0;
  CHECK(setup(COUNT, &context) == 0);
  int file = open("aio.many", O_RDWR | O_CREAT | O_TRUNC, 0644), told = eventfd(0, EFD_NONBLOCK);
  static char bytes[COUNT][BYTES];
  struct iocb blocks[COUNT], *all[COUNT];
  for (int pass = 0; pass < 2; pass++) {
    for (int at = 0; at < COUNT; at++) {
      memset(bytes[at], pass == 0 ? at + 1 : 0, BYTES);
      blocks[at] = block(file, pass == 0 ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD, bytes[at], BYTES, at * BYTES);
      blocks[at].aio_data = (unsigned)at;
      blocks[at].aio_flags = IOCB_FLAG_RESFD, blocks[at].aio_resfd = (unsigned)told;
      all[at] = &blocks[at];
    }
    CHECK(submit(context, COUNT, all) == COUNT);
    struct io_event events[COUNT];
    long got = 0;
    uint64_t seen = 0;
    while (got < COUNT) {
      long some = take(context, 5 < COUNT - got ? 5 : COUNT - got, COUNT, events, 5000);
      if (!CHECK(some > 0)) break;
      for (long at = 0; at < some; at++) {
        CHECK(events[at].res == BYTES);
        seen |= (uint64_t)1 << events[at].data;
      }
      got += some;
    }
    uint64_t count = 0;
    CHECK(seen == UINT64_MAX && read(told, &count, 8) == 8 && count == COUNT);
    for (int at = 0; at < COUNT; at++) CHECK(bytes[at][0] == at + 1 && bytes[at][BYTES - 1] == at + 1);
  }
  // There are places for as many as were asked for, and not for any number.
  long begun = 0;
  while (begun < 100000 && submit(context, 1, all) == 1) begun++;
  CHECK(errno == EAGAIN && begun >= COUNT && begun < 100000);
  CHECK(close(file) == 0 && close(told) == 0 && destroy(context) == 0);
}

struct ring {
  unsigned id, places, head, tail, magic, compatible, incompatible, header;
  struct io_event events[];
};

/** Events are seen, and can be taken, without a call. */
static void ring(void) {
  aio_context_t context = 0;
  CHECK(setup(1, &context) == 0);
  struct ring *ring = (void *)context;
  CHECK(ring->magic == 0xa10a10a1 && ring->header == 32 && ring->incompatible == 0);
  int file = open("aio.data", O_RDONLY);
  char text[4];
  struct iocb one = block(file, IOCB_CMD_PREAD, text, 4, 0), *pointer = &one;
  struct io_event event;
  for (unsigned round = 0; round < 3 * ring->places; round++) {
    one.aio_data = round;
    if (!CHECK(submit(context, 1, &pointer) == 1)) break;
    while (*(volatile unsigned *)&ring->tail == ring->head) pause_ms(1);
    CHECK(ring->events[ring->head].data == round && ring->events[ring->head].res == 4);
    if (round % 2 == 0) ring->head = (ring->head + 1) % ring->places;
    else CHECK(take(context, 1, 1, &event, 0) == 1 && event.data == round);
  }
  CHECK(take(context, 0, 1, &event, 0) == 0);
  ring->head = 0x7fffffff;
  CHECK(take(context, 0, 1, &event, 0) >= 0);
  CHECK(munmap(ring, 4096) == 0);
  CHECK(close(file) == 0);
}

static void polls(void) {
  aio_context_t context = 0;
  CHECK(setup(4, &context) == 0);
  int ends[2], told = eventfd(0, EFD_NONBLOCK);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  struct iocb one = block(ends[0], IOCB_CMD_POLL, (void *)POLLIN, 0, 0), *pointer = &one;
  one.aio_flags = IOCB_FLAG_RESFD, one.aio_resfd = (unsigned)told;
  struct io_event event;
  CHECK(submit(context, 1, &pointer) == 1 && take(context, 1, 1, &event, 10) == 0);
  CHECK(write(ends[1], "x", 1) == 1);
  struct pollfd wait = {told, POLLIN, 0};
  CHECK(poll(&wait, 1, 5000) == 1 && take(context, 1, 1, &event, 5000) == 1 && (event.res & POLLIN) != 0);
  CHECK(submit(context, 1, &pointer) == 1 && take(context, 1, 1, &event, 5000) == 1 && event.res == POLLIN);
  char text[4];
  CHECK(does(context, ends[0], IOCB_CMD_PREAD, text, 4, 0) == 1 && text[0] == 'x');
  CHECK(does(context, ends[0], IOCB_CMD_PWRITE, "abc", 3, 0) == 3 && read(ends[1], text, 4) == 3);
  CHECK(submit(context, 1, &pointer) == 1);
  FAILS(EINVAL, syscall(SYS_io_cancel, context, &event, &event));
  FAILS(EINPROGRESS, syscall(SYS_io_cancel, context, &one, &event));
  CHECK(take(context, 1, 1, &event, 5000) == 1 && event.obj == (uintptr_t)&one && event.res == 0);
  FAILS(EINVAL, syscall(SYS_io_cancel, context, &one, &event));
  // The end of a context does not wait for what may never come, and the open file goes with it.
  CHECK(submit(context, 1, &pointer) == 1 && close(ends[0]) == 0);
  CHECK(destroy(context) == 0);
  FAILS(EPIPE, send(ends[1], "x", 1, MSG_NOSIGNAL));
  CHECK(close(ends[1]) == 0 && close(told) == 0);
}

static void nothing(int signal) { (void)signal; }

static void signals(void) {
  aio_context_t context = 0;
  CHECK(setup(4, &context) == 0);
  struct sigaction action = {.sa_handler = nothing, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    for (int turn = 0; turn < 2; turn++) pause_ms(50), kill(parent, SIGUSR1);
    _exit(0);
  }
  struct io_event event;
  FAILS(EINTR, take(context, 1, 1, &event, -1));
  sigset_t blocked, none;
  sigemptyset(&none), sigemptyset(&blocked), sigaddset(&blocked, SIGUSR1);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  struct {
    const sigset_t *mask;
    size_t size;
  } masked = {&none, 8};
  FAILS(EINTR, syscall(SYS_io_pgetevents, context, 1, 1, &event, NULL, &masked));
  CHECK(exited(status_of(child), 0));
  sigset_t now;
  CHECK(sigprocmask(SIG_UNBLOCK, &blocked, &now) == 0 && sigismember(&now, SIGUSR1));
  CHECK(destroy(context) == 0);
}

static aio_context_t shared;

static void *end_it(void *argument) {
  pause_ms(50);
  CHECK(destroy(shared) == 0);
  return argument;
}

static void others(void) {
  struct io_event event;
  CHECK(setup(4, &shared) == 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, end_it, NULL) == 0);
  FAILS(EINVAL, take(shared, 1, 1, &event, -1));
  pthread_join(thread, NULL);
  // A child has none of its parent's.
  shared = 0;
  CHECK(setup(4, &shared) == 0);
  pid_t child = fork();
  if (child == 0) {
    errno = 0;
    _exit(take(shared, 0, 1, &event, 0) == -1 && errno == EINVAL ? 0 : 1);
  }
  CHECK(exited(status_of(child), 0));
  // What a process has begun is done when it has ended.
  fflush(stdout);
  child = fork();
  if (child == 0) {
    aio_context_t own = 0;
    static char bytes[1 << 20];
    memset(bytes, 'x', sizeof bytes);
    setup(4, &own);
    int file = open("aio.left", O_RDWR | O_CREAT | O_TRUNC, 0644), ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) _exit(1);
    struct iocb one = block(file, IOCB_CMD_PWRITE, bytes, sizeof bytes, 0);
    struct iocb two = block(ends[0], IOCB_CMD_POLL, (void *)POLLIN, 0, 0), *both[] = {&one, &two};
    _exit(submit(own, 2, both) == 2 ? 0 : 1);
  }
  CHECK(exited(status_of(child), 0));
  int file = open("aio.left", O_RDONLY);
  CHECK(lseek(file, 0, SEEK_END) == 1 << 20 && close(file) == 0);
  CHECK(destroy(shared) == 0);
}

static long reserved(void) {
  char text[32] = "";
  int file = open("/proc/sys/fs/aio-nr", O_RDONLY);
  CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0 && close(file) == 0);
  return atol(text);
}

int main(void) {
  long before = reserved();
  contexts();
  files();
  mistakes();
  many();
  CHECK(reserved() == before);
  CHECK(exited(run(ring), 0));
  polls();
  signals();
  others();
  CHECK(reserved() == before);
  for (const char *const *name = (const char *const[]){"aio.data", "aio.many", "aio.left", NULL}; *name; name++) {
    CHECK(unlink(*name) == 0);
  }
  return finish();
}
