#include "CLinux.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct clinux_batch {
  uint32_t count;
  uint32_t slot_bytes;
  uint8_t *slab;
  struct mmsghdr *headers;
  struct iovec *vectors;
  struct sockaddr_storage *names;
  char *controls;
  // Headers that the last call filled in: the others are still as they must be.
  uint32_t used;
};

enum { CONTROL_BYTES = 64 };

void clinux_batch_destroy(struct clinux_batch *batch) {
  if (!batch) return;
  free(batch->slab);
  free(batch->headers);
  free(batch->vectors);
  free(batch->names);
  free(batch->controls);
  free(batch);
}

struct clinux_batch *clinux_batch_create(uint32_t count, uint32_t slot_bytes) {
  struct clinux_batch *batch = calloc(1, sizeof *batch);
  if (!batch) return NULL;
  batch->count = count;
  batch->slot_bytes = slot_bytes;
  batch->used = count;
  batch->slab = malloc((size_t)count * slot_bytes);
  batch->headers = calloc(count, sizeof *batch->headers);
  batch->vectors = calloc(count, sizeof *batch->vectors);
  batch->names = calloc(count, sizeof *batch->names);
  batch->controls = calloc(count, CONTROL_BYTES);
  if (!batch->slab || !batch->headers || !batch->vectors || !batch->names || !batch->controls) {
    clinux_batch_destroy(batch);
    return NULL;
  }
  for (uint32_t i = 0; i < count; i++) {
    batch->vectors[i].iov_base = batch->slab + (size_t)i * slot_bytes;
    batch->vectors[i].iov_len = slot_bytes;
    batch->headers[i].msg_hdr.msg_iov = &batch->vectors[i];
    batch->headers[i].msg_hdr.msg_iovlen = 1;
    batch->headers[i].msg_hdr.msg_name = &batch->names[i];
    batch->headers[i].msg_hdr.msg_control = batch->controls + (size_t)i * CONTROL_BYTES;
  }
  return batch;
}

int clinux_batch_receive(struct clinux_batch *batch, int fd) {
  for (uint32_t i = 0; i < batch->used; i++) {
    batch->headers[i].msg_hdr.msg_namelen = sizeof(struct sockaddr_storage);
    batch->headers[i].msg_hdr.msg_controllen = CONTROL_BYTES;
    batch->headers[i].msg_hdr.msg_flags = 0;
  }
  int got = recvmmsg(fd, batch->headers, batch->count, MSG_DONTWAIT, NULL);
  batch->used = got > 0 ? (uint32_t)got : 0;
  if (got >= 0) return got;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
  return -errno;
}

uint8_t *clinux_batch_bytes(struct clinux_batch *batch, uint32_t index) { return batch->slab + (size_t)index * batch->slot_bytes; }

static struct clinux_address from_sockaddr(const struct sockaddr_storage *name) {
  struct clinux_address address = {0, 0, 0};
  if (name->ss_family == AF_INET) {
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;
    address.low = 0xffff00000000ULL | ntohl(v4->sin_addr.s_addr);
    address.port = ntohs(v4->sin_port);
  } else if (name->ss_family == AF_INET6) {
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)name;
    uint64_t half[2];
    memcpy(half, &v6->sin6_addr, 16);
    address.high = be64toh(half[0]);
    address.low = be64toh(half[1]);
    address.port = ntohs(v6->sin6_port);
  }
  return address;
}

static socklen_t to_sockaddr(struct clinux_address address, bool is_ipv4, struct sockaddr_storage *name) {
  memset(name, 0, sizeof *name);
  if (is_ipv4) {
    struct sockaddr_in *v4 = (struct sockaddr_in *)name;
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl((uint32_t)address.low);
    v4->sin_port = htons(address.port);
    return sizeof *v4;
  }
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)name;
  v6->sin6_family = AF_INET6;
  uint64_t half[2] = {htobe64(address.high), htobe64(address.low)};
  memcpy(&v6->sin6_addr, half, 16);
  v6->sin6_port = htons(address.port);
  return sizeof *v6;
}

struct clinux_datagram clinux_batch_datagram(struct clinux_batch *batch, uint32_t index) {
  struct mmsghdr *header = &batch->headers[index];
  struct clinux_datagram out;
  out.length = header->msg_len;
  out.truncated = (header->msg_hdr.msg_flags & MSG_TRUNC) != 0;
  out.from = from_sockaddr(&batch->names[index]);
  out.stamp = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&header->msg_hdr); c; c = CMSG_NXTHDR(&header->msg_hdr, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
      struct timespec stamp;
      memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      out.stamp = (int64_t)stamp.tv_sec * 1000000000 + stamp.tv_nsec;
    }
  }
  return out;
}

int clinux_udp_bind(struct clinux_address address, bool is_ipv4, int receive_buffer, struct clinux_address *bound) {
  int fd = socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int on = 1;
  if (!is_ipv4) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  struct sockaddr_storage name;
  socklen_t length = to_sockaddr(address, is_ipv4, &name);
  if (bind(fd, (struct sockaddr *)&name, length) < 0) {
    int error = errno;
    close(fd);
    return -error;
  }
  length = sizeof name;
  if (getsockname(fd, (struct sockaddr *)&name, &length) == 0) *bound = from_sockaddr(&name);
  return fd;
}

int clinux_udp_send(int fd, struct clinux_address to, bool is_ipv4, const uint8_t *bytes, size_t count) {
  struct sockaddr_storage name;
  socklen_t length = to_sockaddr(to, is_ipv4, &name);
  ssize_t sent = sendto(fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&name, length);
  return sent < 0 ? -errno : 0;
}

int clinux_epoll_create(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int clinux_epoll_add(int epoll, int fd, uint64_t data) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN;
  event.data.u64 = data;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int clinux_epoll_remove(int epoll, int fd) { return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL) < 0 ? -errno : 0; }

int clinux_epoll_wait(int epoll, uint64_t *data, int capacity, int timeout_milliseconds) {
  struct epoll_event events[256];
  if (capacity > 256) capacity = 256;
  int got = epoll_wait(epoll, events, capacity, timeout_milliseconds);
  if (got < 0) return errno == EINTR ? 0 : -errno;
  for (int i = 0; i < got; i++) data[i] = events[i].data.u64;
  return got;
}

int clinux_eventfd(void) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? -errno : fd;
}

void clinux_eventfd_signal(int fd) {
  uint64_t one = 1;
  ssize_t ignored = write(fd, &one, sizeof one);
  (void)ignored;
}

void clinux_eventfd_clear(int fd) {
  uint64_t count;
  ssize_t ignored = read(fd, &count, sizeof count);
  (void)ignored;
}

void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void clinux_nice_thread(int nice) { setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), nice); }

void clinux_map_blocks_from(int bytes) { mallopt(M_MMAP_THRESHOLD, bytes); }

static int64_t clock_nanoseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clinux_clock_monotonic(void) { return clock_nanoseconds(CLOCK_MONOTONIC); }
int64_t clinux_clock_realtime(void) { return clock_nanoseconds(CLOCK_REALTIME); }

int clinux_rename_noreplace(const char *oldpath, const char *newpath) {
  return renameat2(AT_FDCWD, oldpath, AT_FDCWD, newpath, 1 /* RENAME_NOREPLACE */) < 0 ? -errno : 0;
}
