// What programs parse below /proc: their own maps, status, stat, descriptors, command line and limits.
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static char text[65536];

static char *contents(const char *path) {
  int file = open(path, O_RDONLY);
  ssize_t length = 0;
  if (!CHECK(file >= 0)) return strcpy(text, "");
  for (ssize_t count; (count = read(file, text + length, sizeof text - 1 - (size_t)length)) > 0;) length += count;
  text[length] = 0;
  close(file);
  return text;
}

/** The mapping that an address is in, as "rwxp", and its range. */
static int mapping_of(void *address, char *access, unsigned long *start, unsigned long *end) {
  char *line = strtok(contents("/proc/self/maps"), "\n");
  for (; line != NULL; line = strtok(NULL, "\n")) {
    if (sscanf(line, "%lx-%lx %4s", start, end, access) != 3) return 0;
    if ((unsigned long)address >= *start && (unsigned long)address < *end) return 1;
  }
  return 0;
}

static long field(const char *path, const char *name) {
  char *at = strstr(contents(path), name);
  return at == NULL ? -1 : strtol(at + strlen(name), NULL, 10);
}

int main(int count, char **arguments) {
  char access[8] = "", target[256], path[64];
  unsigned long start, end;
  CHECK(mapping_of((void *)main, access, &start, &end) && strcmp(access, "r-xp") == 0);
  CHECK(mapping_of(&count, access, &start, &end) && strncmp(access, "rw", 2) == 0);
  CHECK(strstr(contents("/proc/self/maps"), "[stack]") != NULL);
  CHECK(strstr(contents("/proc/self/maps"), "[heap]") != NULL);
  char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(mapping_of(pages, access, &start, &end) && strcmp(access, "rw-s") == 0 && end - start >= 3 * 4096);
  CHECK(mprotect(pages + 4096, 4096, PROT_NONE) == 0);
  CHECK(mapping_of(pages + 4096, access, &start, &end) && strcmp(access, "---s") == 0 && end - start == 4096);
  CHECK(munmap(pages, 3 * 4096) == 0 && !mapping_of(pages, access, &start, &end));

  CHECK(prctl(PR_SET_NAME, "a name)", 0, 0, 0) == 0);
  int pid, parent, group, session;
  char state, name[32];
  CHECK(sscanf(contents("/proc/self/stat"), "%d (%31[^)])) %c %d %d %d", &pid, name, &state, &parent, &group, &session) == 6);
  CHECK(pid == getpid() && parent == getppid() && group == getpgrp() && session == getsid(0) && state == 'R');
  CHECK(strcmp(name, "a name") == 0 && strcmp(contents("/proc/self/comm"), "a name)\n") == 0);
  CHECK(field("/proc/self/status", "\nPid:\t") == getpid() && field("/proc/self/status", "\nPPid:\t") == getppid());
  CHECK(field("/proc/self/status", "\nUid:\t") == getuid() && field("/proc/self/status", "\nThreads:\t") == 1);
  CHECK(field("/proc/self/status", "\nVmRSS:") > 0 && field("/proc/self/status", "\nVmSize:") > 0);

  contents("/proc/self/cmdline");
  CHECK(strcmp(text, arguments[0]) == 0);
  CHECK(readlink("/proc/self/exe", target, sizeof target) == (ssize_t)strlen(arguments[0]) &&
        memcmp(target, arguments[0], strlen(arguments[0])) == 0);
  ssize_t length = readlink("/proc/self", target, sizeof target);
  CHECK(length > 0 && strtol((target[length] = 0, target), NULL, 10) == getpid());

  char opened[300];
  CHECK(getcwd(opened, 256) != NULL);
  strcat(opened, "/opened");
  int file = open(opened, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
  CHECK(write(file, "twelve bytes", 12) == 12);
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  length = readlink(path, target, sizeof target - 1);
  CHECK(length > 0 && strcmp((target[length] = 0, target), opened) == 0);
  int again = open(path, O_RDONLY);
  CHECK(again >= 0 && read(again, target, 20) == 12);
  CHECK(unlink("opened") == 0);
  snprintf(path, sizeof path, "/proc/self/fdinfo/%d", file);
  CHECK(field(path, "pos:\t") == 12);

  DIR *directory = opendir("/proc/self/fd");
  int descriptors = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) descriptors += entry->d_name[0] != '.';
  closedir(directory);
  // Three, the file and its second descriptor, and the directory itself.
  CHECK(descriptors == 6);

  pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  snprintf(path, sizeof path, "/proc/%d/status", child);
  CHECK(field(path, "\nPPid:\t") == getpid());
  kill(child, SIGKILL);
  siginfo_t info;
  waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
  CHECK(strstr(contents(path), "State:\tZ (zombie)") != NULL);
  CHECK(killed(status_of(child), SIGKILL));
  FAILS(ENOENT, open(path, O_RDONLY));

  CHECK(field("/proc/meminfo", "MemTotal:") > 1024 && field("/proc/meminfo", "MemAvailable:") > 0);
  CHECK(strstr(contents("/proc/cpuinfo"), "rv64imafdc") != NULL);
  CHECK(strstr(contents("/proc/mounts"), " / ext4 ") != NULL);
  CHECK(strstr(contents("/proc/self/limits"), "Max open files") != NULL);
  double up, idle;
  CHECK(sscanf(contents("/proc/uptime"), "%lf %lf", &up, &idle) == 2 && up > 0);
  CHECK(sscanf(contents("/proc/loadavg"), "%lf", &up) == 1);
  CHECK(strncmp(contents("/proc/sys/kernel/ostype"), "Linux", 5) == 0);
  return finish();
}
