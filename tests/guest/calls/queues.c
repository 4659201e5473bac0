// Message queues of System V and of POSIX: types and priorities, limits, who waits, who is told, who may.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/stat.h>

// Of this run alone: under QEMU all that runs on the host has the same keys and names.
static key_t key;
static char name[64];

struct message {
  long type;
  char text[9000];
};

static int id;
static struct message message;

static int put(long type, const char *text) {
  message.type = type;
  strcpy(message.text, text);
  return msgsnd(id, &message, strlen(text), IPC_NOWAIT);
}

/** Whether the next message of a type is this one. */
static int got(long type, int flags, long its_type, const char *text) {
  memset(&message, 0, sizeof message);
  ssize_t size = msgrcv(id, &message, sizeof message.text, type, flags | IPC_NOWAIT);
  return size == (ssize_t)strlen(text) && message.type == its_type && memcmp(message.text, text, (size_t)size) == 0;
}

static void by_type(void) {
  FAILS(ENOENT, msgget(key, 0));
  id = msgget(key, IPC_CREAT | 0600);
  CHECK(id >= 0 && msgget(key, 0) == id);
  FAILS(EEXIST, msgget(key, IPC_CREAT | IPC_EXCL | 0600));
  FAILS(ENOMSG, msgrcv(id, &message, 10, 0, IPC_NOWAIT));
  CHECK(put(3, "three") == 0 && put(1, "one") == 0 && put(2, "two") == 0 && put(1, "again") == 0);
  CHECK(got(1, 0, 1, "one") && got(-2, 0, 1, "again") && got(-2, 0, 2, "two"));
  FAILS(ENOMSG, msgrcv(id, &message, 10, -2, IPC_NOWAIT));
  CHECK(put(4, "four") == 0 && got(3, MSG_EXCEPT, 4, "four") && got(0, 0, 3, "three"));
  CHECK(put(1, "long one") == 0);
  FAILS(E2BIG, msgrcv(id, &message, 4, 0, IPC_NOWAIT));
  CHECK(msgrcv(id, &message, 4, 0, MSG_NOERROR) == 4 && memcmp(message.text, "long", 4) == 0);
  CHECK(put(5, "") == 0 && got(5, 0, 5, ""));
  message.type = 0;
  FAILS(EINVAL, msgsnd(id, &message, 1, 0));
  message.type = 1;
  FAILS(EINVAL, msgsnd(id, &message, 8193, 0));
  FAILS(EINVAL, msgsnd(id + 1000, &message, 1, 0));
  FAILS(EFAULT, msgsnd(id, (void *)8, 1, 0));
  CHECK(put(7, "kept") == 0 && put(8, "second") == 0);
}

static void copies(void) {
  CHECK(got(1, MSG_COPY, 8, "second") && got(0, MSG_COPY, 7, "kept"));
  FAILS(ENOMSG, msgrcv(id, &message, 10, 2, MSG_COPY | IPC_NOWAIT));
  FAILS(EINVAL, msgrcv(id, &message, 10, 0, MSG_COPY));
}

static void told(void) {
  struct msqid_ds state;
  CHECK(msgctl(id, IPC_STAT, &state) == 0 && state.msg_qnum == 2 && state.__msg_cbytes == 10);
  CHECK(state.msg_qbytes == 16384 && state.msg_lspid == getpid() && state.msg_lrpid == getpid());
  CHECK(state.msg_perm.__key == key && (state.msg_perm.mode & 0777) == 0600 && state.msg_stime > 0);
  state.msg_qbytes = 12;
  state.msg_perm.mode = 0644;
  CHECK(msgctl(id, IPC_SET, &state) == 0);
  FAILS(EAGAIN, put(1, "more than that"));
  CHECK(got(0, 0, 7, "kept") && put(1, "twelve") == 0);
  CHECK(got(0, 0, 8, "second") && got(0, 0, 1, "twelve"));
  struct msginfo info;
  CHECK(msgctl(0, IPC_INFO, (struct msqid_ds *)&info) >= 0 && info.msgmax == 8192 && info.msgmnb == 16384);
  CHECK(msgctl(0, MSG_INFO, (struct msqid_ds *)&info) >= 0 && info.msgpool >= 1);
}

