// Files: openat flags, offsets, links and renaming, sparse files, truncation, modes, times, directories.
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

static void put(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text) && close(file) == 0);
}

static void show(const char *path) {
  char text[64];
  int file = open(path, O_RDONLY);
  ssize_t count = file < 0 ? -1 : read(file, text, sizeof text);
  printf("%s: %.*s\n", path, count < 0 ? 1 : (int)count, count < 0 ? "-" : text);
  if (file >= 0) close(file);
}

static void append_records(void) {
  int file = open("log", O_WRONLY | O_APPEND);
  char record[16];
  for (int index = 0; index < 300; index++) {
    snprintf(record, sizeof record, "%06d %05d\n", index, getppid() % 100000);
    CHECK(write(file, record, 13) == 13);
  }
}

static int by_name(const void *one, const void *other) { return strcmp(*(char *const *)one, *(char *const *)other); }

/** Names of a directory, sorted. @returns how many there are */
static int names(DIR *directory, char **into, int most) {
  int count = 0;
  for (struct dirent *entry; count < most && (entry = readdir(directory)) != NULL;) {
    if (entry->d_name[0] != '.') into[count++] = strdup(entry->d_name);
  }
  qsort(into, (size_t)count, sizeof *into, by_name);
  return count;
}

static void opening(void) {
  put("file", "contents");
  FAILS(EEXIST, open("file", O_CREAT | O_EXCL | O_WRONLY, 0644));
  FAILS(ENOENT, open("nothing", O_RDONLY));
  FAILS(ENOTDIR, open("file", O_RDONLY | O_DIRECTORY));
  FAILS(ENOTDIR, open("file/below", O_RDONLY));
  FAILS(EISDIR, open(".", O_WRONLY));
  FAILS(ENAMETOOLONG, open((char[300]){[0 ... 298] = 'n'}, O_RDONLY));
  CHECK(symlink("file", "link") == 0 && symlink("file", "link/x") == -1);
  FAILS(ELOOP, open("link", O_RDONLY | O_NOFOLLOW));
  int path = open("link", O_PATH | O_NOFOLLOW);
  struct stat status;
  CHECK(path >= 0 && fstat(path, &status) == 0 && S_ISLNK(status.st_mode) && status.st_size == 4);
  FAILS(EBADF, read(path, &status, 1));
  close(path);
  char target[16];
  CHECK(readlink("link", target, sizeof target) == 4 && memcmp(target, "file", 4) == 0);
  FAILS(EINVAL, readlink("file", target, sizeof target));
  int file = open("file", O_RDONLY);
  FAILS(EBADF, write(file, "x", 1));
  CHECK(lseek(file, -3, SEEK_END) == 5 && read(file, target, 10) == 3 && read(file, target, 10) == 0);
  FAILS(EINVAL, lseek(file, -1, SEEK_SET));
  CHECK(lseek(file, 100, SEEK_SET) == 100 && read(file, target, 1) == 0);
  close(file);
  int directory = open(".", O_RDONLY | O_DIRECTORY);
  file = openat(directory, "file", O_RDWR);
  CHECK(file >= 0 && pwrite(file, "C", 1, 0) == 1 && pread(file, target, 3, 0) == 3);
  show("link");
  FAILS(EISDIR, read(directory, target, 1));
  close(file);
  close(directory);
}

static void linking(void) {
  struct stat one, other;
  CHECK(link("file", "second") == 0);
  put("second", "through the second name");
  CHECK(stat("file", &one) == 0 && stat("second", &other) == 0 && one.st_ino == other.st_ino);
  printf("links: %d\n", (int)one.st_nlink);
  show("file");
  FAILS(EEXIST, link("file", "second"));
  FAILS(EPERM, link(".", "directory"));
  put("new", "new contents");
  int kept = open("second", O_RDONLY);
  CHECK(rename("new", "second") == 0);
  show("second");
  char text[8];
  CHECK(read(kept, text, 7) == 7 && memcmp(text, "through", 7) == 0 && fstat(kept, &one) == 0);
  printf("links: %d\n", (int)one.st_nlink);
  CHECK(unlink("file") == 0 && fstat(kept, &one) == 0 && one.st_nlink == 0);
  CHECK(pread(kept, text, 7, 0) == 7);
  close(kept);
  CHECK(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0 && mkdir("f", 0755) == 0);
  FAILS(EINVAL, rename("d", "d/e/inside"));
  FAILS(ENOTEMPTY, rename("f", "d"));
  FAILS(EISDIR, rename("second", "f"));
  FAILS(ENOTDIR, rename("f", "second"));
  FAILS(ENOTEMPTY, rmdir("d"));
  CHECK(rename("d/e", "f") == 0);
  CHECK(stat("d", &one) == 0);
  printf("links of a directory: %d\n", (int)one.st_nlink);
  CHECK(renameat2(AT_FDCWD, "d", AT_FDCWD, "second", RENAME_EXCHANGE) == 0);
  CHECK(stat("second", &one) == 0 && S_ISDIR(one.st_mode));
  FAILS(EEXIST, renameat2(AT_FDCWD, "d", AT_FDCWD, "f", RENAME_NOREPLACE));
  CHECK(rmdir("second") == 0 && rmdir("f") == 0 && unlink("d") == 0 && unlink("link") == 0);
}

