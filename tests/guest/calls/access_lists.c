// Access control lists: who may, what the mode tells, what directories hand on, on the root file system and on
// /tmp.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
enum { OWNER = 1, USER = 2, GROUP_OWNER = 4, GROUP = 8, MASK = 16, OTHER = 32, NOBODY = -1 };

struct entry {
  uint16_t tag, permissions;
  uint32_t id;
};

struct list {
  uint32_t version;
  struct entry entries[10];
};

static struct list list;
static int count;

static void begin(void) { list.version = 2, count = 0; }
static void add(int tag, int permissions, int id) {
  list.entries[count++] = (struct entry){(uint16_t)tag, (uint16_t)permissions, (uint32_t)id};
}
static size_t size(void) { return 4 + (size_t)count * sizeof(struct entry); }
static int set(const char *path, const char *name) { return setxattr(path, name, &list, size(), 0); }

/** Owner rw, user 5 `user`, owning group r, group 7 `group`, the mask, others nothing. */
static void usual(int user, int group, int mask) {
  begin();
  add(OWNER, 6, NOBODY), add(USER, user, 5), add(GROUP_OWNER, 4, NOBODY), add(GROUP, group, 7);
  add(MASK, mask, NOBODY), add(OTHER, 0, NOBODY);
}

static int is(const char *path, const char *name) {
  struct list found;
  return getxattr(path, name, &found, sizeof found) == (ssize_t)size() && memcmp(&found, &list, size()) == 0;
}

static int mode(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 ? (int)(about.st_mode & 07777) : -1;
}

static void make(const char *path, int how) {
  unlink(path);
  int file = open(path, O_CREAT | O_WRONLY | O_EXCL, 0600);
  CHECK(file >= 0 && fchmod(file, (mode_t)how) == 0 && close(file) == 0);
}

static const char *asked;
static int wanted, as_user, as_group, as_other;

static void look(void) {
  gid_t more = (gid_t)as_other;
  CHECK(setgroups(as_other >= 0 ? 1 : 0, &more) == 0 && setresgid(as_group, as_group, as_group) == 0);
  CHECK(setresuid(as_user, as_user, as_user) == 0);
  failures = access(asked, wanted) != 0;
  // Opening says the same.
  int file = open(asked, wanted == R_OK ? O_RDONLY : wanted == W_OK ? O_WRONLY : O_RDWR);
  if (wanted != X_OK && (file >= 0) == failures) failures = 9;
}

/** Whether a user with a group, and one more, may do something with a file. */
static int may(const char *path, int what, int user, int group, int more) {
  asked = path, wanted = what, as_user = user, as_group = group, as_other = more;
  int status = run(look);
  return exited(status, 0) ? 1 : exited(status, 1) ? 0 : -1;
}

static void users(void) {
  make("file", 0640);
  char buffer[4];
  FAILS(ENODATA, getxattr("file", ACCESS, buffer, sizeof buffer));
  CHECK(may("file", R_OK, 5, 9, -1) == 0);
  usual(6, 2, 6);
  CHECK(set("file", ACCESS) == 0 && is("file", ACCESS) && mode("file") == 0660);
  CHECK(may("file", R_OK, 5, 9, -1) == 1 && may("file", W_OK, 5, 9, -1) == 1 && may("file", R_OK, 6, 9, -1) == 0);
  CHECK(may("file", R_OK, 6, 0, -1) == 1 && may("file", W_OK, 6, 0, -1) == 0);
  CHECK(may("file", W_OK, 6, 7, -1) == 1 && may("file", R_OK, 6, 7, -1) == 0);
  CHECK(may("file", R_OK, 6, 0, 7) == 1 && may("file", W_OK, 6, 0, 7) == 1 && may("file", R_OK | W_OK, 6, 0, 7) == 0);
  // What the mask takes away nobody has who is in the group's class.
  usual(6, 2, 4);
  CHECK(set("file", ACCESS) == 0 && mode("file") == 0640);
  CHECK(may("file", R_OK, 5, 9, -1) == 1 && may("file", W_OK, 5, 9, -1) == 0 && may("file", W_OK, 6, 7, -1) == 0);
  CHECK(may("file", X_OK, 0, 0, -1) == 0);
  usual(1, 0, 1);
  CHECK(set("file", ACCESS) == 0 && may("file", X_OK, 0, 0, -1) == 1 && may("file", X_OK, 5, 9, -1) == 1);
}