static void sends_later(void) {
  pause_ms(30);
  CHECK(put(9, "late") == 0);
}

static void waits_for_room(void) {
  struct message large = {1, {0}};
  CHECK(msgsnd(id, &large, 10, 0) == 0);
}

static void waits_for_end(void) { FAILS(EIDRM, msgrcv(id, &message, 10, 5, 0)); }

static void on_signal(int signal) { (void)signal; }

static void is_interrupted(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  alarm(1);
  FAILS(EINTR, msgrcv(id, &message, 10, 5, 0));
}

static void lesser(void) {
  CHECK(setresuid(1000, 1000, 1000) == 0);
  FAILS(EACCES, put(1, "x"));
  FAILS(ENOMSG, msgrcv(id, &message, 10, 0, IPC_NOWAIT));
  FAILS(EPERM, msgctl(id, IPC_RMID, NULL));
}

static void waiting(void) {
  pid_t child = start(sends_later);
  CHECK(msgrcv(id, &message, 100, 9, 0) == 4 && exited(status_of(child), 0));
  CHECK(put(1, "twelve bytes") == 0);
  child = start(waits_for_room);
  pause_ms(30);
  CHECK(got(0, 0, 1, "twelve bytes") && exited(status_of(child), 0));
  CHECK(msgrcv(id, &message, 100, 0, 0) == 10);
  CHECK(exited(run(is_interrupted), 0) && exited(run(lesser), 0));
  child = start(waits_for_end);
  pause_ms(30);
  CHECK(msgctl(id, IPC_RMID, NULL) == 0 && exited(status_of(child), 0));
  FAILS(EINVAL, put(1, "x"));
  FAILS(ENOENT, msgget(key, 0));
}

static int readable(mqd_t queue) {
  struct pollfd waiting = {.fd = queue, .events = POLLIN};
  return poll(&waiting, 1, 0) == 1 && waiting.revents == POLLIN;
}

static int writable(mqd_t queue) {
  struct pollfd waiting = {.fd = queue, .events = POLLOUT};
  return poll(&waiting, 1, 0) == 1 && waiting.revents == POLLOUT;
}

static void by_priority(void) {
  char text[32];
  unsigned priority;
  struct mq_attr attributes = {.mq_maxmsg = 3, .mq_msgsize = 16};
  FAILS(ENOENT, mq_open(name, O_RDWR));
  FAILS(EINVAL, mq_open("nothing", O_RDWR | O_CREAT, 0600, NULL));
  FAILS(EACCES, mq_open("/in/side", O_RDWR | O_CREAT, 0600, NULL));
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  CHECK(queue >= 0);
  FAILS(EEXIST, mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes));
  CHECK(!readable(queue) && writable(queue));
  CHECK(mq_send(queue, "low", 3, 1) == 0 && mq_send(queue, "high", 4, 9) == 0 && mq_send(queue, "low too", 7, 1) == 0);
  CHECK(readable(queue) && !writable(queue));
  FAILS(EMSGSIZE, mq_send(queue, "more than sixteen", 17, 1));
  FAILS(EINVAL, mq_send(queue, "x", 1, 32768));
  FAILS(EMSGSIZE, mq_receive(queue, text, 15, NULL));
  struct timespec past = {1, 0}, wrong = {1, 1000000000};
  FAILS(ETIMEDOUT, mq_timedsend(queue, "x", 1, 1, &past));
  FAILS(EINVAL, mq_timedsend(queue, "x", 1, 1, &wrong));
  CHECK(mq_getattr(queue, &attributes) == 0 && attributes.mq_curmsgs == 3 && attributes.mq_maxmsg == 3);
  CHECK(attributes.mq_msgsize == 16 && attributes.mq_flags == 0);
  CHECK(mq_receive(queue, text, sizeof text, &priority) == 4 && priority == 9 && memcmp(text, "high", 4) == 0);
  CHECK(mq_receive(queue, text, sizeof text, &priority) == 3 && priority == 1 && memcmp(text, "low", 3) == 0);
  CHECK(mq_receive(queue, text, sizeof text, NULL) == 7 && memcmp(text, "low too", 7) == 0);
  attributes.mq_flags = O_NONBLOCK;
  CHECK(mq_setattr(queue, &attributes, NULL) == 0);
  FAILS(EAGAIN, mq_receive(queue, text, sizeof text, NULL));
  CHECK(mq_getattr(queue, &attributes) == 0 && attributes.mq_flags == O_NONBLOCK);
  attributes.mq_flags = O_APPEND;
  FAILS(EINVAL, mq_setattr(queue, &attributes, NULL));
  mqd_t reader = mq_open(name, O_RDONLY), writer = mq_open(name, O_WRONLY);
  FAILS(EBADF, mq_send(reader, "x", 1, 0));
  FAILS(EBADF, mq_receive(writer, text, sizeof text, NULL));
  FAILS(EBADF, mq_getattr(0, &attributes));
  CHECK(mq_close(reader) == 0 && mq_close(writer) == 0 && mq_close(queue) == 0);
}

