// Extended attributes: namespaces, flags, sizes, lists, who may, on the root file system and on /tmp.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static int lists(const char *path, const char *name) {
  char names[4096];
  ssize_t size = listxattr(path, names, sizeof names);
  for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) if (strcmp(names + at, name) == 0) return 1;
  return 0;
}

static int has(const char *path, const char *name, const char *value) {
  char found[256] = {0};
  return getxattr(path, name, found, sizeof found) == (ssize_t)strlen(value) && strcmp(found, value) == 0;
}

static void values(void) {
  char buffer[64];
  close(open("file", O_CREAT | O_WRONLY, 0644));
  FAILS(ENODATA, getxattr("file", "user.none", buffer, sizeof buffer));
  CHECK(listxattr("file", NULL, 0) == 0);
  CHECK(setxattr("file", "user.one", "first", 5, 0) == 0 && has("file", "user.one", "first"));
  CHECK(getxattr("file", "user.one", NULL, 0) == 5);
  FAILS(ERANGE, getxattr("file", "user.one", buffer, 4));
  FAILS(EEXIST, setxattr("file", "user.one", "x", 1, XATTR_CREATE));
  FAILS(ENODATA, setxattr("file", "user.two", "x", 1, XATTR_REPLACE));
  CHECK(setxattr("file", "user.two", "second value", 12, XATTR_CREATE) == 0);
  CHECK(setxattr("file", "user.one", "another and longer", 18, XATTR_REPLACE) == 0);
  CHECK(has("file", "user.one", "another and longer") && has("file", "user.two", "second value"));
  CHECK(setxattr("file", "user.empty", "", 0, 0) == 0 && getxattr("file", "user.empty", buffer, 64) == 0);
  CHECK(lists("file", "user.one") && lists("file", "user.two") && lists("file", "user.empty"));
  CHECK(listxattr("file", NULL, 0) == 9 + 9 + 11);
  FAILS(ERANGE, listxattr("file", buffer, 20));
  CHECK(removexattr("file", "user.two") == 0 && !lists("file", "user.two"));
  FAILS(ENODATA, removexattr("file", "user.two"));
  int file = open("file", O_RDONLY);
  CHECK(fsetxattr(file, "user.three", "3", 1, 0) == 0 && fgetxattr(file, "user.three", buffer, 64) == 1);
  CHECK(flistxattr(file, buffer, sizeof buffer) == 9 + 11 + 11 && fremovexattr(file, "user.three") == 0);
  close(file);
  FAILS(EBADF, fgetxattr(99, "user.one", buffer, 64));
  FAILS(ENOENT, getxattr("nothing", "user.one", buffer, 64));
}

static void names(void) {
  char longest[300] = "user.";
  memset(longest + 5, 'n', 294);
  longest[299] = 0;
  FAILS(ERANGE, setxattr("file", longest, "x", 1, 0));
  longest[255] = 0;
  CHECK(setxattr("file", longest, "x", 1, 0) == 0 && has("file", longest, "x") && removexattr("file", longest) == 0);
  FAILS(EOPNOTSUPP, setxattr("file", "plain", "x", 1, 0));
  FAILS(EOPNOTSUPP, setxattr("file", "other.name", "x", 1, 0));
  FAILS(EINVAL, setxattr("file", "user.", "x", 1, 0));
  FAILS(ERANGE, setxattr("file", "", "x", 1, 0));
  FAILS(EINVAL, setxattr("file", "user.flags", "x", 1, 8));
  static char much[70000];
  FAILS(E2BIG, setxattr("file", "user.much", much, sizeof much, 0));
}

static void many(void) {
  char name[32], value[64];
  int count = 0;
  for (; count < 60; count++) {
    snprintf(name, sizeof name, "user.number-%d", count);
    snprintf(value, sizeof value, "the value of %d", count);
    if (setxattr("file", name, value, strlen(value), 0) < 0) break;
  }
  CHECK(count == 60);
  for (int each = 0; each < count; each++) {
    snprintf(name, sizeof name, "user.number-%d", each);
    snprintf(value, sizeof value, "the value of %d", each);
    CHECK(has("file", name, value));
    if (each % 2) CHECK(removexattr("file", name) == 0);
  }
  CHECK(has("file", "user.number-40", "the value of 40") && !lists("file", "user.number-41"));
  CHECK(has("file", "user.one", "another and longer"));
}

static void kinds(void) {
  char value[32];
  CHECK(symlink("file", "link") == 0 && mkdir("directory", 0755) == 0 && mkfifo("fifo", 0600) == 0);
  CHECK(getxattr("link", "user.one", value, 32) == 18);
  FAILS(ENODATA, lgetxattr("link", "user.one", value, 32));
  FAILS(EPERM, lsetxattr("link", "user.one", "x", 1, 0));
  FAILS(EPERM, setxattr("fifo", "user.one", "x", 1, 0));
  CHECK(setxattr("directory", "user.kind", "directory", 9, 0) == 0 && has("directory", "user.kind", "directory"));
  CHECK(setxattr("file", "trusted.secret", "root", 4, 0) == 0 && lists("file", "trusted.secret"));
  CHECK(lsetxattr("link", "trusted.link", "own", 3, 0) == 0 && lgetxattr("link", "trusted.link", value, 32) == 3);
  CHECK(llistxattr("link", value, 32) == 13 && lremovexattr("link", "trusted.link") == 0);
  CHECK(setxattr("file", "security.label", "s", 1, 0) == 0 && has("file", "security.label", "s"));
  unlink("link");
  unlink("fifo");
}

static void as_user(void) {
  char value[32];
  CHECK(chmod("file", 0644) == 0 && setgid(1000) == 0 && setuid(1000) == 0);
  CHECK(getxattr("file", "user.one", value, 32) == 18);
  FAILS(EACCES, setxattr("file", "user.one", "x", 1, 0));
  FAILS(ENODATA, getxattr("file", "trusted.secret", value, 32));
  FAILS(EPERM, setxattr("file", "trusted.secret", "x", 1, 0));
  CHECK(!lists("file", "trusted.secret") && lists("file", "security.label"));
  CHECK(getxattr("file", "security.label", value, 32) == 1);
  FAILS(EPERM, setxattr("file", "security.label", "x", 1, 0));
}

static void suite(const char *place) {
  CHECK(chdir(place) == 0);
  values();
  names();
  many();
  kinds();
  CHECK(exited(run(as_user), 0));
}

int main(void) {
  suite(".");
  if (mkdir("/tmp/attributes", 0755) == 0) suite("/tmp/attributes");
  return finish();
}
