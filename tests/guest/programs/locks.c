// Locks on files between processes: fcntl's by ranges, which end with any descriptor; flock's by description.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <sys/file.h>
#include <sys/time.h>

static int file;

static int lock(int fd, int command, int type, long start, long length) {
  struct flock range = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, command, &range);
}

static void try_ranges(void) {
  FAILS(EAGAIN, lock(file, F_SETLK, F_WRLCK, 5, 10));
  FAILS(EAGAIN, lock(file, F_SETLK, F_RDLCK, 9, 1));
  CHECK(lock(file, F_SETLK, F_WRLCK, 10, 5) == 0);
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
  CHECK(fcntl(file, F_GETLK, &range) == 0 && range.l_type == F_WRLCK && range.l_pid == getppid());
  printf("locked by the parent: %ld for %ld\n", (long)range.l_start, (long)range.l_len);
}

static void wait_for_lock(void) {
  long before = now_ms();
  CHECK(lock(file, F_SETLKW, F_WRLCK, 0, 0) == 0);
  CHECK(now_ms() - before >= 15);
}

static void share(void) { CHECK(lock(file, F_SETLK, F_RDLCK, 0, 10) == 0); }

static void try_flock(void) {
  int other = open("locked", O_RDWR);
  FAILS(EWOULDBLOCK, flock(other, LOCK_EX | LOCK_NB));
  FAILS(EWOULDBLOCK, flock(other, LOCK_SH | LOCK_NB));
  // The inherited descriptor is of the same description.
  CHECK(flock(file, LOCK_EX | LOCK_NB) == 0);
}

static void wait_for_flock(void) {
  int other = open("locked", O_RDWR);
  CHECK(flock(other, LOCK_EX) == 0);
}

static int told[2];

/** Holds one and asks for the other: with both doing so, one is told. */
static void cross(void) {
  CHECK(lock(file, F_SETLK, F_WRLCK, 200, 1) == 0);
  CHECK(write(told[1], "x", 1) == 1);
  int answer = lock(file, F_SETLKW, F_WRLCK, 100, 1);
  CHECK(answer == 0 || errno == EDEADLK);
}

static void handle(int signal) { (void)signal; }

static void be_interrupted(void) {
  struct sigaction once = {.sa_handler = handle};
  sigaction(SIGALRM, &once, NULL);
  struct itimerval soon = {.it_value = {.tv_usec = 20000}};
  setitimer(ITIMER_REAL, &soon, NULL);
  FAILS(EINTR, lock(file, F_SETLKW, F_WRLCK, 0, 10));
  setitimer(ITIMER_REAL, &soon, NULL);
  int other = open("locked", O_RDWR);
  FAILS(EINTR, flock(other, LOCK_EX));
  // With SA_RESTART it goes on waiting, until it is killed.
  once.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &once, NULL);
  setitimer(ITIMER_REAL, &soon, NULL);
  CHECK(lock(file, F_SETLKW, F_WRLCK, 0, 10) == 0);
}

/** Shares a lock of its own and would have it alone: it must give up the shared one to wait. */
static void become_alone(void) {
  int other = open("locked", O_RDWR);
  CHECK(flock(other, LOCK_SH) == 0);
  CHECK(write(told[1], "x", 1) == 1);
  CHECK(flock(other, LOCK_EX) == 0);
}

static void many_wait(void) { lock(file, F_SETLKW, F_WRLCK, 0, 10); }

