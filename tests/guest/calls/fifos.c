// Named pipes: who waits for whom when opening, ends, readiness; sizes of pipes; splice, tee and vmsplice.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int events(int fd) {
  struct pollfd one = {fd, POLLIN | POLLOUT, 0};
  return poll(&one, 1, 0) == 1 ? one.revents : 0;
}

static void write_late(void) {
  pause_ms(30);
  int fifo = open("fifo", O_WRONLY);
  CHECK(fifo >= 0 && write(fifo, "hello", 5) == 5);
  close(fifo);
}

static void read_late(void) {
  pause_ms(30);
  char text[8];
  int fifo = open("fifo", O_RDONLY);
  CHECK(fifo >= 0 && read(fifo, text, sizeof text) == 3 && memcmp(text, "abc", 3) == 0);
  CHECK(read(fifo, text, sizeof text) == 0);
  close(fifo);
}

static void opening(void) {
  struct stat status;
  char text[16];
  CHECK(mkfifo("fifo", 0640) == 0 && stat("fifo", &status) == 0 && S_ISFIFO(status.st_mode));
  FAILS(EEXIST, mkfifo("fifo", 0640));
  FAILS(ENXIO, open("fifo", O_WRONLY | O_NONBLOCK));
  // A reader waits for a writer, and gets what it wrote, and then the end.
  pid_t child = start(write_late);
  int fifo = open("fifo", O_RDONLY);
  CHECK(fifo >= 0 && fstat(fifo, &status) == 0 && S_ISFIFO(status.st_mode));
  CHECK(read(fifo, text, sizeof text) == 5 && memcmp(text, "hello", 5) == 0);
  CHECK(read(fifo, text, sizeof text) == 0);
  CHECK(exited(status_of(child), 0));
  CHECK(events(fifo) == POLLHUP);
  FAILS(ESPIPE, lseek(fifo, 0, SEEK_CUR));
  close(fifo);
  // A writer waits for a reader.
  child = start(read_late);
  fifo = open("fifo", O_WRONLY);
  CHECK(fifo >= 0 && write(fifo, "abc", 3) == 3);
  close(fifo);
  CHECK(exited(status_of(child), 0));
}

static void without_waiting(void) {
  char text[16];
  int reader = open("fifo", O_RDONLY | O_NONBLOCK);
  // Nobody has come yet: no end, and nothing to read.
  CHECK(reader >= 0 && events(reader) == 0 && read(reader, text, sizeof text) == 0);
  int writer = open("fifo", O_WRONLY | O_NONBLOCK);
  CHECK(writer >= 0 && events(writer) == POLLOUT);
  FAILS(EAGAIN, read(reader, text, sizeof text));
  CHECK(write(writer, "xy", 2) == 2 && events(reader) == POLLIN);
  CHECK(read(reader, text, sizeof text) == 2);
  close(writer);
  CHECK(events(reader) == POLLHUP && read(reader, text, sizeof text) == 0);
  close(reader);
  // For both: never waits, and sees itself.
  int both = open("fifo", O_RDWR);
  CHECK(both >= 0 && write(both, "self", 4) == 4 && read(both, text, sizeof text) == 4);
  // What is in it goes with the last end.
  CHECK(write(both, "gone", 4) == 4);
  close(both);
  reader = open("fifo", O_RDONLY | O_NONBLOCK);
  CHECK(read(reader, text, sizeof text) == 0);
  close(reader);
  signal(SIGPIPE, SIG_IGN);
  reader = open("fifo", O_RDONLY | O_NONBLOCK);
  writer = open("fifo", O_WRONLY);
  close(reader);
  FAILS(EPIPE, write(writer, "x", 1));
  CHECK((events(writer) & POLLERR) != 0);
  close(writer);
}

static void nothing(int number) { (void)number; }