static mqd_t queue;

static void sends_soon(void) {
  pause_ms(30);
  CHECK(mq_send(queue, "soon", 4, 2) == 0);
}

static volatile int told_code, told_value;

static void on_message(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  told_code = info->si_code;
  told_value = info->si_value.sival_int;
}

static void notified(void) {
  char text[32];
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
  struct sigaction action = {.sa_sigaction = on_message, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, NULL);
  CHECK(mq_notify(queue, &event) == 0);
  FAILS(EBUSY, mq_notify(queue, &event));
  CHECK(mq_send(queue, "first", 5, 0) == 0 && told_code == SI_MESGQ && told_value == 42);
  told_code = 0;
  CHECK(mq_notify(queue, &event) == 0 && mq_send(queue, "second", 6, 0) == 0 && told_code == 0);
  CHECK(mq_receive(queue, text, sizeof text, NULL) == 5 && mq_receive(queue, text, sizeof text, NULL) == 6);
  CHECK(mq_notify(queue, NULL) == 0 && mq_send(queue, "third", 5, 0) == 0 && told_code == 0);
  CHECK(mq_receive(queue, text, sizeof text, NULL) == 5);
}

static void stranger(void) {
  CHECK(setresuid(1000, 1000, 1000) == 0);
  FAILS(EACCES, mq_open(name, O_RDONLY));
  FAILS(EACCES, mq_unlink(name));
  struct mq_attr attributes = {.mq_maxmsg = 11, .mq_msgsize = 16};
  char own[80];
  snprintf(own, sizeof own, "%s-own", name);
  FAILS(EINVAL, mq_open(own, O_RDWR | O_CREAT, 0600, &attributes));
  CHECK(mq_open(own, O_RDWR | O_CREAT, 0600, NULL) >= 0 && mq_unlink(own) == 0);
}

static void together(void) {
  char text[32];
  queue = mq_open(name, O_RDWR);
  pid_t child = start(sends_soon);
  CHECK(mq_receive(queue, text, sizeof text, NULL) == 4 && exited(status_of(child), 0));
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_sec++;
  long began = now_ms();
  FAILS(ETIMEDOUT, mq_timedreceive(queue, text, sizeof text, NULL, &soon));
  CHECK(now_ms() - began > 900);
  notified();
  CHECK(exited(run(stranger), 0));
  struct stat state;
  CHECK(fstat(queue, &state) == 0 && S_ISREG(state.st_mode) && (state.st_mode & 0777) == 0600 && state.st_size == 80);
  CHECK(mq_unlink(name) == 0);
  FAILS(ENOENT, mq_unlink(name));
  FAILS(ENOENT, mq_open(name, O_RDWR));
  CHECK(mq_send(queue, "still", 5, 0) == 0 && mq_receive(queue, text, sizeof text, NULL) == 5 && mq_close(queue) == 0);
}

int main(void) {
  key = (key_t)(0x51000000 + getpid());
  snprintf(name, sizeof name, "/queue-%d", (int)getpid());
  by_type();
  copies();
  told();
  waiting();
  by_priority();
  together();
  return finish();
}