static void modes(void) {
  make("file", 0600);
  usual(6, 6, 6);
  CHECK(set("file", ACCESS) == 0 && chmod("file", 0751) == 0 && mode("file") == 0751);
  usual(6, 6, 5);
  list.entries[0].permissions = 7, list.entries[5].permissions = 1;
  CHECK(is("file", ACCESS));
  CHECK(chmod("file", 0600) == 0 && may("file", R_OK, 5, 9, -1) == 0 && may("file", R_OK, 6, 7, -1) == 0);
  CHECK(chmod("file", 0660) == 0 && may("file", W_OK, 5, 9, -1) == 1);
  // One that names nobody is the mode, and nothing else.
  begin(), add(OWNER, 6, NOBODY), add(GROUP_OWNER, 4, NOBODY), add(OTHER, 4, NOBODY);
  char buffer[64];
  CHECK(set("file", ACCESS) == 0 && mode("file") == 0644);
  FAILS(ENODATA, getxattr("file", ACCESS, buffer, sizeof buffer));
  CHECK(listxattr("file", buffer, sizeof buffer) == 0);
  usual(6, 6, 6);
  CHECK(set("file", ACCESS) == 0 && listxattr("file", buffer, sizeof buffer) == sizeof ACCESS);
  CHECK(removexattr("file", ACCESS) == 0 && mode("file") == 0660 && removexattr("file", ACCESS) == 0);
  FAILS(ENODATA, getxattr("file", ACCESS, buffer, sizeof buffer));
  CHECK(set("file", ACCESS) == 0 && getxattr("file", ACCESS, NULL, 0) == (ssize_t)size());
  FAILS(ERANGE, getxattr("file", ACCESS, buffer, 8));
  CHECK(setxattr("file", "user.beside", "value", 5, 0) == 0 && is("file", ACCESS));
  CHECK(chown("file", 3, 3) == 0 && is("file", ACCESS) && may("file", W_OK, 3, 9, -1) == 1);
}

static void strangers(void) {
  CHECK(setresgid(9, 9, 9) == 0 && setgroups(0, NULL) == 0 && setresuid(5, 5, 5) == 0);
  usual(7, 7, 7);
  FAILS(EPERM, set("file", ACCESS));
  FAILS(EPERM, removexattr("file", ACCESS));
  struct list found;
  CHECK(getxattr("file", ACCESS, &found, sizeof found) > 0);
}

static void owner_of_another_group(void) {
  CHECK(setresgid(9, 9, 9) == 0 && setgroups(0, NULL) == 0 && setresuid(3, 3, 3) == 0);
  usual(7, 7, 7);
  CHECK(set("file", ACCESS) == 0 && mode("file") == 0670);
}

static void mistakes(void) {
  make("file", 0600);
  usual(6, 6, 6);
  CHECK(set("file", ACCESS) == 0);
  CHECK(exited(run(strangers), 0));
  CHECK(chown("file", 3, 4) == 0 && chmod("file", 02660) == 0);
  CHECK(exited(run(owner_of_another_group), 0));
  list.version = 1;
  FAILS(EOPNOTSUPP, set("file", ACCESS));
  list.version = 2;
  FAILS(EINVAL, setxattr("file", ACCESS, &list, size() - 4, 0));
  FAILS(EINVAL, setxattr("file", ACCESS, &list, size() - 8, 0));
  FAILS(EINVAL, setxattr("file", ACCESS, &list, 3, 0));
  struct entry swapped = list.entries[1];
  list.entries[1] = list.entries[2], list.entries[2] = swapped;
  FAILS(EINVAL, set("file", ACCESS));
  usual(8, 6, 6);
  FAILS(EINVAL, set("file", ACCESS));
  begin(), add(OWNER, 6, NOBODY), add(USER, 6, 5), add(GROUP_OWNER, 4, NOBODY), add(OTHER, 0, NOBODY);
  FAILS(EINVAL, set("file", ACCESS));
  usual(6, 6, 6);
  FAILS(EACCES, set("file", DEFAULT));
  FAILS(EOPNOTSUPP, setxattr("file", "system.posix_acl_other", &list, size(), 0));
  FAILS(EOPNOTSUPP, setxattr("/proc/self/status", ACCESS, &list, size(), 0));
  CHECK(symlink("file", "link") == 0);
  FAILS(EOPNOTSUPP, lsetxattr("link", ACCESS, &list, size(), 0));
  CHECK(set("link", ACCESS) == 0 && is("file", ACCESS) && unlink("link") == 0);
}

