// Reading and writing in pieces with flags, and moving data between files: preadv2, pwritev2, copy_file_range,
// sendfile.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static int holds(const char *path, const char *text) {
  char found[64] = {0};
  int file = open(path, O_RDONLY);
  ssize_t count = read(file, found, sizeof found - 1);
  close(file);
  return count == (ssize_t)strlen(text) && strcmp(found, text) == 0;
}

int main(void) {
  char one[4], two[8];
  struct iovec parts[2] = {{one, 4}, {two, 8}};
  int file = open("pieces", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(write(file, "abcdefghij", 10) == 10);
  CHECK(preadv2(file, parts, 2, 2, 0) == 8 && memcmp(one, "cdef", 4) == 0 && memcmp(two, "ghij", 4) == 0);
  lseek(file, 1, SEEK_SET);
  CHECK(preadv2(file, parts, 1, -1, 0) == 4 && memcmp(one, "bcde", 4) == 0 && lseek(file, 0, SEEK_CUR) == 5);
  FAILS(EOPNOTSUPP, preadv2(file, parts, 1, 0, 0x40000000));
  struct iovec out[2] = {{"XY", 2}, {"Z", 1}};
  CHECK(pwritev2(file, out, 2, 0, RWF_DSYNC) == 3 && pwritev2(file, out, 2, 0, RWF_APPEND) == 3);
  CHECK(pwritev2(file, out, 2, -1, RWF_SYNC) == 3 && lseek(file, 0, SEEK_CUR) == 8);
  CHECK(holds("pieces", "XYZdeXYZijXYZ"));
  int other = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
  off64_t from = 3, to = 2;
  CHECK(copy_file_range(file, &from, other, &to, 5, 0) == 5 && from == 8 && to == 7);
  lseek(file, 10, SEEK_SET);
  CHECK(copy_file_range(file, NULL, other, NULL, 100, 0) == 3 && lseek(other, 0, SEEK_CUR) == 3);
  FAILS(EINVAL, copy_file_range(file, NULL, other, NULL, 1, 1));
  off_t at = 0;
  lseek(other, 0, SEEK_SET);
  CHECK(sendfile(other, file, &at, 4) == 4 && at == 4 && lseek(other, 0, SEEK_CUR) == 4);
  close(file);
  close(other);
  unlink("pieces");
  unlink("copy");
  return finish();
}
