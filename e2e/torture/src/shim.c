/* What a test rig may do to a process it starts: move its wall clock, and stand between it and its disk.
 *
 * Preloaded into Redis and into the roles. It reads its orders from a file that it maps ($TORTURE_CONTROL), and writes there how much of
 * each regular file was on the disk at the start of the last fdatasync that came back: a power cut keeps that and no more. It allocates
 * nothing, so it can stand before any allocator. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define FILES 64

/* All numbers are native 64-bit; the rig knows the offsets (control.rs). */
struct control {
  volatile int64_t clock_ms;      /* added to the wall clock */
  volatile int64_t sync_delay_us; /* before each fdatasync */
  volatile int64_t sync_errno;    /* fdatasync fails with it; 0: does not */
  volatile int64_t write_errno;   /* writes to regular files fail with it; 0: do not */
  struct {
    volatile int64_t inode, size;
  } synced[FILES];
};

static struct control none;
static struct control *control = &none;

__attribute__((constructor)) static void take_orders(void) {
  const char *path = getenv("TORTURE_CONTROL");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) control = map;
}

static int is_wall_clock(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t clock, struct timespec *out) {
  if (syscall(SYS_clock_gettime, clock, out) != 0) return -1;
  int64_t offset = is_wall_clock(clock) ? control->clock_ms : 0;
  if (offset != 0) {
    int64_t ns = out->tv_nsec + (offset % 1000) * 1000000;
    out->tv_sec += offset / 1000;
    if (ns < 0) {
      ns += 1000000000;
      out->tv_sec -= 1;
    } else if (ns >= 1000000000) {
      ns -= 1000000000;
      out->tv_sec += 1;
    }
    out->tv_nsec = ns;
  }
  return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

static void remember(int64_t inode, int64_t size) {
  for (int i = 0; i < FILES; i++) {
    if (control->synced[i].inode == inode || control->synced[i].inode == 0) {
      control->synced[i].inode = inode;
      control->synced[i].size = size;
      return;
    }
  }
}

static int sync_file(int fd, long call) {
  struct stat file;
  int known = fstat(fd, &file) == 0 && S_ISREG(file.st_mode);
  if (known && control->sync_delay_us > 0) {
    struct timespec pause = {control->sync_delay_us / 1000000, control->sync_delay_us % 1000000 * 1000};
    nanosleep(&pause, NULL);
  }
  if (known && control->sync_errno != 0) {
    errno = (int)control->sync_errno;
    return -1;
  }
  int result = (int)syscall(call, fd);
  if (result == 0 && known) remember((int64_t)file.st_ino, file.st_size);
  return result;
}

int fdatasync(int fd) { return sync_file(fd, SYS_fdatasync); }
int fsync(int fd) { return sync_file(fd, SYS_fsync); }

ssize_t write(int fd, const void *bytes, size_t count) {
  if (control->write_errno != 0) {
    struct stat file;
    if (fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) {
      errno = (int)control->write_errno;
      return -1;
    }
  }
  return syscall(SYS_write, fd, bytes, count);
}
