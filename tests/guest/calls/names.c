// Calls about files: O_TMPFILE and linkat, renameat2, fallocate, statx, utimensat, close_range, advice, and locks
// beside each other.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void put(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
  close(file);
}

static int holds(const char *path, const char *text) {
  char found[64] = {0};
  int file = open(path, O_RDONLY);
  ssize_t count = read(file, found, sizeof found - 1);
  close(file);
  return count == (ssize_t)strlen(text) && strcmp(found, text) == 0;
}

static void unnamed(void) {
  struct stat status;
  char path[32];
  int place = open(".", O_PATH | O_CREAT | O_TRUNC | O_DIRECTORY, 0600);
  CHECK(place >= 0 && (fcntl(place, F_GETFL) & O_ACCMODE) == 0);
  close(place);
  FAILS(EINVAL, open(".", O_TMPFILE | O_RDONLY, 0600));
  FAILS(ENOENT, open("nowhere", O_TMPFILE | O_RDWR, 0600));
  int file = open(".", O_TMPFILE | O_RDWR, 0640);
  CHECK(file >= 0 && fstat(file, &status) == 0 && status.st_nlink == 0 && (status.st_mode & 0777) == 0640);
  CHECK(write(file, "unnamed", 7) == 7);
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
  CHECK(fstat(file, &status) == 0 && status.st_nlink == 1 && holds("named", "unnamed"));
  close(file);
  CHECK(holds("named", "unnamed") && unlink("named") == 0);
  file = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
  close(file);
  // A file that has lost its last name gets none again.
  put("lost", "x");
  file = open("lost", O_RDONLY);
  unlink("lost");
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  FAILS(ENOENT, linkat(AT_FDCWD, path, AT_FDCWD, "found", AT_SYMLINK_FOLLOW));
  close(file);
}

static void renaming(void) {
  put("a", "one");
  put("b", "two");
  FAILS(EEXIST, renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE));
  CHECK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE) == 0);
  CHECK(holds("a", "two") && holds("b", "one"));
  CHECK(mkdir("d", 0700) == 0 && renameat2(AT_FDCWD, "a", AT_FDCWD, "d", RENAME_EXCHANGE) == 0);
  CHECK(holds("d", "two") && rmdir("a") == 0);
  CHECK(renameat2(AT_FDCWD, "d", AT_FDCWD, "c", RENAME_NOREPLACE) == 0 && holds("c", "two"));
  FAILS(ENOENT, renameat2(AT_FDCWD, "c", AT_FDCWD, "none", RENAME_EXCHANGE));
  FAILS(EINVAL, renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE | RENAME_NOREPLACE));
  FAILS(EINVAL, renameat2(AT_FDCWD, "c", AT_FDCWD, "b", 64));
  CHECK(unlink("b") == 0 && unlink("c") == 0);
}

static void allocating(void) {
  struct stat status;
  char text[4096];
  int file = open("blocks", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 65536) == 0 && fstat(file, &status) == 0);
  CHECK(status.st_size == 0 && status.st_blocks >= 128);
  CHECK(fallocate(file, 0, 0, 16384) == 0 && fstat(file, &status) == 0 && status.st_size == 16384);
  memset(text, 'f', sizeof text);
  for (int page = 0; page < 4; page++) CHECK(pwrite(file, text, 4096, page * 4096) == 4096);
  CHECK(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096) == 0);
  CHECK(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 12000, 200) == 0);
  CHECK(pread(file, text, 4096, 4096) == 4096 && text[0] == 0 && text[4095] == 0);
  CHECK(pread(file, text, 4096, 8192) == 4096 && text[0] == 'f' && text[12000 - 8192] == 0 && text[12200 - 8192] == 'f');
  CHECK(lseek(file, 0, SEEK_HOLE) == 4096 && lseek(file, 4096, SEEK_DATA) == 8192);
  CHECK(fallocate(file, FALLOC_FL_ZERO_RANGE, 8192, 12288) == 0 && fstat(file, &status) == 0);
  CHECK(status.st_size == 20480 && pread(file, text, 4096, 8192) == 4096 && text[1] == 0);
  FAILS(EOPNOTSUPP, fallocate(file, FALLOC_FL_PUNCH_HOLE, 0, 4096));
  FAILS(EINVAL, fallocate(file, 0, 0, 0));
  FAILS(EINVAL, fallocate(file, 0, -1, 10));
  close(file);
  file = open("blocks", O_RDONLY);
  FAILS(EBADF, fallocate(file, 0, 0, 10));
  close(file);
  int ends[2];
  CHECK(pipe(ends) == 0);
  FAILS(ESPIPE, fallocate(ends[1], 0, 0, 10));
  FAILS(ESPIPE, posix_fadvise(ends[0], 0, 0, POSIX_FADV_NORMAL) == ESPIPE ? (errno = ESPIPE, -1) : 0);
  close(ends[0]);
  close(ends[1]);
  file = open("blocks", O_RDWR);
  CHECK(posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0 && posix_fadvise(file, 0, 0, 77) == EINVAL);
  CHECK(sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER) == 0);
  FAILS(EINVAL, sync_file_range(file, 0, 0, 64));
  CHECK(syncfs(file) == 0);
  close(file);
  unlink("blocks");
}