int main(void) {
  file = open("locked", O_RDWR | O_CREAT | O_TRUNC, 0644);
  CHECK(file >= 0 && write(file, "0123456789", 10) == 10);

  CHECK(lock(file, F_SETLK, F_WRLCK, 0, 10) == 0);
  CHECK(exited(run(try_ranges), 0));
  // A hole in the middle makes two ranges of one.
  CHECK(lock(file, F_SETLK, F_UNLCK, 3, 4) == 0);
  CHECK(lock(file, F_SETLK, F_RDLCK, 0, 10) == 0);
  CHECK(exited(run(share), 0));

  // Closing any descriptor of the file gives all of its locks up.
  CHECK(lock(file, F_SETLK, F_WRLCK, 0, 10) == 0);
  close(open("locked", O_RDONLY));
  CHECK(exited(run(share), 0));

  CHECK(lock(file, F_SETLK, F_WRLCK, 0, 0) == 0);
  pid_t child = start(wait_for_lock);
  pause_ms(30);
  CHECK(lock(file, F_SETLK, F_UNLCK, 0, 0) == 0);
  CHECK(exited(status_of(child), 0));

  CHECK(pipe(told) == 0 && lock(file, F_SETLK, F_WRLCK, 100, 1) == 0);
  child = start(cross);
  char byte;
  CHECK(read(told[0], &byte, 1) == 1);
  pause_ms(20);
  FAILS(EDEADLK, lock(file, F_SETLKW, F_WRLCK, 200, 1));
  CHECK(lock(file, F_SETLK, F_UNLCK, 0, 0) == 0 && exited(status_of(child), 0));

  FAILS(EINVAL, lock(file, F_SETLK, 77, 0, 0));
  FAILS(EINVAL, lock(file, F_SETLK, F_WRLCK, -5, 2));
  CHECK(lock(file, F_SETLK, F_WRLCK, 10, -5) == 0);
  struct flock held = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  CHECK(fcntl(file, F_OFD_GETLK, &held) == 0 && held.l_start == 5 && held.l_len == 5 && held.l_pid == getpid());
  CHECK(lock(file, F_SETLK, F_UNLCK, 0, 0) == 0);
  int reading = open("locked", O_RDONLY);
  FAILS(EBADF, lock(reading, F_SETLK, F_WRLCK, 0, 0));

  CHECK(flock(file, LOCK_EX) == 0 && exited(run(try_flock), 0));
  child = start(wait_for_flock);
  pause_ms(20);
  CHECK(flock(file, LOCK_UN) == 0 && exited(status_of(child), 0));

  // Locks of a description: a second one of the same process is another owner.
  int second = open("locked", O_RDWR);
  CHECK(lock(file, F_OFD_SETLK, F_WRLCK, 0, 5) == 0);
  FAILS(EAGAIN, lock(second, F_OFD_SETLK, F_WRLCK, 0, 5));
  CHECK(lock(second, F_OFD_SETLK, F_WRLCK, 5, 5) == 0);
  // F_OFD_SETLK: the process is of no interest, and deadlocks are not looked for.
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_pid = 7};
  FAILS(EINVAL, fcntl(file, F_OFD_SETLK, &range));
  close(second);
  CHECK(lock(file, F_OFD_SETLK, F_UNLCK, 0, 0) == 0);

  CHECK(lock(file, F_SETLK, F_WRLCK, 0, 0) == 0 && flock(file, LOCK_EX) == 0);
  child = start(be_interrupted);
  pause_ms(100);
  CHECK(kill(child, SIGKILL) == 0 && killed(status_of(child), SIGKILL));

  CHECK(flock(file, LOCK_SH) == 0);
  child = start(become_alone);
  CHECK(read(told[0], &byte, 1) == 1);
  pause_ms(20);
  CHECK(flock(file, LOCK_EX) == 0);
  // Where it cannot be had at once, it is not kept either.
  CHECK(flock(file, LOCK_UN) == 0 && exited(status_of(child), 0));

  // However many wait, the file's server goes on.
  enum { MANY = 80 };
  pid_t waiting[MANY];
  for (int i = 0; i < MANY; i++) waiting[i] = start(many_wait);
  pause_ms(50);
  CHECK(pread(file, &byte, 1, 0) == 1);
  CHECK(lock(file, F_SETLK, F_UNLCK, 0, 0) == 0);
  for (int i = 0; i < MANY; i++) CHECK(exited(status_of(waiting[i]), 0));
  unlink("locked");
  return finish();
}