static void interrupted(void) {
  struct sigaction action = {.sa_handler = nothing};
  sigaction(SIGALRM, &action, NULL);
  ualarm(20000, 0);
  FAILS(EINTR, open("fifo", O_RDONLY));
  CHECK(unlink("fifo") == 0);
}

static void sizes(void) {
  int ends[2];
  CHECK(pipe(ends) == 0 && fcntl(ends[0], F_GETPIPE_SZ) == 65536);
  CHECK(fcntl(ends[1], F_SETPIPE_SZ, 5000) == 8192 && fcntl(ends[0], F_GETPIPE_SZ) == 8192);
  fcntl(ends[1], F_SETFL, O_NONBLOCK);
  char much[10000];
  memset(much, 'm', sizeof much);
  CHECK(write(ends[1], much, sizeof much) == 8192);
  FAILS(EBUSY, fcntl(ends[1], F_SETPIPE_SZ, 4096));
  CHECK(fcntl(ends[1], F_SETPIPE_SZ, 16384) == 16384);
  CHECK(write(ends[1], "end", 3) == 3);
  CHECK(read(ends[0], much, sizeof much) == 8195 && memcmp(much + 8192, "end", 3) == 0);
  FAILS(EBADF, fcntl(0, F_GETPIPE_SZ));
  close(ends[0]);
  close(ends[1]);
}

static void splicing(void) {
  int ends[2], more[2];
  char text[32] = {0};
  CHECK(pipe(ends) == 0 && pipe(more) == 0);
  int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(write(file, "0123456789", 10) == 10);
  off64_t offset = 4;
  CHECK(splice(file, &offset, ends[1], NULL, 4, 0) == 4 && offset == 8);
  CHECK(lseek(file, 0, SEEK_CUR) == 10);
  CHECK(tee(ends[0], more[1], 100, 0) == 4);
  CHECK(read(more[0], text, sizeof text) == 4 && memcmp(text, "4567", 4) == 0);
  offset = 20;
  CHECK(splice(ends[0], NULL, file, &offset, 100, 0) == 4 && offset == 24);
  CHECK(pread(file, text, 24, 0) == 24 && memcmp(text + 20, "4567", 4) == 0 && text[15] == 0);
  FAILS(EAGAIN, splice(ends[0], NULL, file, NULL, 4, SPLICE_F_NONBLOCK));
  struct iovec parts[2] = {{"one ", 4}, {"two", 3}};
  CHECK(vmsplice(ends[1], parts, 2, 0) == 7);
  CHECK(splice(ends[0], NULL, more[1], NULL, 100, 0) == 7);
  CHECK(read(more[0], text, sizeof text) == 7 && memcmp(text, "one two", 7) == 0);
  lseek(file, 0, SEEK_SET);
  CHECK(splice(file, NULL, ends[1], NULL, 3, 0) == 3 && lseek(file, 0, SEEK_CUR) == 3);
  FAILS(EINVAL, splice(file, NULL, file, NULL, 3, 0));
  FAILS(EINVAL, splice(ends[0], NULL, ends[1], NULL, 3, 0));
  FAILS(EINVAL, tee(ends[0], ends[1], 3, 0));
  FAILS(ESPIPE, splice(ends[0], &offset, file, NULL, 3, 0));
  FAILS(EBADF, splice(ends[1], NULL, file, NULL, 3, 0));
  CHECK(splice(file, NULL, ends[1], NULL, 0, 0) == 0);
  lseek(file, 0, SEEK_END);
  CHECK(splice(file, NULL, ends[1], NULL, 10, 0) == 0);
  close(ends[1]);
  CHECK(splice(ends[0], NULL, file, NULL, 100, 0) == 3 && splice(ends[0], NULL, file, NULL, 1, 0) == 0);
  for (int index = 0; index < 2; index++) close(more[index]);
  close(ends[0]);
  close(file);
  CHECK(unlink("file") == 0);
}

int main(void) {
  opening();
  without_waiting();
  interrupted();
  sizes();
  splicing();
  return finish();
}
