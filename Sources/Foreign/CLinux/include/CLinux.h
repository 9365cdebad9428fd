#pragma once
// What Swift's Glibc module does not import: batch receives with control messages, epoll, eventfd, thread names.
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

// An IPv6 address in two halves, host order, and a port; IPv4 as ::ffff:a.b.c.d.
struct clinux_address {
  uint64_t high;
  uint64_t low;
  uint16_t port;
};

// One received datagram: its bytes lie in its slot of the slab.
struct clinux_datagram {
  uint32_t length;
  bool truncated;
  struct clinux_address from;
  // CLOCK_REALTIME nanoseconds of the kernel's receive stamp, or 0.
  int64_t stamp;
};

struct clinux_batch;
// A slab of `count` slots of `slot_bytes` each, or NULL without memory.
struct clinux_batch *clinux_batch_create(uint32_t count, uint32_t slot_bytes);
void clinux_batch_destroy(struct clinux_batch *batch);
// Receives what waits, without blocking. Answers how many, 0 when nothing waits, -errno for errors.
int clinux_batch_receive(struct clinux_batch *batch, int fd);
uint8_t *clinux_batch_bytes(struct clinux_batch *batch, uint32_t index);
struct clinux_datagram clinux_batch_datagram(struct clinux_batch *batch, uint32_t index);

// A non-blocking UDP socket bound to the address, with kernel receive stamps and `receive_buffer` bytes of queue where the system
// grants it. Answers the descriptor or -errno; `bound` is what it was bound to.
int clinux_udp_bind(struct clinux_address address, bool is_ipv4, int receive_buffer, struct clinux_address *bound);
// Sends one datagram. 0 or -errno.
int clinux_udp_send(int fd, struct clinux_address to, bool is_ipv4, const uint8_t *bytes, size_t count);

int clinux_epoll_create(void);
int clinux_epoll_add(int epoll, int fd, uint64_t data);
int clinux_epoll_remove(int epoll, int fd);
// Fills `data` with the ready descriptors' words. Answers how many, or -errno (EINTR counts as none).
int clinux_epoll_wait(int epoll, uint64_t *data, int capacity, int timeout_milliseconds);
int clinux_eventfd(void);
void clinux_eventfd_signal(int fd);
void clinux_eventfd_clear(int fd);

void clinux_name_thread(const char *name);
// Lowers the calling thread's priority.
void clinux_nice_thread(int nice);
// Has malloc map each block of so many bytes or more by itself, and unmap it when it is freed (mallopt, M_MMAP_THRESHOLD).
void clinux_map_blocks_from(int bytes);

int64_t clinux_clock_monotonic(void);
int64_t clinux_clock_realtime(void);
// Atomically replaces newpath only if it does not exist: renameat2(RENAME_NOREPLACE). 0 or -errno.
int clinux_rename_noreplace(const char *oldpath, const char *newpath);