static void looking(void) {
  struct statx found;
  put("file", "12345");
  CHECK(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS | STATX_BTIME, &found) == 0);
  CHECK((found.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS && found.stx_size == 5 && found.stx_nlink == 1);
  FAILS(EINVAL, statx(AT_FDCWD, "file", 0, 0x80000000, &found));
  FAILS(EINVAL, statx(AT_FDCWD, "file", 0x10, STATX_SIZE, &found));
  FAILS(EINVAL, statx(AT_FDCWD, "file", AT_STATX_SYNC_TYPE, STATX_SIZE, &found));
  CHECK(symlink("file", "link") == 0 && statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &found) == 0);
  CHECK(S_ISLNK(found.stx_mode));
  int file = open("file", O_RDONLY);
  CHECK(statx(file, "", AT_EMPTY_PATH, STATX_SIZE, &found) == 0 && found.stx_size == 5);
  close(file);
}

static void times(void) {
  struct stat before, after;
  struct timespec set[2] = {{1000000, 5}, {2000000, 999999999}};
  CHECK(utimensat(AT_FDCWD, "file", set, 0) == 0 && stat("file", &before) == 0);
  CHECK(before.st_atim.tv_sec == 1000000 && before.st_atim.tv_nsec == 5 && before.st_mtim.tv_nsec == 999999999);
  set[0].tv_nsec = UTIME_OMIT;
  set[1].tv_nsec = UTIME_NOW;
  CHECK(utimensat(AT_FDCWD, "file", set, 0) == 0 && stat("file", &after) == 0);
  CHECK(after.st_atim.tv_sec == 1000000 && after.st_mtim.tv_sec > 1600000000);
  set[1].tv_nsec = UTIME_OMIT;
  CHECK(utimensat(AT_FDCWD, "file", set, 0) == 0 && stat("file", &before) == 0);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  set[1].tv_nsec = 1000000000;
  FAILS(EINVAL, utimensat(AT_FDCWD, "file", set, 0));
  FAILS(EINVAL, utimensat(AT_FDCWD, "file", NULL, 0x10));
  FAILS(ENOENT, utimensat(AT_FDCWD, "none", NULL, 0));
  set[0] = set[1] = (struct timespec){3000000, 0};
  CHECK(utimensat(AT_FDCWD, "link", set, AT_SYMLINK_NOFOLLOW) == 0 && lstat("link", &after) == 0);
  CHECK(after.st_mtim.tv_sec == 3000000 && stat("file", &after) == 0 && after.st_mtim.tv_sec != 3000000);
  int file = open("file", O_RDONLY);
  CHECK(futimens(file, set) == 0 && fstat(file, &after) == 0 && after.st_mtim.tv_sec == 3000000);
  close(file);
  CHECK(unlink("link") == 0 && unlink("file") == 0);
}

static void closing(void) {
  int first = dup(0), second = dup(0), third = dup(0);
  CHECK(syscall(SYS_close_range, second, second, 0) == 0);
  FAILS(EBADF, fcntl(second, F_GETFD));
  CHECK(fcntl(first, F_GETFD) == 0 && fcntl(third, F_GETFD) == 0);
  FAILS(EINVAL, syscall(SYS_close_range, 5, 4, 0));
  FAILS(EINVAL, syscall(SYS_close_range, 500, 600, 64));
  CHECK(syscall(SYS_close_range, first, ~0U, 0) == 0);
  FAILS(EBADF, fcntl(third, F_GETFD));
}

static void lock(int file, int type, long start, long length) {
  struct flock range = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  CHECK(fcntl(file, F_SETLK, &range) == 0);
}

static void look_at_lock(void) {
  int file = open("locked", O_RDWR);
  struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
  CHECK(fcntl(file, F_GETLK, &range) == 0 && range.l_type == F_WRLCK && range.l_start == 10 && range.l_len == 30);
  CHECK(range.l_pid == getppid());
}

static void locks(void) {
  int file = open("locked", O_RDWR | O_CREAT, 0600);
  lock(file, F_WRLCK, 10, 10);
  lock(file, F_WRLCK, 30, 10);
  lock(file, F_WRLCK, 20, 10);
  lock(file, F_WRLCK, 15, 5);
  CHECK(exited(run(look_at_lock), 0));
  close(file);
  unlink("locked");
}

int main(void) {
  unnamed();
  renaming();
  allocating();
  looking();
  times();
  closing();
  locks();
  return finish();
}
