// System V shared memory and semaphores: keys, attaching, removal, operations that wait, what is taken back.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun {
  int val;
  struct semid_ds *buf;
  unsigned short *array;
  struct seminfo *info;
};

enum { SIZE = 10000 };

// Of this run alone: under QEMU all that runs on the host has the same keys.
static key_t key;

static char *shared;
static int set;

static void write_shared(void) {
  shared[9999] = 'c';
  struct shmid_ds state;
  int id = shmget(key, 0, 0);
  CHECK(shmctl(id, IPC_STAT, &state) == 0 && state.shm_nattch == 2 && state.shm_cpid == getppid());
  int *own = shmat(id, NULL, SHM_RDONLY);
  CHECK(own != (void *)-1 && ((char *)own)[9999] == 'c');
  CHECK(shmdt(shared) == 0);
}

static void write_read_only(void) {
  char *view = shmat(shmget(key, 0, 0), NULL, SHM_RDONLY);
  signal(SIGSEGV, SIG_DFL);
  view[0] = 1;
}

static void memory(void) {
  FAILS(ENOENT, shmget(key, SIZE, 0600));
  FAILS(EINVAL, shmget(key, 0, IPC_CREAT | 0600));
  int id = shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0640);
  CHECK(id >= 0 && shmget(key, SIZE, IPC_CREAT | 0640) == id && shmget(key, 0, 0) == id);
  FAILS(EEXIST, shmget(key, SIZE, IPC_CREAT | IPC_EXCL | 0640));
  FAILS(EINVAL, shmget(key, SIZE + 1, 0));
  shared = shmat(id, NULL, 0);
  CHECK(shared != (void *)-1 && shared[0] == 0 && shared[9999] == 0);
  CHECK(exited(run(write_shared), 0));
  CHECK(shared[9999] == 'c');
  CHECK(killed(run(write_read_only), SIGSEGV));
  struct shmid_ds state;
  CHECK(shmctl(id, IPC_STAT, &state) == 0 && state.shm_nattch == 1 && state.shm_segsz == SIZE);
  CHECK(state.shm_perm.mode == 0640 && state.shm_perm.__key == key && state.shm_atime > 0);
  state.shm_perm.mode = 0600;
  CHECK(shmctl(id, IPC_SET, &state) == 0 && shmctl(id, IPC_STAT, &state) == 0);
  CHECK(state.shm_perm.mode == 0600);
  // A place is taken as told, whole pages only.
  char *other = shmat(id, shared + 0x100000 + 5, SHM_RND);
  CHECK(other == shared + 0x100000 && other[9999] == 'c');
  FAILS(EINVAL, shmat(id, shared + 0x200005, 0));
  FAILS(EINVAL, shmat(id, shared, 0));
  CHECK(shmdt(other) == 0);
  FAILS(EINVAL, shmdt(other));
  // Removed, it lives on for those who have it, without its key.
  CHECK(shmctl(id, IPC_RMID, NULL) == 0);
  FAILS(ENOENT, shmget(key, 0, 0));
  CHECK(shmctl(id, IPC_STAT, &state) == 0 && state.shm_perm.mode == (0600 | SHM_DEST));
  CHECK(shared[9999] == 'c' && shmdt(shared) == 0);
  FAILS(EINVAL, shmctl(id, IPC_STAT, &state));
  FAILS(EINVAL, shmat(id, NULL, 0));
  id = shmget(IPC_PRIVATE, 4096, 0600);
  CHECK(id >= 0 && shmget(IPC_PRIVATE, 4096, 0600) != id);
  CHECK(shmctl(id, IPC_RMID, NULL) == 0);
  FAILS(EINVAL, shmctl(id, IPC_RMID, NULL));
}

static int operate(int number, int change, int flags) {
  struct sembuf operation = {.sem_num = number, .sem_op = change, .sem_flg = flags};
  return semop(set, &operation, 1);
}

static void give_later(void) {
  pause_ms(30);
  CHECK(semctl(set, 0, GETNCNT) == 1 && semctl(set, 0, GETZCNT) == 0);
  CHECK(operate(0, 2, 0) == 0);
}

static void take_and_end(void) { CHECK(operate(1, -3, SEM_UNDO) == 0 && semctl(set, 1, GETVAL) == 4); }

static void remove_later(void) {
  pause_ms(30);
  CHECK(semctl(set, 0, IPC_RMID) == 0);
}

static void catch(int number) { (void)number; }

static void semaphores(void) {
  FAILS(EINVAL, semget(key, 0, IPC_CREAT | 0600));
  set = semget(key, 3, IPC_CREAT | IPC_EXCL | 0600);
  CHECK(set >= 0 && semget(key, 3, 0) == set && semget(key, 0, 0) == set);
  FAILS(EINVAL, semget(key, 4, 0));
  unsigned short values[3] = {0, 7, 9};
  CHECK(semctl(set, 0, SETALL, (union semun){.array = values}) == 0);
  memset(values, 0, sizeof values);
  CHECK(semctl(set, 0, GETALL, (union semun){.array = values}) == 0 && values[1] == 7 && values[2] == 9);
  struct semid_ds state;
  CHECK(semctl(set, 0, IPC_STAT, (union semun){.buf = &state}) == 0 && state.sem_nsems == 3);
  CHECK(state.sem_perm.mode == 0600 && state.sem_otime == 0 && state.sem_ctime > 0);
  FAILS(ERANGE, semctl(set, 0, SETVAL, (union semun){.val = 32768}));
  FAILS(EINVAL, semctl(set, 3, GETVAL));
  FAILS(EFAULT, semctl(set, 0, IPC_SET, (union semun){.buf = (void *)8}));
  FAILS(EFAULT, semctl(set, 0, SETALL, (union semun){.array = (void *)8}));
  FAILS(EFBIG, operate(3, 1, 0));
  FAILS(EAGAIN, operate(0, -1, IPC_NOWAIT));
  FAILS(ERANGE, operate(1, 32767, 0));
  // All or nothing.
  struct sembuf both[] = {{1, -7, 0}, {0, -1, IPC_NOWAIT}};
  FAILS(EAGAIN, semop(set, both, 2));
  CHECK(semctl(set, 1, GETVAL) == 7);
  struct sembuf in_order[] = {{0, 1, 0}, {0, -1, 0}, {0, 0, 0}};
  CHECK(semop(set, in_order, 3) == 0 && semctl(set, 0, GETPID) == getpid());
  pid_t child = start(give_later);
  CHECK(operate(0, -2, 0) == 0);
  CHECK(exited(status_of(child), 0));
  CHECK(exited(run(take_and_end), 0) && semctl(set, 1, GETVAL) == 7);
  struct timespec soon = {0, 20000000};
  struct sembuf take = {0, -1, 0};
  FAILS(EAGAIN, semtimedop(set, &take, 1, &soon));
  struct sigaction action = {.sa_handler = catch, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  ualarm(20000, 0);
  FAILS(EINTR, operate(2, 0, 0));
  CHECK(semctl(set, 2, GETZCNT) == 0);
  child = start(remove_later);
  FAILS(EIDRM, operate(0, -1, 0));
  CHECK(exited(status_of(child), 0));
  FAILS(EINVAL, operate(0, -1, 0));
  FAILS(ENOENT, semget(key, 0, 0));
}

int main(void) {
  key = 0x5ca10000 + getpid();
  memory();
  semaphores();
  return finish();
}
