// File systems in memory that a program mounts: what they cover and show again, their options, who may, and
// what holds them; mounts that are read-only, and directories that are mounted at another place as well.
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#define TMPFS_MAGIC 0x01021994

static int exists(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0;
}

static int make(const char *path, const char *text) {
  int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) return -1;
  return fd;
}

/** Whether /proc/self/mounts has a line with this place and type. */
static int listed(const char *place, const char *type) {
  char line[512], found_place[256], found_type[64];
  int found = 0;
  FILE *mounts = fopen("/proc/self/mounts", "r");
  while (mounts && fgets(line, sizeof line, mounts)) {
    if (sscanf(line, "%*s %255s %63s", found_place, found_type) != 2) continue;
    if (strcmp(found_place, place) == 0 && strcmp(found_type, type) == 0) found++;
  }
  if (mounts) fclose(mounts);
  return found;
}

/** Whether /proc/self/mountinfo has a mount of a part of a file system, with these words around its place. */
static int shown(const char *within, const char *place, const char *access) {
  char line[512], found[3][256];
  int matches = 0;
  FILE *mounts = fopen("/proc/self/mountinfo", "r");
  while (mounts && fgets(line, sizeof line, mounts)) {
    if (sscanf(line, "%*s %*s %*s %255s %255s %255s", found[0], found[1], found[2]) != 3) continue;
    const char *wanted[] = {within, place, access};
    int same = 1;
    for (int each = 0; each < 3; each++) same &= strcmp(found[each], wanted[each]) == 0;
    matches += same;
  }
  if (mounts) fclose(mounts);
  return matches;
}

