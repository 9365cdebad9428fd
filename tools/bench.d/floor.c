// The least that a recorder can cost: receives with epoll and recvmmsg and appends each payload to its stream's file through a large buffer. No
// jitter buffer, no frames, no container. Usage: floor FOLDER TICK PORT...
//
// TICK 0 wakes whenever a packet comes; else the sockets are drained every TICK milliseconds. "ready" is printed once all ports are bound. Ends
// on SIGINT or SIGTERM.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, SLOT_BYTES = 2048, FILE_BYTES = 256 << 10, RECEIVE_BYTES = 4 << 20 };

struct stream {
  int socket, file;
  size_t used;
  uint8_t *buffer;
};

static volatile sig_atomic_t is_stopping;
static void stop(int signal) { (void)signal; is_stopping = 1; }
static uint8_t slab[BATCH][SLOT_BYTES];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static void empty(struct stream *stream) {
  if (stream->used && write(stream->file, stream->buffer, stream->used) < 0) perror("write");
  stream->used = 0;
}

static void append(struct stream *stream, const uint8_t *packet, size_t length) {
  if (length < 12 || (packet[1] >= 192 && packet[1] < 224)) return;  // too short, or RTCP
  size_t header = 12 + 4 * (size_t)(packet[0] & 15);
  if ((packet[0] & 16) && header + 4 <= length) header += 4 + 4 * ((size_t)packet[header + 2] << 8 | packet[header + 3]);
  if (header >= length) return;
  if (stream->used + length - header > FILE_BYTES) empty(stream);
  memcpy(stream->buffer + stream->used, packet + header, length - header);
  stream->used += length - header;
}

static void drain(struct stream *stream) {
  int got;
  do {
    got = recvmmsg(stream->socket, messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < got; i++) append(stream, slab[i], messages[i].msg_len);
  } while (got == BATCH);
}

int main(int argc, char **argv) {
  if (argc < 4) { fprintf(stderr, "usage: floor FOLDER TICK PORT...\n"); return 2; }
  int tick = atoi(argv[2]), count = argc - 3, poller = epoll_create1(0);
  signal(SIGINT, stop);
  signal(SIGTERM, stop);
  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){slab[i], SLOT_BYTES};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  struct stream *streams = calloc((size_t)count, sizeof *streams);
  for (int i = 0; i < count; i++) {
    struct stream *stream = &streams[i];
    char path[4096];
    snprintf(path, sizeof path, "%s/%d.bin", argv[1], i);
    stream->file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    stream->buffer = malloc(FILE_BYTES);
    stream->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int bytes = RECEIVE_BYTES;
    setsockopt(stream->socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3 + i])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (stream->file < 0 || bind(stream->socket, (void *)&at, sizeof at)) { perror(path); return 1; }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};
    epoll_ctl(poller, EPOLL_CTL_ADD, stream->socket, &event);
  }
  puts("ready");
  fflush(stdout);
  while (!is_stopping) {
    struct epoll_event events[256];
    if (tick) nanosleep(&(struct timespec){0, tick * 1000000L}, NULL);
    int ready;
    do {
      ready = epoll_wait(poller, events, 256, tick ? 0 : 1000);
      for (int i = 0; i < ready; i++) drain(events[i].data.ptr);
    } while (ready == 256);
  }
  for (int i = 0; i < count; i++) empty(&streams[i]);
  return 0;
}
