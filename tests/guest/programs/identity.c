// Users and permissions: what root gives up, what others may not do, sticky directories, set-user-id files.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>

enum { USER = 1000, OTHER = 1001, GROUP = 2000 };

static char *self;

static void become(int user, int group) {
  CHECK(setgroups(0, NULL) == 0 && setresgid(group, group, group) == 0 && setresuid(user, user, user) == 0);
}

static void be_somebody(void) {
  become(USER, USER);
  FAILS(EPERM, setuid(0));
  FAILS(EPERM, setresuid(-1, OTHER, -1));
  FAILS(EPERM, setgroups(0, NULL));
  FAILS(EACCES, open("secret", O_RDONLY));
  FAILS(EACCES, open("closed/inside", O_RDONLY));
  FAILS(EACCES, open("new", O_WRONLY | O_CREAT, 0644));
  FAILS(EPERM, chown("public", USER, USER));
  FAILS(EPERM, chmod("public", 0777));
  FAILS(EACCES, truncate("public", 0));
  FAILS(EPERM, kill(getppid(), SIGTERM));
  FAILS(EACCES, unlink("public"));
  FAILS(EACCES, execl("public", "public", (char *)NULL));
  int file = open("public", O_RDONLY);
  CHECK(file >= 0);
  struct stat status;
  CHECK(fstat(file, &status) == 0 && status.st_uid == 0);
  // In a sticky directory only one's own files go away.
  FAILS(EPERM, unlink("sticky/roots"));
  FAILS(EPERM, rename("sticky/roots", "sticky/mine"));
  file = open("sticky/mine", O_RDWR | O_CREAT, 0600);
  CHECK(file >= 0 && fstat(file, &status) == 0 && status.st_uid == USER && status.st_gid == GROUP);
  CHECK(chmod("sticky/mine", 0640) == 0 && unlink("sticky/mine") == 0);
  CHECK(mkdir("sticky/below", 0755) == 0 && stat("sticky/below", &status) == 0);
  CHECK(status.st_gid == GROUP && (status.st_mode & S_ISGID) != 0 && rmdir("sticky/below") == 0);
}

static void be_in_group(void) {
  gid_t groups[] = {GROUP, 5, 6}, have[8];
  CHECK(setgroups(3, groups) == 0 && getgroups(8, have) == 3);
  CHECK(setresgid(OTHER, OTHER, OTHER) == 0 && setresuid(OTHER, OTHER, OTHER) == 0);
  CHECK(open("for-group", O_RDONLY) >= 0);
  FAILS(EACCES, open("for-group", O_WRONLY));
  FAILS(EINVAL, getgroups(1, have));
}

static void give_up_and_take_back(void) {
  uid_t real, effective, saved;
  CHECK(seteuid(USER) == 0 && getresuid(&real, &effective, &saved) == 0);
  CHECK(real == 0 && effective == USER && saved == 0);
  FAILS(EACCES, open("secret", O_RDONLY));
  CHECK(access("secret", R_OK) == 0);
  CHECK(faccessat(AT_FDCWD, "secret", R_OK, AT_EACCESS) == -1);
  CHECK(seteuid(0) == 0 && open("secret", O_RDONLY) >= 0);
  CHECK(setfsuid(USER) == 0 && open("secret", O_RDONLY) == -1);
  CHECK(setreuid(USER, -1) == 0 && getuid() == USER && geteuid() == 0);
}

static void run_set_user_id(void) {
  become(OTHER, OTHER);
  execl("raised", "raised", "raised", (char *)NULL);
  _exit(90);
}

static void run_without_privileges(void) {
  // What an option does not use has to be 0.
  FAILS(EINVAL, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1));
  FAILS(EINVAL, prctl(PR_GET_NO_NEW_PRIVS, 0, 1, 0, 0));
  FAILS(EINVAL, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
  FAILS(EINVAL, prctl(PR_SET_THP_DISABLE, 1, 0, ~0ul, 0));
  CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0 && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1);
  CHECK(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) == 0 && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  become(OTHER, OTHER);
  execl("raised", "raised", "raised", (char *)NULL);
  _exit(90);
}

static void copy_self(const char *path) {
  static char bytes[1 << 16];
  int from = open(self, O_RDONLY), to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);
  for (ssize_t count; (count = read(from, bytes, sizeof bytes)) > 0;) CHECK(write(to, bytes, (size_t)count) == count);
  close(from);
  close(to);
}

static void put(const char *path, mode_t mode, int group) {
  close(open(path, O_WRONLY | O_CREAT, 0600));
  CHECK(chown(path, 0, group) == 0 && chmod(path, mode) == 0);
}

int main(int count, char **arguments) {
  (void)count;
  self = arguments[0];
  if (count == 2) return geteuid() == USER && getuid() == OTHER ? 50 : 51;
  CHECK(getuid() == 0);
  put("secret", 0600, 0);
  put("public", 0644, 0);
  put("for-group", 0640, GROUP);
  CHECK(mkdir("closed", 0700) == 0 && mkdir("sticky", 0700) == 0);
  put("closed/inside", 0644, 0);
  put("sticky/roots", 0666, 0);
  CHECK(chown("sticky", 0, GROUP) == 0 && chmod("sticky", 03777) == 0);
  CHECK(exited(run(be_somebody), 0));
  CHECK(exited(run(be_in_group), 0));
  CHECK(exited(run(give_up_and_take_back), 0));

  copy_self("raised");
  CHECK(chown("raised", USER, USER) == 0 && chmod("raised", 04755) == 0);
  CHECK(exited(run(run_set_user_id), 50));
  CHECK(exited(run(run_without_privileges), 51));
  // A change of owner, or a write by somebody else, takes the bit away.
  struct stat status;
  CHECK(chown("raised", OTHER, OTHER) == 0 && stat("raised", &status) == 0 && (status.st_mode & S_ISUID) == 0);
  return finish();
}
