#include "CTLS.h"
#include <string.h>
#include <time.h>

// 0 while the thread has the wall clock.
static _Thread_local int64_t set_microseconds;

void ctls_clock_set(int64_t microseconds) { set_microseconds = microseconds; }
void ctls_clock_clear(void) { set_microseconds = 0; }

// The executable's definition comes before libc's for every shared library of the process, libssl's call included.
int gettimeofday(struct timeval *restrict time, void *restrict zone) {
  // Obsolete, and UTC whatever the system's zone is.
  if (zone) memset(zone, 0, sizeof(struct timezone));
  if (set_microseconds) {
    time->tv_sec = set_microseconds / 1000000;
    time->tv_usec = set_microseconds % 1000000;
    return 0;
  }
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}
