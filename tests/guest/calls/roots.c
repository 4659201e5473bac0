// chroot and openat2: where paths begin, and where they may not lead.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static int opened(int directory, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags, .resolve = resolve};
  return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

/** Opens, and closes again. */
static int opens(int directory, const char *path, uint64_t resolve) {
  int fd = opened(directory, path, O_RDONLY, resolve);
  if (fd < 0) return -1;
  close(fd);
  return 0;
}

static void tree(void) {
  CHECK(mkdir("top", 0755) == 0 && mkdir("top/in", 0755) == 0 && mkdir("top/in/deep", 0755) == 0);
  close(open("top/outside", O_CREAT | O_WRONLY, 0644));
  close(open("top/in/file", O_CREAT | O_WRONLY, 0644));
  CHECK(symlink("file", "top/in/near") == 0 && symlink("../outside", "top/in/out") == 0);
  CHECK(symlink("/file", "top/in/absolute") == 0 && symlink("deep/../file", "top/in/round") == 0);
}

static void staying(void) {
  int in = open("top/in", O_RDONLY | O_DIRECTORY);
  CHECK(opens(in, "file", RESOLVE_BENEATH) == 0 && opens(in, "near", RESOLVE_BENEATH) == 0);
  CHECK(opens(in, "round", RESOLVE_BENEATH) == 0 && opens(in, "deep/../file", RESOLVE_BENEATH) == 0);
  FAILS(EXDEV, opens(in, "out", RESOLVE_BENEATH));
  FAILS(EXDEV, opens(in, "../outside", RESOLVE_BENEATH));
  FAILS(EXDEV, opens(in, "..", RESOLVE_BENEATH));
  FAILS(EXDEV, opens(in, "/file", RESOLVE_BENEATH));
  FAILS(EXDEV, opens(in, "absolute", RESOLVE_BENEATH));
  CHECK(opens(in, "/file", RESOLVE_IN_ROOT) == 0 && opens(in, "absolute", RESOLVE_IN_ROOT) == 0);
  CHECK(opens(in, "../../file", RESOLVE_IN_ROOT) == 0 && opens(in, "deep/../../../file", RESOLVE_IN_ROOT) == 0);
  FAILS(ENOENT, opens(in, "out", RESOLVE_IN_ROOT));
  FAILS(ELOOP, opens(in, "near", RESOLVE_NO_SYMLINKS));
  CHECK(opens(in, "file", RESOLVE_NO_SYMLINKS) == 0);
  FAILS(ELOOP, opened(in, "near", O_RDWR | O_CREAT, RESOLVE_NO_SYMLINKS));
  FAILS(EXDEV, opened(in, "absolute", O_RDWR | O_CREAT, RESOLVE_BENEATH));
  int link = opened(in, "near", O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
  CHECK(link >= 0);
  close(link);
  FAILS(EXDEV, opens(AT_FDCWD, "/proc/self", RESOLVE_NO_XDEV));
  CHECK(opens(AT_FDCWD, "top/in/file", RESOLVE_NO_XDEV) == 0);
  FAILS(ELOOP, opens(AT_FDCWD, "/proc/self/fd/0", RESOLVE_NO_MAGICLINKS));
  CHECK(opens(AT_FDCWD, "/proc/self/status", RESOLVE_NO_MAGICLINKS) == 0);
  CHECK(opened(in, "new", O_CREAT | O_WRONLY, RESOLVE_BENEATH) >= 0 && access("top/in/new", F_OK) == 0);
  close(in);
}

static void how(void) {
  struct { struct open_how how; uint64_t more; } large = {{.flags = O_RDONLY}, 0};
  FAILS(EINVAL, syscall(SYS_openat2, AT_FDCWD, "top", &large, 16));
  int fd = (int)syscall(SYS_openat2, AT_FDCWD, "top", &large, sizeof large);
  CHECK(fd >= 0);
  close(fd);
  large.more = 1;
  FAILS(E2BIG, syscall(SYS_openat2, AT_FDCWD, "top", &large, sizeof large));
  FAILS(EINVAL, opened(AT_FDCWD, "top", 1ULL << 40, 0));
  FAILS(EINVAL, opened(AT_FDCWD, "top", O_RDONLY, 1 << 10));
  FAILS(EINVAL, opened(AT_FDCWD, "top", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT));
  FAILS(EINVAL, opened(AT_FDCWD, "top", O_PATH | O_RDWR, 0));
  struct open_how mode = {.flags = O_RDONLY, .mode = 0600};
  FAILS(EINVAL, syscall(SYS_openat2, AT_FDCWD, "top", &mode, sizeof mode));
  mode = (struct open_how){.flags = O_CREAT | O_WRONLY, .mode = 010000};
  FAILS(EINVAL, syscall(SYS_openat2, AT_FDCWD, "made", &mode, sizeof mode));
}

static void in_new_root(void) {
  char path[64];
  int outside = open("top", O_RDONLY | O_DIRECTORY);
  CHECK(chroot("top/in") == 0);
  CHECK(access("/file", F_OK) == 0 && access("/top", F_OK) < 0);
  CHECK(getcwd(path, sizeof path) == NULL || path[0] == '(');
  CHECK(chdir("/") == 0 && getcwd(path, sizeof path) != NULL && strcmp(path, "/") == 0);
  CHECK(access("../../file", F_OK) == 0 && access("absolute", F_OK) == 0);
  CHECK(chdir("deep") == 0 && getcwd(path, sizeof path) != NULL && strcmp(path, "/deep") == 0);
  FAILS(ENOENT, chroot("/none"));
  FAILS(ENOTDIR, chroot("/file"));
  // A descriptor of outside leads there all the same.
  CHECK(fchdir(outside) == 0 && access("outside", F_OK) == 0);
  CHECK(setuid(1000) == 0);
  FAILS(EPERM, chroot("/"));
}

int main(void) {
  tree();
  staying();
  how();
  CHECK(exited(run(in_new_root), 0));
  CHECK(access("top/in/file", F_OK) == 0);
  return finish();
}