static void contents(void) {
  int file = open("sparse", O_RDWR | O_CREAT | O_TRUNC, 0600);
  struct stat status;
  char bytes[4];
  CHECK(pwrite(file, "end", 3, 5 << 20) == 3 && fstat(file, &status) == 0);
  printf("sparse: %ld bytes, fewer blocks: %d\n", (long)status.st_size, status.st_blocks < 100);
  CHECK(pread(file, bytes, 3, 1 << 20) == 3 && bytes[0] == 0 && pread(file, bytes, 3, 5 << 20) == 3);
  CHECK(ftruncate(file, 10) == 0 && ftruncate(file, 6 << 20) == 0);
  CHECK(pread(file, bytes, 3, 5 << 20) == 3 && bytes[0] == 0);
  FAILS(EINVAL, ftruncate(file, -1));
  CHECK(lseek(file, 0, SEEK_DATA) >= -1);
  close(file);
  CHECK(truncate("sparse", 3) == 0 && unlink("sparse") == 0);

  close(open("log", O_CREAT | O_WRONLY | O_TRUNC, 0644));
  pid_t one = start(append_records), other = start(append_records);
  CHECK(exited(status_of(one), 0) && exited(status_of(other), 0));
  FILE *log = fopen("log", "r");
  int lines = 0, whole = 0, number, pid;
  for (char line[64]; fgets(line, sizeof line, log) != NULL; lines++) {
    whole += sscanf(line, "%6d %5d", &number, &pid) == 2 && strlen(line) == 13;
  }
  fclose(log);
  printf("log: %d lines, %d whole\n", lines, whole);
  unlink("log");
}

static void directories(void) {
  char *have[300], path[64];
  CHECK(mkdir("many", 0755) == 0);
  for (int index = 0; index < 200; index++) {
    snprintf(path, sizeof path, "many/a-file-of-some-length-%03d", index);
    close(open(path, O_CREAT | O_WRONLY, 0644));
  }
  DIR *directory = opendir("many");
  int count = names(directory, have, 300);
  printf("%d names, from %s to %s\n", count, have[0], have[count - 1]);
  // What goes away while it is read is not there when it is read again.
  for (int index = 0; index < 200; index += 2) {
    snprintf(path, sizeof path, "many/a-file-of-some-length-%03d", index);
    CHECK(unlink(path) == 0);
  }
  put("many/z", "");
  rewinddir(directory);
  count = names(directory, have, 300);
  printf("%d names, from %s to %s\n", count, have[0], have[count - 1]);
  rewinddir(directory);
  while ((count = names(directory, have, 10)) > 0) {
    for (int index = 0; index < count; index++) {
      snprintf(path, sizeof path, "many/%s", have[index]);
      CHECK(unlink(path) == 0);
    }
  }
  closedir(directory);
  CHECK(rmdir("many") == 0);
}

static void modes_and_times(void) {
  struct stat status;
  umask(027);
  close(open("modes", O_CREAT | O_WRONLY, 0666));
  CHECK(stat("modes", &status) == 0);
  printf("mode %o", status.st_mode);
  CHECK(chmod("modes", 04751) == 0 && stat("modes", &status) == 0);
  printf(", then %o\n", status.st_mode);
  struct timespec times[2] = {{1000000000, 123456789}, {2000000000, 987654321}};
  CHECK(utimensat(AT_FDCWD, "modes", times, 0) == 0 && stat("modes", &status) == 0);
  printf("%ld.%09ld %ld.%09ld\n", (long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
         (long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_nsec = UTIME_NOW;
  CHECK(utimensat(AT_FDCWD, "modes", times, 0) == 0 && stat("modes", &status) == 0);
  CHECK(status.st_atim.tv_sec == 1000000000 && labs((long)(time(NULL) - status.st_mtim.tv_sec)) < 60);
  times[0].tv_nsec = 1000000000;
  FAILS(EINVAL, utimensat(AT_FDCWD, "modes", times, 0));
  CHECK(access("modes", R_OK) == 0 && access("nothing", F_OK) == -1 && errno == ENOENT);
  CHECK(mkfifo("fifo", 0600) == 0 && stat("fifo", &status) == 0 && S_ISFIFO(status.st_mode));
  struct statvfs system;
  CHECK(statvfs(".", &system) == 0 && system.f_bsize >= 1024 && system.f_bfree <= system.f_blocks);
  CHECK(unlink("modes") == 0 && unlink("fifo") == 0);
}

int main(void) {
  opening();
  linking();
  contents();
  directories();
  modes_and_times();
  return finish();
}
