// Flags of files: what immutable files and those that only grow refuse, who may set which, what new files have of
// their directory, and what statx tells.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static int flags_of(const char *path) {
  int flags = -1, fd = open(path, O_RDONLY | O_NONBLOCK);
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) flags = -1;
  close(fd);
  return flags;
}

static int set(const char *path, int flags) {
  int fd = open(path, O_RDONLY | O_NONBLOCK), status = ioctl(fd, FS_IOC_SETFLAGS, &flags), error = errno;
  close(fd);
  errno = error;
  return status;
}

static int mark(const char *path, int add, int remove) { return set(path, (flags_of(path) | add) & ~remove); }

static void make(const char *path) { close(open(path, O_CREAT | O_WRONLY, 0644)); }

static void immutable(void) {
  make("file");
  int open_before = open("file", O_WRONLY);
  CHECK(mark("file", FS_IMMUTABLE_FL, 0) == 0 && (flags_of("file") & FS_IMMUTABLE_FL) != 0);
  FAILS(EPERM, write(open_before, "x", 1));
  FAILS(EPERM, ftruncate(open_before, 0));
  close(open_before);
  FAILS(EPERM, open("file", O_WRONLY));
  FAILS(EPERM, open("file", O_RDWR | O_APPEND));
  FAILS(EPERM, open("file", O_RDONLY | O_TRUNC));
  FAILS(EPERM, truncate("file", 0));
  FAILS(EPERM, chmod("file", 0600));
  FAILS(EPERM, chown("file", 1, 1));
  FAILS(EPERM, utimensat(AT_FDCWD, "file", NULL, 0));
  FAILS(EPERM, setxattr("file", "user.one", "x", 1, 0));
  FAILS(EPERM, link("file", "other"));
  FAILS(EPERM, rename("file", "other"));
  FAILS(EPERM, unlink("file"));
  FAILS(EPERM, access("file", W_OK));
  CHECK(access("file", R_OK) == 0);
  make("other");
  FAILS(EPERM, rename("other", "file"));
  FAILS(EPERM, mark("file", FS_NODUMP_FL, 0));
  CHECK(mark("file", FS_NODUMP_FL, FS_IMMUTABLE_FL) == 0);
  CHECK((flags_of("file") & (FS_NODUMP_FL | FS_IMMUTABLE_FL)) == FS_NODUMP_FL);
  CHECK(unlink("file") == 0 && unlink("other") == 0);
}

static void directories(void) {
  CHECK(mkdir("d", 0755) == 0);
  make("d/in");
  make("other");
  CHECK(mark("d", FS_IMMUTABLE_FL, 0) == 0);
  FAILS(EPERM, open("d/new", O_CREAT | O_WRONLY, 0644));
  FAILS(EPERM, mkdir("d/new", 0755));
  FAILS(EPERM, symlink("x", "d/new"));
  FAILS(EPERM, link("other", "d/new"));
  FAILS(EPERM, rename("other", "d/new"));
  FAILS(EPERM, unlink("d/in"));
  FAILS(EPERM, rmdir("d"));
  int file = open("d/in", O_WRONLY);
  CHECK(file >= 0 && write(file, "x", 1) == 1 && close(file) == 0);
  CHECK(mark("d", FS_APPEND_FL, FS_IMMUTABLE_FL) == 0);
  CHECK(mkdir("d/new", 0755) == 0);
  FAILS(EPERM, rmdir("d/new"));
  FAILS(EPERM, unlink("d/in"));
  FAILS(EPERM, rename("d/in", "d/moved"));
  FAILS(EPERM, rename("other", "d/in"));
  CHECK(mark("d", FS_NODUMP_FL | FS_NOATIME_FL, FS_APPEND_FL) == 0);
  make("d/later");
  CHECK(mkdir("d/below", 0755) == 0);
  int inherited = FS_NODUMP_FL | FS_NOATIME_FL;
  CHECK((flags_of("d/later") & inherited) == inherited && (flags_of("d/below") & inherited) == inherited);
  CHECK((flags_of("d/in") & inherited) == 0);
  CHECK(unlink("d/in") == 0 && unlink("d/later") == 0 && rmdir("d/below") == 0 && rmdir("d/new") == 0);
  CHECK(rmdir("d") == 0 && unlink("other") == 0);
}

