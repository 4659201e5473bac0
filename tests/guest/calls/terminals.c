// Pseudo-terminals and what sessions do with them: names, editing of lines, echo, MIN and TIME, flow control,
// keys that raise signals, background and orphaned groups, the end of either side.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

static int master;
static char name[64];

static void open_pair(void) {
  master = posix_openpt(O_RDWR | O_NOCTTY);
  CHECK(master >= 0 && grantpt(master) == 0);
  CHECK(ptsname_r(master, name, sizeof name) == 0);
}

static int open_slave(void) {
  int slave = open(name, O_RDWR | O_NOCTTY);
  CHECK(slave >= 0);
  return slave;
}

static void type(const char *keys) { CHECK(write(master, keys, strlen(keys)) == (ssize_t)strlen(keys)); }

/** What the other side shows within a moment, with controls made visible. */
static const char *shown(void) {
  static char text[512];
  char bytes[128];
  size_t length = 0;
  struct pollfd poll_fd = {master, POLLIN, 0};
  while (poll(&poll_fd, 1, 50) > 0 && (poll_fd.revents & POLLIN)) {
    ssize_t count = read(master, bytes, sizeof bytes);
    if (count <= 0) break;
    for (ssize_t at = 0; at < count && length < sizeof text - 5; at++) {
      unsigned char byte = (unsigned char)bytes[at];
      if (byte < 32 || byte == 127) length += (size_t)sprintf(text + length, "<%d>", byte);
      else text[length++] = (char)byte;
    }
  }
  text[length] = 0;
  return text;
}

static int shows(const char *wanted) {
  const char *found = shown();
  if (strcmp(found, wanted) == 0) return 1;
  printf("shown: %s\n", found);
  return 0;
}

static int reads(int slave, const char *wanted) {
  char text[128];
  ssize_t count = read(slave, text, sizeof text);
  if (count == (ssize_t)strlen(wanted) && memcmp(text, wanted, (size_t)count) == 0) return 1;
  printf("read %zd: %.*s\n", count, count < 0 ? 0 : (int)count, text);
  return 0;
}

static int waiting(int slave) {
  int count = -1;
  return ioctl(slave, FIONREAD, &count) < 0 ? -1 : count;
}

static void names(void) {
  struct stat status;
  char found[64];
  int locked = -1;
  open_pair();
  CHECK(strncmp(name, "/dev/pts/", 9) == 0);
  CHECK(ioctl(master, TIOCGPTLCK, &locked) == 0 && locked == 1);
  FAILS(EIO, open(name, O_RDWR | O_NOCTTY));
  CHECK(unlockpt(master) == 0);
  int slave = open_slave();
  CHECK(isatty(slave) && fstat(slave, &status) == 0 && S_ISCHR(status.st_mode) && (status.st_rdev >> 8) == 136);
  CHECK(ttyname_r(slave, found, sizeof found) == 0 && strcmp(found, name) == 0);
  CHECK(status.st_uid == getuid() && (status.st_mode & 0700) == 0600);
  int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  CHECK(peer >= 0 && isatty(peer));
  FAILS(EIO, ioctl(master, 0x40045436, 0) == -1 && errno == EINVAL ? (errno = EIO, -1) : 0);
  close(peer);
  close(slave);
  close(master);
  FAILS(ENOENT, open(name, O_RDWR | O_NOCTTY));
}

