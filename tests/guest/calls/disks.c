// Disks by name: what is on them, as the last commit left it, how large they are, and who may do what with them.
#define _GNU_SOURCE
#include "../programs/check.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { SUPERBLOCK = 1024, FREE_INODES = 0x10, MAGIC = 0x38 };

static int disk;

static uint32_t free_inodes(void) {
  uint32_t count = 0;
  sync();
  CHECK(pread(disk, &count, 4, SUPERBLOCK + FREE_INODES) == 4);
  return count;
}

static void requests(void) {
  uint64_t bytes = 0;
  unsigned long sectors = 0;
  int number = -1;
  CHECK(ioctl(disk, BLKGETSIZE64, &bytes) == 0 && bytes > 1 << 20 && bytes % 512 == 0);
  CHECK(ioctl(disk, BLKGETSIZE, &sectors) == 0 && sectors == bytes / 512);
  CHECK(ioctl(disk, BLKSSZGET, &number) == 0 && number == 512 && ioctl(disk, BLKBSZGET, &number) == 0 && number == 4096);
  CHECK(ioctl(disk, BLKROGET, &number) == 0 && number == 0 && ioctl(disk, BLKFLSBUF, 0) == 0);
  FAILS(ENOTTY, ioctl(disk, FS_IOC_GETFLAGS, &number));
  CHECK(lseek(disk, 0, SEEK_END) == (off_t)bytes && lseek(disk, -512, SEEK_CUR) == (off_t)bytes - 512);
  char last[1024];
  CHECK(read(disk, last, sizeof last) == 512 && read(disk, last, sizeof last) == 0);
  CHECK(pread(disk, last, sizeof last, (off_t)bytes + 4096) == 0);
  // More than a ring carries, and from anywhere.
  char *much = malloc(1 << 20), *again = malloc(1 << 20);
  CHECK(pread(disk, much, 1 << 20, 0) == 1 << 20 && pread(disk, again, 100000, 123457) == 100000);
  CHECK(memcmp(much + 123457, again, 100000) == 0);
  free(much), free(again);
}

static void contents(void) {
  uint16_t magic = 0;
  CHECK(pread(disk, &magic, 2, SUPERBLOCK + MAGIC) == 2 && magic == 0xef53);
  // Inodes of files that others have deleted may come free meanwhile.
  enum { FILES = 64, OTHERS = 16 };
  char name[16];
  uint32_t before = free_inodes();
  for (int each = 0; each < FILES; each++) {
    snprintf(name, sizeof name, "counted%d", each);
    CHECK(close(open(name, O_CREAT | O_WRONLY, 0600)) == 0);
  }
  uint32_t after = free_inodes();
  CHECK(after < before - FILES + OTHERS && after >= before - FILES);
  for (int each = 0; each < FILES; each++) {
    snprintf(name, sizeof name, "counted%d", each);
    CHECK(unlink(name) == 0);
  }
}

static void stranger(void) {
  CHECK(setresuid(5, 5, 5) == 0);
  FAILS(EACCES, open("/dev/vda", O_RDONLY));
}

int main(void) {
  disk = open("/dev/vda", O_RDONLY);
  struct stat about;
  CHECK(disk >= 0 && fstat(disk, &about) == 0 && S_ISBLK(about.st_mode) && about.st_size == 0);
  CHECK(major(about.st_rdev) == 254 && minor(about.st_rdev) == 0);
  requests();
  contents();
  FAILS(EBUSY, open("/dev/vda", O_RDWR));
  FAILS(EBUSY, open("/dev/vda", O_RDONLY | O_EXCL));
  CHECK(exited(run(stranger), 0));
  CHECK(mknod("other", S_IFBLK | 0600, makedev(254, 16)) == 0 && mknod("same", S_IFBLK | 0600, makedev(254, 0)) == 0);
  FAILS(ENXIO, open("other", O_RDONLY));
  int same = open("same", O_RDONLY);
  uint64_t bytes = 0;
  CHECK(same >= 0 && ioctl(same, BLKGETSIZE64, &bytes) == 0 && bytes == (uint64_t)lseek(disk, 0, SEEK_END));
  CHECK(close(same) == 0 && close(disk) == 0 && unlink("other") == 0 && unlink("same") == 0);
  return finish();
}
