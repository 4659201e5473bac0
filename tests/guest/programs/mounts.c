// File systems in memory that a program mounts: what they cover and show again, their options, who may, and
// what holds them.
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

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
  CHECK(unlink("place/below") == 0 && rmdir("place") == 0 && unlink("file") == 0);
  return finish();
}