static void lines(void) {
  open_pair();
  unlockpt(master);
  int slave = open_slave();
  struct termios settings;
  CHECK(tcgetattr(slave, &settings) == 0 && (settings.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
  type("abc");
  CHECK(waiting(slave) == 0);
  type("\x7f" "d\r");
  CHECK(shows("abc<8> <8>d<13><10>") && reads(slave, "abd\n"));
  type("one two\x17" "three\n");
  CHECK(reads(slave, "one three\n") && shows("one two<8> <8><8> <8><8> <8>three<13><10>"));
  type("gone\x15kept\n");
  CHECK(reads(slave, "kept\n"));
  shown();
  type("\x16\x03\n");
  CHECK(reads(slave, "\x03\n") && shows("^<8>^C<13><10>"));
  type("part\x04");
  CHECK(reads(slave, "part"));
  type("\x04");
  CHECK(reads(slave, ""));
  type("first\nsecond\n");
  CHECK(reads(slave, "first\n") && reads(slave, "second\n"));
  shown();
  CHECK(write(slave, "a\nb\tc", 5) == 5 && shows("a<13><10>b<9>c"));
  settings.c_oflag &= ~(tcflag_t)OPOST;
  settings.c_lflag &= ~(tcflag_t)ECHO;
  CHECK(tcsetattr(slave, TCSANOW, &settings) == 0 && write(slave, "a\nb", 3) == 3 && shows("a<10>b"));
  type("secret\n");
  CHECK(shows("") && reads(slave, "secret\n"));
  type("flushed\n");
  pause_ms(5);
  CHECK(tcflush(slave, TCIFLUSH) == 0 && waiting(slave) == 0);
  fcntl(slave, F_SETFL, O_NONBLOCK);
  FAILS(EAGAIN, read(slave, name, 1));
  FAILS(EINVAL, tcflush(slave, 9));
  // What programs wrote is input of the other side.
  CHECK(write(slave, "kept", 4) == 4 && tcflush(master, TCOFLUSH) == 0 && shows("kept"));
  CHECK(write(slave, "gone", 4) == 4 && tcflush(master, TCIFLUSH) == 0);
  CHECK(write(slave, "next", 4) == 4 && shows("next"));
  FAILS(EINVAL, tcflush(master, 9));
  CHECK(tcdrain(slave) == 0 && tcsendbreak(slave, 0) == 0);
  close(slave);
  close(master);
}

/** Settings as programs of old know them, settings that are locked, and who may open it. */
static void settings(void) {
  struct termios now, changed, locks = {0};
  struct termio old;
  int exclusive = -1;
  open_pair();
  unlockpt(master);
  int slave = open(name, O_RDWR | O_NOCTTY);
  CHECK(tcgetattr(slave, &now) == 0 && ioctl(slave, TCGETA, &old) == 0);
  CHECK(old.c_lflag == (unsigned short)now.c_lflag && old.c_oflag == (unsigned short)now.c_oflag);
  CHECK(old.c_cc[VINTR] == 3 && old.c_cc[VEOF] == 4);
  old.c_lflag &= (unsigned short)~ECHO;
  old.c_cc[VEOF] = 5;
  CHECK(ioctl(slave, TCSETAW, &old) == 0 && tcgetattr(slave, &changed) == 0);
  CHECK(changed.c_lflag == (now.c_lflag & ~(tcflag_t)ECHO) && changed.c_cc[VEOF] == 5);
  CHECK(changed.c_cc[VSUSP] == now.c_cc[VSUSP] && changed.c_iflag == now.c_iflag);
  CHECK(ioctl(slave, TIOCGLCKTRMIOS, &locks) == 0 && locks.c_lflag == 0);
  locks.c_lflag = ECHO;
  locks.c_cc[VEOF] = 1;
  CHECK(ioctl(slave, TIOCSLCKTRMIOS, &locks) == 0 && tcsetattr(slave, TCSANOW, &now) == 0);
  CHECK(tcgetattr(slave, &changed) == 0 && (changed.c_lflag & ECHO) == 0 && changed.c_cc[VEOF] == 5);
  CHECK(ioctl(slave, TIOCGEXCL, &exclusive) == 0 && exclusive == 0 && ioctl(slave, TIOCEXCL) == 0);
  CHECK(ioctl(slave, TIOCGEXCL, &exclusive) == 0 && exclusive == 1);
  CHECK(chmod(name, 0666) == 0 && seteuid(1000) == 0);
  FAILS(EBUSY, open(name, O_RDWR | O_NOCTTY));
  FAILS(EPERM, ioctl(slave, TIOCSLCKTRMIOS, &locks));
  CHECK(seteuid(0) == 0 && ioctl(slave, TIOCNXCL) == 0);
  close(slave);
  close(master);
}

static void set_times(int slave, cc_t least, cc_t tenths) {
  struct termios settings;
  tcgetattr(slave, &settings);
  cfmakeraw(&settings);
  settings.c_cc[VMIN] = least;
  settings.c_cc[VTIME] = tenths;
  tcsetattr(slave, TCSANOW, &settings);
}

static long elapsed_ms(const struct timespec *since) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

static void type_late(void) {
  pause_ms(40);
  type("l");
  pause_ms(40);
  type("ate");
}

static void times(void) {
  struct timespec start_time;
  open_pair();
  unlockpt(master);
  int slave = open_slave();
  set_times(slave, 0, 0);
  CHECK(reads(slave, ""));
  type("xyz");
  CHECK(reads(slave, "xyz"));
  set_times(slave, 0, 2);
  clock_gettime(CLOCK_MONOTONIC, &start_time);
  CHECK(reads(slave, "") && elapsed_ms(&start_time) >= 150);
  pid_t child = start(type_late);
  CHECK(reads(slave, "l"));
  CHECK(exited(status_of(child), 0) && reads(slave, "ate"));
  set_times(slave, 3, 0);
  child = start(type_late);
  CHECK(reads(slave, "late"));
  CHECK(exited(status_of(child), 0));
  set_times(slave, 9, 2);
  child = start(type_late);
  clock_gettime(CLOCK_MONOTONIC, &start_time);
  CHECK(reads(slave, "late") && elapsed_ms(&start_time) >= 200);
  CHECK(exited(status_of(child), 0));
  // poll(2) waits for MIN characters, unless TIME is set.
  struct pollfd poll_fd = {slave, POLLIN, 0};
  type("p");
  CHECK(poll(&poll_fd, 1, 0) == 1);
  set_times(slave, 3, 0);
  CHECK(poll(&poll_fd, 1, 0) == 0);
  type("qr");
  CHECK(poll(&poll_fd, 1, 1000) == 1 && reads(slave, "pqr"));
  close(slave);
  close(master);
}

static void flow(void) {
  open_pair();
  unlockpt(master);
  int slave = open_slave();
  fcntl(slave, F_SETFL, O_NONBLOCK);
  type("\x13");
  pause_ms(5);
  FAILS(EAGAIN, write(slave, "held", 4));
  type("\x11");
  pause_ms(5);
  CHECK(write(slave, "goes", 4) == 4 && shows("goes"));
  CHECK(tcflow(slave, TCOOFF) == 0);
  FAILS(EAGAIN, write(slave, "held", 4));
  CHECK(tcflow(slave, TCOON) == 0 && write(slave, "on", 2) == 2 && shows("on"));
  CHECK(tcflow(slave, TCIOFF) == 0 && tcflow(slave, TCION) == 0 && shows("<19><17>"));
  int on = 1;
  CHECK(ioctl(master, TIOCPKT, &on) == 0 && write(slave, "data", 4) == 4 && shows("<0>data"));
  close(slave);
  close(master);
}

/** Begins a session whose terminal is the pair's. */
static int begin_session(void) {
  alarm(10);
  CHECK(setsid() == getpid());
  int slave = open(name, O_RDWR);
  CHECK(slave >= 0);
  // The other side is the parent's alone.
  close(master);
  return slave;
}

/** /proc tells the device and the foreground of the terminal that a process has. */
static int own_terminal(int slave) {
  struct stat status;
  int number = 0, foreground = 0;
  FILE *text = fopen("/proc/self/stat", "r");
  int found = text == NULL ? 0 : fscanf(text, "%*d %*s %*c %*d %*d %*d %d %d", &number, &foreground);
  if (text != NULL) fclose(text);
  return found == 2 && fstat(slave, &status) == 0 && number == (int)status.st_rdev && foreground == getpgrp();
}

static volatile sig_atomic_t caught;
static void catch(int number) { caught = number; }

static void wait_for_key(void) {
  int slave = begin_session();
  CHECK(tcgetpgrp(slave) == getpgrp() && tcgetsid(slave) == getsid(0));
  CHECK(own_terminal(slave));
  struct sigaction action = {.sa_handler = catch};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGWINCH, &action, NULL);
  CHECK(write(slave, "ready", 5) > 0);
  char text[16];
  FAILS(EINTR, read(slave, text, sizeof text));
  CHECK(caught == SIGINT);
  CHECK(write(slave, "again", 5) > 0);
  FAILS(EINTR, read(slave, text, sizeof text));
  CHECK(caught == SIGWINCH);
  struct winsize size;
  CHECK(ioctl(slave, TIOCGWINSZ, &size) == 0 && size.ws_row == 40 && size.ws_col == 90);
  int own = open("/dev/tty", O_RDWR);
  CHECK(own >= 0 && write(own, "tty", 3) == 3 && tcgetpgrp(own) == getpgrp());
  close(own);
  // What is ended by a key is ended.
  signal(SIGQUIT, SIG_DFL);
  CHECK(write(slave, "quit", 4) > 0);
  pause();
}

static void keys(void) {
  open_pair();
  unlockpt(master);
  pid_t child = start(wait_for_key);
  CHECK(shows("ready"));
  type("lost");
  CHECK(shows("lost"));
  type("\x03");
  CHECK(shows("^Cagain"));
  struct winsize size = {.ws_row = 40, .ws_col = 90};
  CHECK(ioctl(master, TIOCSWINSZ, &size) == 0);
  CHECK(shows("ttyquit"));
  CHECK(tcgetpgrp(master) == child);
  type("\x1c");
  int status = status_of(child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGQUIT);
  char rest[16];
  while (read(master, rest, sizeof rest) > 0);
  CHECK(errno == EIO);
  close(master);
}

/** A job of the session: in a group of its own, in the background. */
static pid_t background(void (*body)(void)) {
  pid_t job = start(body);
  setpgid(job, job);
  return job;
}

static int terminal;

static void read_in_background(void) {
  setpgid(0, 0);
  char text[16];
  CHECK(read(terminal, text, sizeof text) == 5 && memcmp(text, "line\n", 5) == 0);
}

static void write_in_background(void) {
  setpgid(0, 0);
  CHECK(write(terminal, "w", 1) == 1);
}

static void set_in_background(void) {
  setpgid(0, 0);
  struct termios settings;
  tcgetattr(terminal, &settings);
  CHECK(tcsetattr(terminal, TCSANOW, &settings) == 0);
}

static void ignoring(void) {
  setpgid(0, 0);
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
  char text[4];
  FAILS(EIO, read(terminal, text, sizeof text));
  CHECK(write(terminal, "i", 1) == 1);
  CHECK(tcsetpgrp(terminal, getpgrp()) == 0);
}

static void shell(void) {
  terminal = begin_session();
  signal(SIGTTOU, SIG_IGN);
  int status;
  struct termios settings;
  pid_t job = background(read_in_background);
  CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
  CHECK(tcsetpgrp(terminal, job) == 0 && kill(-job, SIGCONT) == 0);
  CHECK(write(terminal, "go", 2) > 0);
  CHECK(exited(status_of(job), 0));
  CHECK(tcsetpgrp(terminal, getpgrp()) == 0);
  signal(SIGTTOU, SIG_DFL);
  // Without TOSTOP whoever wants may write.
  CHECK(exited(status_of(background(write_in_background)), 0));
  tcgetattr(terminal, &settings);
  settings.c_lflag |= TOSTOP;
  CHECK(tcsetattr(terminal, TCSANOW, &settings) == 0);
  job = background(write_in_background);
  CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
  settings.c_lflag &= ~(tcflag_t)TOSTOP;
  CHECK(tcsetattr(terminal, TCSANOW, &settings) == 0 && kill(-job, SIGCONT) == 0);
  CHECK(exited(status_of(job), 0));
  job = background(set_in_background);
  CHECK(waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
  CHECK(kill(-job, SIGKILL) == 0 && killed(status_of(job), SIGKILL));
  CHECK(exited(status_of(background(ignoring)), 0));
  signal(SIGTTOU, SIG_IGN);
  CHECK(tcsetpgrp(terminal, getpgrp()) == 0);
  FAILS(ESRCH, tcsetpgrp(terminal, 999999));
  CHECK(write(terminal, "end", 3) > 0);
}

static void jobs(void) {
  open_pair();
  unlockpt(master);
  pid_t child = start(shell);
  struct pollfd poll_fd = {master, POLLIN, 0};
  CHECK(poll(&poll_fd, 1, 5000) == 1);
  type("line\n");
  char text[256], all[512] = {0};
  ssize_t count;
  while ((count = read(master, text, sizeof text - 1)) > 0) {
    text[count] = 0;
    strcat(all, text);
  }
  CHECK(errno == EIO && strstr(all, "go") != NULL && strstr(all, "end") != NULL);
  CHECK(exited(status_of(child), 0));
  close(master);
}

static void orphan(void) {
  terminal = begin_session();
  int ends[2];
  CHECK(pipe(ends) == 0);
  pid_t middle = fork();
  if (middle == 0) {
    setpgid(0, 0);
    pid_t job = fork();
    if (job == 0) {
      // Its parent is gone: nobody would let it go on.
      pause_ms(50);
      char text[4], result = 0;
      if (read(terminal, text, sizeof text) == -1 && errno == EIO) result = 1;
      CHECK(write(ends[1], &result, 1) > 0);
      _exit(0);
    }
    _exit(0);
  }
  CHECK(exited(status_of(middle), 0));
  char result = 0;
  CHECK(read(ends[0], &result, 1) == 1 && result == 1);
}

static void stopped_orphan(void) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  pid_t middle = fork();
  if (middle == 0) {
    setpgid(0, 0);
    pid_t job = fork();
    if (job == 0) {
      signal(SIGHUP, catch);
      setpgid(0, 0);
      raise(SIGSTOP);
      char result = (char)caught;
      CHECK(write(ends[1], &result, 1) > 0);
      _exit(0);
    }
    int status;
    waitpid(job, &status, WUNTRACED);
    _exit(0);
  }
  CHECK(exited(status_of(middle), 0));
  char result = 0;
  CHECK(read(ends[0], &result, 1) == 1 && result == SIGHUP);
}

static void until_hangup(void) {
  int slave = begin_session();
  struct sigaction action = {.sa_handler = catch};
  sigaction(SIGHUP, &action, NULL);
  CHECK(write(slave, "up", 2) > 0);
  char text[4];
  ssize_t count = read(slave, text, sizeof text);
  CHECK(caught == SIGHUP && count <= 0);
  CHECK(read(slave, text, sizeof text) == 0);
  FAILS(EIO, write(slave, "x", 1));
  struct termios settings;
  FAILS(EIO, tcgetattr(slave, &settings));
  FAILS(ENXIO, open("/dev/tty", O_RDWR));
}

static void hanging_up(void) {
  open_pair();
  unlockpt(master);
  pid_t child = start(until_hangup);
  CHECK(shows("up"));
  close(master);
  CHECK(exited(status_of(child), 0));
  open_pair();
  unlockpt(master);
  CHECK(exited(run(orphan), 0));
  close(master);
  stopped_orphan();
}

// Who has the terminal open keeps it when the leader of its session ends.
static void leader_ends(void) {
  open_pair();
  unlockpt(master);
  int slave = open_slave();
  CHECK(exited(run(orphan), 0));
  struct pollfd poll_master = {.fd = master, .events = POLLIN};
  CHECK(poll(&poll_master, 1, 0) == 0);
  CHECK(write(slave, "kept", 4) == 4 && shows("kept"));
  CHECK(poll(&poll_master, 1, 0) == 0);
  close(slave);
  CHECK(poll(&poll_master, 1, 0) == 1 && poll_master.revents == POLLHUP);
  close(master);
}

static void controlling(void) {
  alarm(10);
  int slave = open_slave();
  CHECK(setsid() == getpid());
  FAILS(ENXIO, open("/dev/tty", O_RDWR));
  FAILS(ENOTTY, tcgetpgrp(slave));
  CHECK(ioctl(slave, TIOCSCTTY, 0) == 0 && ioctl(slave, TIOCSCTTY, 0) == 0 && tcgetpgrp(slave) == getpgrp());
  int tty = open("/dev/tty", O_RDWR);
  CHECK(tty >= 0);
  close(tty);
  signal(SIGHUP, SIG_IGN);
  CHECK(ioctl(slave, TIOCNOTTY) == 0);
  FAILS(ENXIO, open("/dev/tty", O_RDWR));
  FAILS(ENOTTY, ioctl(slave, TIOCNOTTY));
  int none = open("/dev/null", O_RDWR);
  FAILS(ENOTTY, ioctl(none, TIOCSCTTY, 0));
  CHECK(write(slave, "still", 5) == 5);
}

int main(void) {
  alarm(20);
  names();
  lines();
  settings();
  times();
  flow();
  keys();
  jobs();
  hanging_up();
  leader_ends();
  open_pair();
  unlockpt(master);
  CHECK(exited(run(controlling), 0));
  return finish();
}