/** In `place` there is a file system with a file "old", a directory "inside" and a pipe "pipe" that cannot be changed. */
static void unchangeable(void) {
  char text[8];
  FAILS(EROFS, open("place/new", O_CREAT | O_WRONLY, 0644));
  FAILS(EROFS, open("place/new", O_CREAT | O_RDONLY, 0644));
  FAILS(EROFS, open("place/old", O_RDWR));
  FAILS(EROFS, open("place/old", O_CREAT | O_WRONLY, 0644));
  FAILS(EROFS, open("place/old", O_RDONLY | O_TRUNC));
  FAILS(EEXIST, open("place/old", O_CREAT | O_EXCL | O_WRONLY, 0644));
  FAILS(EROFS, open("place", O_TMPFILE | O_RDWR, 0600));
  FAILS(EROFS, mkdir("place/new", 0755));
  FAILS(EEXIST, mkdir("place/inside", 0755));
  FAILS(EROFS, symlink("old", "place/new"));
  FAILS(EROFS, mkfifo("place/new", 0644));
  FAILS(EROFS, link("place/old", "place/new"));
  FAILS(EROFS, rename("place/old", "place/new"));
  FAILS(EROFS, unlink("place/old"));
  FAILS(EROFS, rmdir("place/inside"));
  FAILS(EROFS, truncate("place/old", 0));
  FAILS(EROFS, chmod("place/old", 0600));
  FAILS(EROFS, chown("place/old", 1, 1));
  FAILS(EROFS, utimensat(AT_FDCWD, "place/old", NULL, 0));
  FAILS(EROFS, setxattr("place/old", "user.name", "v", 1, 0));
  FAILS(EROFS, access("place/old", W_OK));
  FAILS(ENOENT, access("place/new", W_OK));
  CHECK(access("place/old", R_OK) == 0 && access("place/pipe", W_OK) == 0);
  int fd = open("place/old", O_CREAT | O_RDONLY, 0644);
  CHECK(fd >= 0 && read(fd, text, sizeof text) == 3);
  FAILS(EROFS, fchmod(fd, 0600));
  CHECK(close(fd) == 0);
  struct statvfs usage;
  CHECK(statvfs("place", &usage) == 0 && (usage.f_flag & ST_RDONLY) != 0);
  // What a pipe takes is no part of the file system.
  fd = open("place/pipe", O_RDWR);
  CHECK(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
}

static void readOnly(const char *place) {
  CHECK(mount("none", "place", "tmpfs", MS_RDONLY, NULL) == 0 && shown("/", place, "ro") == 1);
  FAILS(EROFS, mkdir("place/inside", 0755));
  CHECK(mount("none", "place", NULL, MS_REMOUNT, NULL) == 0 && shown("/", place, "rw") == 1);
  CHECK(mkdir("place/inside", 0755) == 0 && mkfifo("place/pipe", 0644) == 0);
  int fd = make("place/old", "old");
  FAILS(EBUSY, mount("none", "place", NULL, MS_REMOUNT | MS_RDONLY, NULL));
  CHECK(close(fd) == 0 && mount("none", "place", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
  unchangeable();
  CHECK(umount("place") == 0);
}

static void atAnotherPlace(const char *here, const char *place) {
  char other[300], now[300];
  snprintf(other, sizeof other, "%s%sother", here, strcmp(here, "/") == 0 ? "" : "/");
  CHECK(mkdir("other", 0755) == 0 && mount("none", "place", "tmpfs", 0, NULL) == 0);
  CHECK(mkdir("place/part", 0755) == 0 && mkdir("place/part/deep", 0755) == 0);
  close(make("place/part/file", "first"));
  close(make("place/beside", "b"));
  FAILS(ENOENT, mount("place/missing", "other", NULL, MS_BIND, NULL));
  FAILS(ENOTDIR, mount("place/beside", "other", NULL, MS_BIND, NULL));
  CHECK(mount("place/part", "other", NULL, MS_BIND, NULL) == 0);
  CHECK(shown("/part", other, "rw") == 1 && exists("other/deep") && !exists("other/beside"));
  struct stat one, two;
  CHECK(stat("place/part/file", &one) == 0 && stat("other/file", &two) == 0);
  CHECK(one.st_ino == two.st_ino && one.st_dev == two.st_dev);

  // "..", from there, leads to what it is mounted in.
  CHECK(chdir("other/deep") == 0 && exists("../file") && !exists("../../beside"));
  CHECK(getcwd(now, sizeof now) != NULL && strncmp(now, other, strlen(other)) == 0);
  CHECK(strcmp(now + strlen(other), "/deep") == 0 && chdir("../..") == 0);
  CHECK(getcwd(now, sizeof now) != NULL && strcmp(now, here) == 0);

  // One file, whichever way it is come by.
  int fd = open("other/file", O_RDWR), again = open("place/part/file", O_RDWR);
  char *left = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *right = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0);
  left[0] = 'F';
  CHECK(right[0] == 'F' && memcmp(right, "First", 5) == 0);
  CHECK(munmap(left, 4096) == 0 && munmap(right, 4096) == 0 && close(fd) == 0 && close(again) == 0);
  FAILS(EXDEV, rename("other/file", "place/part/new"));
  FAILS(EXDEV, link("other/file", "place/part/new"));
  CHECK(rename("other/file", "other/new") == 0 && exists("place/part/new"));

  // It may be read-only there alone.
  CHECK(mount("none", "other", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
  CHECK(shown("/part", other, "ro") == 1 && shown("/", place, "rw") == 1);
  FAILS(EROFS, unlink("other/new"));
  FAILS(EROFS, mkdir("other/more", 0755));
  CHECK(unlink("place/part/new") == 0 && !exists("other/new"));

  // What was mounted first may go first.
  CHECK(umount("place") == 0 && exists("other/deep") && umount("other") == 0);
  CHECK(!exists("other/deep") && rmdir("other") == 0);
}

/** Whether a file holds a text. */
static int holds(const char *path, const char *text) {
  char found[64] = {0};
  int fd = open(path, O_RDONLY);
  ssize_t size = read(fd, found, sizeof found - 1);
  close(fd);
  return size == (ssize_t)strlen(text) && strcmp(found, text) == 0;
}

static void files(const char *here) {
  char target[300];
  snprintf(target, sizeof target, "%s%starget", here, strcmp(here, "/") == 0 ? "" : "/");
  close(make("source", "source"));
  close(make("target", "target"));
  CHECK(symlink("target", "link") == 0);
  FAILS(ENOTDIR, mount("source", "place", NULL, MS_BIND, NULL));
  FAILS(ENOTDIR, mount("place", "target", NULL, MS_BIND, NULL));
  CHECK(mount("source", "link", NULL, MS_BIND, NULL) == 0 && holds("target", "source") && listed(target, "tmpfs") == 0);
  struct stat one, two;
  CHECK(stat("source", &one) == 0 && stat("target", &two) == 0 && one.st_ino == two.st_ino);
  FAILS(EBUSY, unlink("target"));
  FAILS(EBUSY, rename("target", "elsewhere"));
  FAILS(EBUSY, rename("source", "target"));
  FAILS(EXDEV, link("target", "elsewhere"));
  FAILS(ENOTDIR, open("target/", O_RDONLY));
  FAILS(ENOTDIR, open("target/below", O_RDONLY));
  int fd = open("target", O_CREAT | O_TRUNC | O_WRONLY, 0644);
  CHECK(fd >= 0 && write(fd, "changed", 7) == 7 && close(fd) == 0 && holds("source", "changed"));
  FAILS(EEXIST, open("target", O_CREAT | O_EXCL | O_WRONLY, 0644));
  CHECK(mount("none", "target", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
  FAILS(EROFS, open("target", O_WRONLY));
  CHECK(unlink("source") == 0 && holds("link", "changed"));
  CHECK(umount("target") == 0 && holds("target", "target") && unlink("target") == 0 && unlink("link") == 0);
}

static void together(void) {
  CHECK(mkdir("whole", 0755) == 0 && mkdir("alone", 0755) == 0 && mount("none", "place", "tmpfs", 0, NULL) == 0);
  CHECK(mkdir("place/inner", 0755) == 0 && mount("none", "place/inner", "tmpfs", 0, NULL) == 0);
  close(make("place/inner/lower", "l"));
  CHECK(mount("none", "place/inner", "tmpfs", 0, NULL) == 0);
  close(make("place/inner/upper", "u"));
  CHECK(mount("place", "alone", NULL, MS_BIND, NULL) == 0 && !exists("alone/inner/upper"));
  CHECK(mount("place", "whole", NULL, MS_BIND | MS_REC, NULL) == 0 && exists("whole/inner/upper"));
  // Each has what is mounted there, and no other has it.
  CHECK(mount("none", "alone/inner", "tmpfs", 0, NULL) == 0);
  close(make("alone/inner/own", "o"));
  CHECK(exists("alone/inner/own") && exists("place/inner/upper") && exists("whole/inner/upper"));
  FAILS(EBUSY, rmdir("place/inner"));
  CHECK(umount("place/inner") == 0 && exists("place/inner/lower") && umount("place/inner") == 0);
  CHECK(!exists("place/inner/lower") && exists("alone/inner/own") && exists("whole/inner/upper"));
  CHECK(umount("whole/inner") == 0 && exists("whole/inner/lower"));
  FAILS(EBUSY, umount("whole"));
  CHECK(umount2("whole", MNT_DETACH) == 0 && umount("place") == 0);
  CHECK(exists("alone/inner/own") && umount("alone/inner") == 0 && !exists("alone/inner/own"));
  CHECK(rmdir("alone/inner") == 0 && umount("alone") == 0);
  CHECK(rmdir("alone") == 0 && rmdir("whole") == 0);
}

static void moved(const char *here) {
  char from[300], to[300], now[400], inner[320];
  snprintf(from, sizeof from, "%s%splace", here, strcmp(here, "/") == 0 ? "" : "/");
  snprintf(to, sizeof to, "%s%selsewhere", here, strcmp(here, "/") == 0 ? "" : "/");
  snprintf(inner, sizeof inner, "%s/inner", to);
  CHECK(mkdir("elsewhere", 0755) == 0);
  FAILS(EINVAL, mount("elsewhere", "place", NULL, MS_MOVE, NULL));
  CHECK(mount("none", "place", "tmpfs", 0, NULL) == 0 && mkdir("place/inner", 0755) == 0);
  CHECK(mount("none", "place/inner", "tmpfs", 0, NULL) == 0 && mkdir("place/inner/deep", 0755) == 0);
  FAILS(ELOOP, mount("place", "place/inner", NULL, MS_MOVE, NULL));
  FAILS(EINVAL, mount("place", "file", NULL, MS_MOVE, NULL));
  CHECK(chdir("place/inner/deep") == 0 && mount(from, to, NULL, MS_MOVE, NULL) == 0);
  CHECK(getcwd(now, sizeof now) != NULL && strncmp(now, inner, strlen(inner)) == 0);
  CHECK(chdir("../../..") == 0 && exists("elsewhere/inner/deep") && exists("place/below"));
  CHECK(listed(from, "tmpfs") == 0 && listed(to, "tmpfs") == 1 && listed(inner, "tmpfs") == 1);
  CHECK(mount("none", "elsewhere", NULL, MS_UNBINDABLE, NULL) == 0);
  FAILS(EINVAL, mount("elsewhere", "place", NULL, MS_BIND, NULL));
  CHECK(umount("elsewhere/inner") == 0 && umount("elsewhere") == 0 && rmdir("elsewhere") == 0);
}

static void unprivileged(void) {
  CHECK(setuid(1000) == 0);
  FAILS(EPERM, mount("none", "place", "tmpfs", 0, NULL));
  FAILS(EPERM, umount("place"));
}

int main(void) {
  char here[256], place[300], inner[320];
  CHECK(getcwd(here, sizeof here) != NULL);
  snprintf(place, sizeof place, "%s%splace", here, strcmp(here, "/") == 0 ? "" : "/");
  snprintf(inner, sizeof inner, "%s/inner", place);
  CHECK(mkdir("place", 0755) == 0);
  close(make("place/below", "b"));
  close(make("file", "f"));
  CHECK(exited(run(unprivileged), 0));

  FAILS(ENODEV, mount("none", "place", "nonsense", 0, NULL));
  FAILS(ENOENT, mount("none", "missing", "tmpfs", 0, NULL));
  FAILS(ENOTDIR, mount("none", "file", "tmpfs", 0, NULL));
  FAILS(EINVAL, mount("none", "place", "tmpfs", 0, "size=much"));
  FAILS(EINVAL, mount("none", "place", "tmpfs", 0, "colour=red"));
  FAILS(EINVAL, umount("place"));
  FAILS(ENOENT, umount("missing"));
  FAILS(EINVAL, mount("none", "place", NULL, MS_REMOUNT, NULL));
  CHECK(exists("place/below") && listed(place, "tmpfs") == 0);

  const unsigned long usual = MS_NOSUID | MS_NODEV | MS_RELATIME;
  CHECK(mount("none", "place", "tmpfs", usual, "size=64k,mode=0710,uid=5,gid=6") == 0);
  CHECK(!exists("place/below") && listed(place, "tmpfs") == 1);
  struct stat outer, status;
  CHECK(stat(".", &outer) == 0 && stat("place", &status) == 0);
  CHECK(status.st_dev != outer.st_dev && (status.st_mode & 07777) == 0710);
  CHECK(status.st_uid == 5 && status.st_gid == 6);
  struct statfs usage;
  CHECK(statfs("place", &usage) == 0 && usage.f_type == TMPFS_MAGIC);
  CHECK(usage.f_blocks * usage.f_bsize == 65536 && usage.f_bfree == usage.f_blocks);
  CHECK(mount("none", "place", NULL, MS_REMOUNT, NULL) == 0);
  CHECK(mount("none", "place", NULL, MS_PRIVATE | MS_REC, NULL) == 0);
  CHECK(mount("none", "place", NULL, MS_SLAVE, NULL) == 0);
  FAILS(EINVAL, mount("none", "place", NULL, MS_SLAVE | MS_PRIVATE, NULL));
  FAILS(EINVAL, mount("none", ".", NULL, MS_PRIVATE, NULL));

  // It is full, and has room again.
  static char block[80000];
  int fd = make("place/full", "");
  CHECK(write(fd, block, sizeof block) == 65536);
  FAILS(ENOSPC, write(fd, block, 1));
  CHECK(ftruncate(fd, 0) == 0 && pwrite(fd, block, 100, 0) == 100);

  // Whatever uses it holds it.
  FAILS(EBUSY, umount("place"));
  CHECK(close(fd) == 0);
  CHECK(chdir("place") == 0);
  FAILS(EBUSY, umount(place));
  char now[300];
  CHECK(getcwd(now, sizeof now) != NULL && strcmp(now, place) == 0);
  CHECK(chdir("..") == 0 && exists("place/full"));
  fd = open("place/full", O_RDWR);
  char *shown = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(shown != MAP_FAILED && close(fd) == 0);
  FAILS(EBUSY, umount("place"));
  CHECK(munmap(shown, 4096) == 0);

  // One on another, and one below.
  CHECK(mkdir("place/inner", 0755) == 0 && mount("none", "place/inner", "tmpfs", 0, "") == 0);
  FAILS(EBUSY, umount("place"));
  CHECK(mount("none", "place/inner", "tmpfs", 0, NULL) == 0 && listed(inner, "tmpfs") == 2);
  close(make("place/inner/top", "t"));
  FAILS(EXDEV, rename("place/inner/top", "place/top"));
  FAILS(EXDEV, link("place/full", "place/inner/full"));
  FAILS(EBUSY, rmdir("place/inner"));
  CHECK(umount("place/inner") == 0 && !exists("place/inner/top") && umount("place/inner") == 0);
  FAILS(EINVAL, umount("place/inner"));

  // Detached, it is gone from the tree, and there for who has it.
  fd = open("place/full", O_RDONLY);
  CHECK(umount2("place", MNT_DETACH) == 0 && exists("place/below") && listed(place, "tmpfs") == 0);
  CHECK(read(fd, block, 200) == 100 && close(fd) == 0);

  // Another place of /proc; and what has gone leaves nothing behind.
  CHECK(mount("proc", "place", "proc", MS_NOSUID | MS_NOEXEC, NULL) == 0);
  CHECK(exists("place/self/status") && umount("place") == 0);
  FAILS(EBUSY, umount("/"));
  CHECK(mount("none", "place", "tmpfs", 0, "size=50%") == 0 && !exists("place/full"));
  CHECK(symlink("place", "way") == 0);
  FAILS(EINVAL, umount2("way", 8));
  CHECK(umount("way") == 0 && unlink("way") == 0);
  readOnly(place);
  atAnotherPlace(here, place);
  files(here);
  together();
  moved(here);
  CHECK(unlink("place/below") == 0 && rmdir("place") == 0 && unlink("file") == 0);
  return finish();
}