static void append_only(void) {
  make("log");
  int any = open("log", O_WRONLY | O_APPEND);
  CHECK(mark("log", FS_APPEND_FL, 0) == 0);
  FAILS(EPERM, open("log", O_WRONLY));
  FAILS(EPERM, open("log", O_RDWR));
  FAILS(EPERM, open("log", O_WRONLY | O_APPEND | O_TRUNC));
  FAILS(EPERM, truncate("log", 0));
  FAILS(EPERM, fcntl(any, F_SETFL, 0));
  CHECK(fcntl(any, F_SETFL, O_APPEND | O_NONBLOCK) == 0);
  FAILS(EPERM, ftruncate(any, 0));
  FAILS(EPERM, fallocate(any, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1));
  CHECK(write(any, "more", 4) == 4);
  close(any);
  FAILS(EPERM, chmod("log", 0600));
  CHECK(utimensat(AT_FDCWD, "log", NULL, 0) == 0);
  struct timespec then[2] = {{1, 0}, {1, 0}};
  FAILS(EPERM, utimensat(AT_FDCWD, "log", then, 0));
  FAILS(EPERM, unlink("log"));
  FAILS(EPERM, link("log", "other"));
  CHECK(mark("log", 0, FS_APPEND_FL) == 0 && unlink("log") == 0);
}

static void told(void) {
  make("file");
  struct statx seen;
  CHECK(mark("file", FS_IMMUTABLE_FL | FS_NODUMP_FL, 0) == 0);
  CHECK(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &seen) == 0);
  unsigned long told = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_NODUMP;
  CHECK((seen.stx_attributes_mask & told) == told);
  CHECK((seen.stx_attributes & told) == (STATX_ATTR_IMMUTABLE | STATX_ATTR_NODUMP));
  CHECK(mark("file", 0, FS_IMMUTABLE_FL) == 0 && unlink("file") == 0);
}

static void lesser(void) {
  CHECK(setresuid(1000, 1000, 1000) == 0);
  FAILS(EPERM, mark("roots", FS_NODUMP_FL, 0));
  CHECK(mark("file", FS_NODUMP_FL, 0) == 0 && (flags_of("file") & FS_NODUMP_FL) != 0);
  FAILS(EPERM, mark("file", FS_IMMUTABLE_FL, 0));
  FAILS(EPERM, mark("file", FS_APPEND_FL, 0));
}

static void as_somebody(void) {
  make("file");
  CHECK(chown("file", 1000, 1000) == 0);
  make("roots");
  CHECK(exited(run(lesser), 0));
  CHECK(unlink("file") == 0 && unlink("roots") == 0);
}

static void others(void) {
  int ends[2], flags = 0;
  CHECK(pipe(ends) == 0);
  FAILS(ENOTTY, ioctl(ends[0], FS_IOC_GETFLAGS, &flags));
  int proc = open("/proc/self/stat", O_RDONLY);
  FAILS(ENOTTY, ioctl(proc, FS_IOC_GETFLAGS, &flags));
  int null = open("/dev/null", O_RDWR);
  FAILS(ENOTTY, ioctl(null, FS_IOC_GETFLAGS, &flags));
  close(proc);
  close(null);
  close(ends[0]);
  close(ends[1]);
  make("file");
  FAILS(EOPNOTSUPP, set("file", flags_of("file") | 0x800000));
  CHECK(unlink("file") == 0);
}

static void extended(void) {
  make("file");
  int file = open("file", O_RDWR);
  struct fsxattr attributes;
  CHECK(mark("file", FS_NODUMP_FL, 0) == 0);
  CHECK(ioctl(file, FS_IOC_FSGETXATTR, &attributes) == 0);
  CHECK((attributes.fsx_xflags & (FS_XFLAG_NODUMP | FS_XFLAG_APPEND)) == FS_XFLAG_NODUMP);
  CHECK(attributes.fsx_projid == 0 && attributes.fsx_extsize == 0);
  attributes.fsx_xflags = FS_XFLAG_APPEND | FS_XFLAG_NOATIME;
  CHECK(ioctl(file, FS_IOC_FSSETXATTR, &attributes) == 0);
  CHECK((flags_of("file") & (FS_NODUMP_FL | FS_APPEND_FL | FS_NOATIME_FL)) == (FS_APPEND_FL | FS_NOATIME_FL));
  attributes.fsx_projid = 5;
  FAILS(EOPNOTSUPP, ioctl(file, FS_IOC_FSSETXATTR, &attributes));
  close(file);
  CHECK(mark("file", 0, FS_APPEND_FL) == 0 && unlink("file") == 0);
}

static void in_memory(void) {
  char folder[] = "/tmp/flagsXXXXXX", *home = get_current_dir_name();
  CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
  immutable();
  append_only();
  CHECK(chdir(home) == 0 && rmdir(folder) == 0);
  free(home);
}

int main(void) {
  immutable();
  directories();
  append_only();
  told();
  as_somebody();
  others();
  extended();
  in_memory();
  return finish();
}
