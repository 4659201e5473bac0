// Files without names, attributes, and several transfers at once: a storage domain that dies again and again loses none of them.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
static int flags_of(const char *path) {
  int flags = -1, file = open(path, O_RDONLY);
  if (ioctl(file, FS_IOC_GETFLAGS, &flags) != 0) flags = -1;
  close(file);
  return flags;
}

/** Doing it twice is not as doing it once: whether it was done shows when the answer was lost. */
static int gets_name(const char *path, const char *name) {
  if (linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0) return 1;
  return errno == EIO &&
         (access(name, F_OK) == 0 || linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW) == 0);
}

/** Owner rwx, user 5 rwx, owning group and others nothing, the mask rwx: what a directory hands on. */
static const struct {
  unsigned version;
  struct {
    unsigned short tag, permissions;
    int id;
  } entries[5];
} list = {2, {{1, 7, -1}, {2, 7, 5}, {4, 0, -1}, {16, 7, -1}, {32, 0, -1}}};

/** Two writes and a read of what was written before, under way together. */
static int three_at_once(aio_context_t context, int file, int round) {
  static char out[2][8192], in[8192];
  struct iocb blocks[3], *all[] = {&blocks[0], &blocks[1], &blocks[2]};
  memset(blocks, 0, sizeof blocks);
  for (int each = 0; each < 3; each++) {
    int reads = each == 2;
    blocks[each].aio_fildes = (unsigned)file;
    blocks[each].aio_lio_opcode = reads ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE;
    blocks[each].aio_buf = (uintptr_t)(reads ? in : out[each]);
    blocks[each].aio_nbytes = sizeof in;
    blocks[each].aio_offset = (long)sizeof in * (reads ? 2 * round - 1 : 2 * round + each);
    if (!reads) memset(out[each], round + each, sizeof in);
  }
  int count = round == 0 ? 2 : 3;
  struct io_event events[3];
  if (syscall(SYS_io_submit, context, count, all) != count) return 0;
  if (syscall(SYS_io_getevents, context, count, count, events, NULL) != count) return 0;
  for (int each = 0; each < count; each++) if (events[each].res != sizeof in) return 0;
  return round == 0 || (in[0] == (char)round && in[sizeof in - 1] == (char)round);
}

int main(void) {
  char name[32], path[64], value[64], found[64];
  CHECK(mkdir("handed", 0700) == 0);
  CHECK(setxattr("handed", "system.posix_acl_default", &list, sizeof list, 0) == 0);
  aio_context_t context = 0;
  int several = open("several", O_CREAT | O_RDWR, 0600);
  CHECK(several >= 0 && syscall(SYS_io_setup, 8, &context) == 0);
  for (int round = 0; round < 300; round++) {
    CHECK(three_at_once(context, several, round));
    int file = open(".", O_TMPFILE | O_RDWR, 0600);
    CHECK(file >= 0);
    snprintf(value, sizeof value, "round %d", round);
    CHECK(write(file, value, strlen(value)) == (ssize_t)strlen(value));
    CHECK(fsetxattr(file, "user.round", value, strlen(value), 0) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    snprintf(name, sizeof name, "file%d", round);
    if (round % 3 == 0) {
      CHECK(gets_name(path, name));
      int flags = flags_of(name) | FS_NODUMP_FL;
      CHECK(ioctl(file, FS_IOC_SETFLAGS, &flags) == 0);
    }
    memset(found, 0, sizeof found);
    CHECK(pread(file, found, sizeof found, 0) == (ssize_t)strlen(value) && strcmp(found, value) == 0);
    memset(found, 0, sizeof found);
    CHECK(fgetxattr(file, "user.round", found, sizeof found) == (ssize_t)strlen(value) && strcmp(found, value) == 0);
    close(file);
    snprintf(name, sizeof name, "handed/%d", round);
    CHECK((file = open(name, O_CREAT | O_WRONLY, 0666)) >= 0);
    close(file);
    pause_ms(2);
  }
  for (int round = 0; round < 300; round++) {
    struct stat about;
    snprintf(name, sizeof name, "handed/%d", round);
    CHECK(stat(name, &about) == 0 && (about.st_mode & 07777) == 0660);
    CHECK(getxattr(name, "system.posix_acl_access", NULL, 0) == sizeof list);
  }
  for (int round = 0; round < 300; round += 3) {
    snprintf(name, sizeof name, "file%d", round);
    snprintf(value, sizeof value, "round %d", round);
    memset(found, 0, sizeof found);
    CHECK((flags_of(name) & FS_NODUMP_FL) != 0);
    CHECK(getxattr(name, "user.round", found, sizeof found) == (ssize_t)strlen(value) && strcmp(found, value) == 0);
  }
  return finish();
}