static void inheritance(void) {
  CHECK(mkdir("folder", 0755) == 0);
  usual(7, 5, 7);
  list.entries[0].permissions = 7, list.entries[2].permissions = 5, list.entries[5].permissions = 5;
  CHECK(set("folder", DEFAULT) == 0 && is("folder", DEFAULT) && mode("folder") == 0755);
  char buffer[64];
  FAILS(ENODATA, getxattr("folder", ACCESS, buffer, sizeof buffer));
  umask(077);
  int file = open("folder/file", O_CREAT | O_WRONLY, 0664);
  CHECK(file >= 0 && close(file) == 0 && mode("folder/file") == 0664);
  CHECK(mkdir("folder/below", 0777) == 0 && mode("folder/below") == 0775 && is("folder/below", DEFAULT));
  CHECK(is("folder/below", ACCESS) && mkfifo("folder/fifo", 0666) == 0 && mode("folder/fifo") == 0664);
  CHECK(mkdir("folder/below/deep", 0700) == 0 && is("folder/below/deep", DEFAULT));
  CHECK(mode("folder/below/deep") == 0700 && symlink("x", "folder/link") == 0);
  CHECK(llistxattr("folder/link", NULL, 0) == 0);
  int unnamed = open("folder", O_TMPFILE | O_RDWR, 0640);
  struct stat about;
  CHECK(unnamed >= 0 && fstat(unnamed, &about) == 0 && (about.st_mode & 07777) == 0640);
  CHECK(fgetxattr(unnamed, ACCESS, NULL, 0) == (ssize_t)size() && fgetxattr(unnamed, DEFAULT, NULL, 0) == -1);
  close(unnamed);
  list.entries[0].permissions = 6, list.entries[4].permissions = 6, list.entries[5].permissions = 4;
  CHECK(is("folder/file", ACCESS));
  CHECK(may("folder/file", W_OK, 5, 9, -1) == 1 && may("folder/below", X_OK, 5, 9, -1) == 1);
  CHECK(removexattr("folder", DEFAULT) == 0);
  file = open("folder/plain", O_CREAT | O_WRONLY, 0666);
  CHECK(file >= 0 && close(file) == 0 && mode("folder/plain") == 0600);
  umask(022);
  CHECK(link("folder/file", "folder/again") == 0 && is("folder/again", ACCESS));
  const char *files[] = {"folder/file", "folder/again", "folder/fifo", "folder/link", "folder/plain"};
  for (int each = 0; each < 5; each++) CHECK(unlink(files[each]) == 0);
  CHECK(rmdir("folder/below/deep") == 0 && rmdir("folder/below") == 0 && rmdir("folder") == 0);
}

/** A folder that a list opens is passed through. */
static void paths(void) {
  CHECK(mkdir("closed", 0700) == 0);
  make("closed/file", 0644);
  CHECK(may("closed/file", R_OK, 5, 9, -1) == 0);
  usual(1, 0, 1);
  list.entries[0].permissions = 7;
  CHECK(set("closed", ACCESS) == 0 && may("closed/file", R_OK, 5, 9, -1) == 1 && may("closed/file", R_OK, 6, 9, -1) == 0);
  CHECK(removexattr("closed", ACCESS) == 0 && chmod("closed", 0700) == 0 && may("closed/file", R_OK, 5, 9, -1) == 0);
  CHECK(unlink("closed/file") == 0 && rmdir("closed") == 0);
}

static void all(const char *where) {
  CHECK(chdir(where) == 0 && mkdir("lists", 0755) == 0 && chdir("lists") == 0);
  users();
  modes();
  mistakes();
  inheritance();
  paths();
  CHECK(unlink("file") == 0 && chdir("..") == 0 && rmdir("lists") == 0);
}

int main(void) {
  char here[4096];
  CHECK(getcwd(here, sizeof here) != NULL);
  umask(022);
  all(here);
  all("/tmp");
  return finish();
}
