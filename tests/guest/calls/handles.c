// Handles of files: they outlive names and descriptors, and are stale when the file is gone.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <sys/stat.h>

struct handle {
  struct file_handle head;
  unsigned char bytes[MAX_HANDLE_SZ];
};

static int mount_id;

static int name(int directory, const char *path, struct handle *handle, int flags) {
  handle->head.handle_bytes = MAX_HANDLE_SZ;
  return name_to_handle_at(directory, path, &handle->head, &mount_id, flags);
}

static int same(int file, const char *path) {
  struct stat one, other;
  return fstat(file, &one) == 0 && stat(path, &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

/** Whether /proc/self/mountinfo has a mount of a number at a place. */
static int mounted(int id, const char *where) {
  char line[1024], place[512];
  int its, found = 0;
  FILE *mounts = fopen("/proc/self/mountinfo", "r");
  while (fgets(line, sizeof line, mounts) != NULL) {
    if (sscanf(line, "%d %*d %*s %*s %511s", &its, place) == 2 && its == id) found = strcmp(place, where) == 0;
  }
  fclose(mounts);
  return found;
}

static void stranger(void) {
  struct handle handle;
  CHECK(setresuid(5, 5, 5) == 0 && name(AT_FDCWD, "file", &handle, 0) == 0);
  FAILS(EPERM, open_by_handle_at(AT_FDCWD, &handle.head, O_RDONLY));
}

static void all(const char *where, const char *mount) {
  CHECK(chdir(where) == 0 && mkdir("handles", 0755) == 0 && chdir("handles") == 0);
  struct handle handle, other;
  char text[8] = "";
  int file = open("file", O_CREAT | O_RDWR | O_EXCL, 0644);
  CHECK(write(file, "content", 7) == 7);
  CHECK(name(AT_FDCWD, "file", &handle, 0) == 0 && handle.head.handle_bytes >= 8);
  if (mount != NULL) CHECK(mounted(mount_id, mount));
  CHECK(name(file, "", &other, AT_EMPTY_PATH) == 0 && other.head.handle_bytes == handle.head.handle_bytes);
  CHECK(memcmp(handle.head.f_handle, other.head.f_handle, handle.head.handle_bytes) == 0);
  CHECK(close(file) == 0 && rename("file", "moved") == 0);
  int found = open_by_handle_at(AT_FDCWD, &handle.head, O_RDWR);
  CHECK(found >= 0 && read(found, text, 7) == 7 && strcmp(text, "content") == 0 && same(found, "moved"));
  CHECK(pwrite(found, "C", 1, 0) == 1 && close(found) == 0 && rename("moved", "file") == 0);
  // Any file of the file system says which it is.
  int beside = open("file", O_RDONLY);
  found = open_by_handle_at(beside, &handle.head, O_RDONLY | O_CLOEXEC);
  CHECK(found >= 0 && fcntl(found, F_GETFD) == FD_CLOEXEC && read(found, text, 1) == 1 && text[0] == 'C');
  CHECK(write(found, "x", 1) == -1 && errno == EBADF);
  close(found);
  found = open_by_handle_at(beside, &handle.head, O_WRONLY | O_TRUNC);
  struct stat about;
  CHECK(found >= 0 && fstat(found, &about) == 0 && about.st_size == 0 && close(found) == 0 && close(beside) == 0);
  // Directories and links.
  CHECK(mkdir("folder", 0755) == 0 && name(AT_FDCWD, "folder", &other, 0) == 0);
  found = open_by_handle_at(AT_FDCWD, &other.head, O_RDONLY | O_DIRECTORY);
  CHECK(found >= 0 && same(found, "folder") && mkdirat(found, "below", 0755) == 0 && rmdir("folder/below") == 0);
  FAILS(EISDIR, open_by_handle_at(AT_FDCWD, &other.head, O_WRONLY));
  CHECK(close(found) == 0 && symlink("file", "link") == 0 && name(AT_FDCWD, "link", &other, 0) == 0);
  FAILS(ELOOP, open_by_handle_at(AT_FDCWD, &other.head, O_RDONLY));
  found = open_by_handle_at(AT_FDCWD, &other.head, O_PATH | O_NOFOLLOW);
  CHECK(found >= 0 && readlinkat(found, "", text, 8) == 4 && memcmp(text, "file", 4) == 0 && close(found) == 0);
  CHECK(name(AT_FDCWD, "link", &other, AT_SYMLINK_FOLLOW) == 0);
  CHECK(memcmp(handle.head.f_handle, other.head.f_handle, handle.head.handle_bytes) == 0);
  CHECK(exited(run(stranger), 0));
  // Mistakes.
  other.head.handle_bytes = 0;
  FAILS(EOVERFLOW, name_to_handle_at(AT_FDCWD, "file", &other.head, &mount_id, 0));
  CHECK(other.head.handle_bytes == handle.head.handle_bytes);
  other.head.handle_bytes = MAX_HANDLE_SZ + 1;
  FAILS(EINVAL, name_to_handle_at(AT_FDCWD, "file", &other.head, &mount_id, 0));
  FAILS(EINVAL, name(AT_FDCWD, "file", &other, 0x8000));
  FAILS(ENOENT, name(AT_FDCWD, "nothing", &other, 0));
  FAILS(ENOENT, name(AT_FDCWD, "", &other, 0));
  FAILS(EBADF, open_by_handle_at(99, &handle.head, O_RDONLY));
  other = handle, other.head.handle_bytes = 0;
  FAILS(EINVAL, open_by_handle_at(AT_FDCWD, &other.head, O_RDONLY));
  other = handle, memset(other.head.f_handle, 0xee, 4);
  FAILS(ESTALE, open_by_handle_at(AT_FDCWD, &other.head, O_RDONLY));
  other = handle, other.head.handle_type = 77;
  FAILS(ESTALE, open_by_handle_at(AT_FDCWD, &other.head, O_RDONLY));
  FAILS(EOPNOTSUPP, name(AT_FDCWD, "/proc/self/status", &other, 0));
  CHECK(unlink("file") == 0 && unlink("link") == 0 && rmdir("folder") == 0);
  FAILS(ESTALE, open_by_handle_at(AT_FDCWD, &handle.head, O_RDONLY));
  // The number may be another file's by now: it is not that one.
  file = open("again", O_CREAT | O_RDWR, 0644);
  FAILS(ESTALE, open_by_handle_at(AT_FDCWD, &handle.head, O_RDONLY));
  CHECK(close(file) == 0 && unlink("again") == 0 && chdir("..") == 0 && rmdir("handles") == 0);
}

static void device(void) {
  struct handle handle;
  char byte = 1;
  CHECK(name(AT_FDCWD, "/dev/zero", &handle, 0) == 0);
  int beside = open("/dev", O_RDONLY | O_DIRECTORY);
  int found = open_by_handle_at(beside, &handle.head, O_RDONLY);
  CHECK(found >= 0 && same(found, "/dev/zero") && read(found, &byte, 1) == 1 && byte == 0);
  CHECK(close(found) == 0 && close(beside) == 0);
}

int main(void) {
  char here[4096];
  CHECK(getcwd(here, sizeof here) != NULL);
  all(here, "/");
  all("/tmp", NULL);
  device();
  return finish();
}
