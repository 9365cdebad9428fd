// Sends N independent VP8 and Opus RTP streams over UDP at a libwebrtc-like pace: the packets of a picture are spread, the streams run at
// different phases. Usage: sender MEDIA SECONDS SPREAD FROM TO [SUITE KEYHEX]
//
//   MEDIA     a file of scheduled payloads (media.py writes it), mapped and repeated as often as needed
//   SECONDS   how long each stream lasts; it ends on a whole frame, so every stream sends the same frames
//   SPREAD    seconds over which the starts of the streams are spread
//   FROM, TO  the window, in seconds since the start, whose begin and end are told on standard output
//
// Standard input holds a line a stream, "videoPort videoRtcpPort audioPort audioRtcpPort" (0: not sent), then an empty line. Standard output has
// a JSON object a line: "from", "to" and "end" with what was sent until then and the CPU seconds it took. After "end" the program waits for one
// more line: "bye" makes it send an RTCP BYE for each track. Nothing is read from the network.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <srtp2/srtp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SLOTS = 128, SLOT_BYTES = 1600, VIDEO = 0, AUDIO = 1, MARKER = 1, FIRST = 2 };

// The media file: a header, then records in the order of their times, then the payloads.
struct header {
  char magic[8];
  uint32_t records, loop_micros, pictures, sounds;
};
struct record {
  uint32_t at_micros, timestamp, offset;
  uint16_t length;
  uint8_t track, marks;
};

struct track {
  struct sockaddr_in media, rtcp;
  uint32_t ssrc, timestamp_base, packets, octets, frames, limit;
  uint16_t sequence;
  bool open;
};
struct stream {
  uint64_t start;
  uint64_t next_report;
  uint32_t next, loops;
  struct track tracks[2];
  bool done;
};

static const struct header *media;
static const struct record *records;
static const uint8_t *payloads;

static int wire;
static srtp_t srtp;
static bool is_encrypted;
static uint8_t slots[SLOTS][SLOT_BYTES];
static struct iovec vectors[SLOTS];
static struct mmsghdr messages[SLOTS];
static unsigned queued;
static uint64_t packets_sent, bytes_sent, reports_sent, send_errors, latest;

static uint64_t monotonic(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static void put16(uint8_t *to, uint16_t value) { value = htons(value); memcpy(to, &value, 2); }
static void put32(uint8_t *to, uint32_t value) { value = htonl(value); memcpy(to, &value, 4); }
static void fail(const char *what) { perror(what); exit(1); }

static void flush(void) {
  for (unsigned done = 0; done < queued;) {
    int sent = sendmmsg(wire, messages + done, queued - done, 0);
    if (sent > 0) { done += (unsigned)sent; continue; }
    if (errno == EINTR) continue;
    send_errors++;
    done++;
  }
  queued = 0;
}

static void queue(struct sockaddr_in *to, int length) {
  vectors[queued] = (struct iovec){slots[queued], (size_t)length};
  messages[queued].msg_hdr = (struct msghdr){.msg_name = to, .msg_namelen = sizeof *to, .msg_iov = &vectors[queued], .msg_iovlen = 1};
  bytes_sent += (uint64_t)length;
  if (++queued == SLOTS) flush();
}

static uint32_t clock_rate(int track) { return track == AUDIO ? 48000 : 90000; }

// The RTP packet of one record, with the two header extensions a browser behind an SFU sends most (abs-send-time, transport-wide sequence).
static void send_record(struct stream *stream, const struct record *record, uint64_t now) {
  struct track *track = &stream->tracks[record->track];
  uint8_t *packet = slots[queued];
  uint32_t loop_ticks = (uint32_t)((uint64_t)stream->loops * media->loop_micros / 1000 * (clock_rate(record->track) / 1000));
  bool is_marked = record->track == VIDEO && (record->marks & MARKER);
  packet[0] = 0x90;
  packet[1] = (uint8_t)((record->track == AUDIO ? 111 : 96) | (is_marked ? 0x80 : 0));
  put16(packet + 2, track->sequence);
  put32(packet + 4, track->timestamp_base + record->timestamp + loop_ticks);
  put32(packet + 8, track->ssrc);
  put32(packet + 12, 0xBEDE0002);
  uint32_t send_time = (uint32_t)((double)(now % 64000000000ull) * 262144e-9);
  packet[16] = 0x22;
  packet[17] = (uint8_t)(send_time >> 16);
  packet[18] = (uint8_t)(send_time >> 8);
  packet[19] = (uint8_t)send_time;
  packet[20] = 0x31;
  put16(packet + 21, track->sequence);
  packet[23] = 0;
  memcpy(packet + 24, payloads + record->offset, record->length);
  int length = 24 + record->length;
  if (record->track == VIDEO) {
    // The descriptor is X, I L T, 15-bit picture id, TL0PICIDX, TID: both counters go on when the media repeats.
    uint32_t picture = (((uint32_t)(packet[26] & 0x7f) << 8) | packet[27]) + stream->loops * media->pictures;
    put16(packet + 26, (uint16_t)(0x8000 | (picture & 0x7fff)));
    packet[28] = (uint8_t)picture;
  }
  track->sequence++;
  track->packets++;
  track->octets += record->length;
  if (is_encrypted) srtp_protect(srtp, packet, &length);
  packets_sent++;
  queue(&track->media, length);
}

static void send_report(struct stream *stream, int number, uint64_t now, uint64_t wall) {
  struct track *track = &stream->tracks[number];
  if (!track->packets || !track->rtcp.sin_port) return;
  uint8_t *packet = slots[queued];
  memset(packet, 0, 48);
  packet[0] = 0x80;
  packet[1] = 200;
  put16(packet + 2, 6);
  put32(packet + 4, track->ssrc);
  put32(packet + 8, (uint32_t)(wall / 1000000000 + 2208988800u));
  put32(packet + 12, (uint32_t)((double)(wall % 1000000000) * 4.294967296));
  put32(packet + 16, track->timestamp_base + (uint32_t)((double)(now - stream->start) * clock_rate(number) / 1e9));
  put32(packet + 20, track->packets);
  put32(packet + 24, track->octets);
  packet[28] = 0x81;  // SDES with a CNAME that the stream's two tracks share
  packet[29] = 202;
  put16(packet + 30, 4);
  put32(packet + 32, track->ssrc);
  packet[36] = 1;
  packet[37] = 8;
  char name[9];
  snprintf(name, sizeof name, "%08x", track->ssrc >> 1);
  memcpy(packet + 38, name, 8);
  int length = 48;
  if (is_encrypted) srtp_protect_rtcp(srtp, packet, &length);
  reports_sent++;
  queue(&track->rtcp, length);
}

static void send_bye(struct track *track) {
  if (!track->rtcp.sin_port) return;
  uint8_t *packet = slots[queued];
  put32(packet, 0x80C90001);
  put32(packet + 4, track->ssrc);
  put32(packet + 8, 0x81CB0001);
  put32(packet + 12, track->ssrc);
  int length = 16;
  if (is_encrypted) srtp_protect_rtcp(srtp, packet, &length);
  queue(&track->rtcp, length);
}

// Sends what is due of a stream.
static void serve(struct stream *stream, uint64_t now, uint64_t wall) {
  while (!stream->done) {
    const struct record *record = &records[stream->next];
    uint64_t due = stream->start + (uint64_t)stream->loops * media->loop_micros * 1000 + (uint64_t)record->at_micros * 1000;
    if (due > now) break;
    struct track *track = &stream->tracks[record->track];
    if (record->marks & FIRST) {
      if (track->frames == track->limit) track->open = false; else track->frames++;
    }
    if (track->open && track->media.sin_port) {
      if (now - due > latest) latest = now - due;
      send_record(stream, record, now);
    }
    stream->done = !stream->tracks[VIDEO].open && !stream->tracks[AUDIO].open;
    if (++stream->next == media->records) { stream->next = 0; stream->loops++; }
  }
  if (!stream->done && now >= stream->next_report) {
    send_report(stream, VIDEO, now, wall);
    send_report(stream, AUDIO, now, wall);
    stream->next_report += 1000000000;
  }
}

static double own_cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void tell(const char *event, const struct stream *streams, int count) {
  uint64_t pictures = 0, sounds = 0;
  for (int i = 0; i < count; i++) {
    pictures += streams[i].tracks[VIDEO].frames;
    sounds += streams[i].tracks[AUDIO].frames;
  }
  printf("{\"event\":\"%s\",\"packets\":%lu,\"bytes\":%lu,\"reports\":%lu,\"errors\":%lu,\"pictures\":%lu,\"sounds\":%lu,\"latestMilliseconds\":%.1f,"
         "\"cpuSeconds\":%.4f,\"perStream\":[", event, packets_sent, bytes_sent, reports_sent, send_errors, pictures, sounds, (double)latest / 1e6, own_cpu());
  for (int i = 0; i < count; i++) {
    printf("%s[%u,%u]", i ? "," : "", streams[i].tracks[VIDEO].packets, streams[i].tracks[AUDIO].packets);
  }
  printf("]}\n");
  fflush(stdout);
}

static void set_up_srtp(const char *suite, const char *hex) {
  static uint8_t key[64];
  for (int i = 0; i < 64 && hex[2 * i] && hex[2 * i + 1]; i++) sscanf(hex + 2 * i, "%2hhx", key + i);
  srtp_policy_t policy;
  memset(&policy, 0, sizeof policy);
  void (*set)(srtp_crypto_policy_t *) = NULL;
  if (!strcmp(suite, "AES_CM_128_HMAC_SHA1_80")) set = srtp_crypto_policy_set_rtp_default;
  if (!strcmp(suite, "AES_CM_128_HMAC_SHA1_32")) set = srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32;
  if (!strcmp(suite, "AEAD_AES_128_GCM")) set = srtp_crypto_policy_set_aes_gcm_128_16_auth;
  if (!strcmp(suite, "AEAD_AES_256_GCM")) set = srtp_crypto_policy_set_aes_gcm_256_16_auth;
  if (!set) { fprintf(stderr, "sender: unknown suite %s\n", suite); exit(2); }
  set(&policy.rtp);
  set(&policy.rtcp);
  // SRTCP keeps the 80-bit tag under the 32-bit suite (RFC 4568 section 6.2.2).
  if (!strcmp(suite, "AES_CM_128_HMAC_SHA1_32")) srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
  policy.ssrc.type = ssrc_any_outbound;
  policy.key = key;
  if (srtp_init() || srtp_create(&srtp, &policy)) { fprintf(stderr, "sender: no SRTP session\n"); exit(1); }
  is_encrypted = true;
}

static void map_media(const char *path) {
  int file = open(path, O_RDONLY);
  struct stat facts;
  if (file < 0 || fstat(file, &facts)) fail(path);
  const uint8_t *bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (bytes == MAP_FAILED) fail(path);
  media = (const void *)bytes;
  if (memcmp(media->magic, "PACED001", 8)) { fprintf(stderr, "sender: %s is no media file\n", path); exit(1); }
  records = (const void *)(bytes + sizeof *media);
  payloads = bytes + sizeof *media + media->records * sizeof *records;
}

static struct stream *read_streams(double seconds, int *count) {
  struct stream *streams = NULL;
  char line[128];
  *count = 0;
  while (fgets(line, sizeof line, stdin) && line[0] != '\n') {
    unsigned ports[4];
    if (sscanf(line, "%u %u %u %u", &ports[0], &ports[1], &ports[2], &ports[3]) != 4) { fprintf(stderr, "sender: bad line: %s", line); exit(2); }
    streams = realloc(streams, (size_t)(*count + 1) * sizeof *streams);
    struct stream *stream = &streams[*count];
    memset(stream, 0, sizeof *stream);
    for (int number = VIDEO; number <= AUDIO; number++) {
      struct track *track = &stream->tracks[number];
      struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
      track->media = track->rtcp = to;
      track->media.sin_port = htons((uint16_t)ports[2 * number]);
      track->rtcp.sin_port = htons((uint16_t)ports[2 * number + 1]);
      track->ssrc = 0x10000000u + 2 * (unsigned)*count + (unsigned)number;
      track->sequence = (uint16_t)(977 * *count + 40000 * number);
      track->timestamp_base = 0x9E3779B9u * (unsigned)(2 * *count + number + 1);
      track->open = number == VIDEO ? media->pictures > 0 : media->sounds > 0;
      track->limit = (uint32_t)(seconds * (number == VIDEO ? 30 : 50) + 0.5);
    }
    ++*count;
  }
  return streams;
}

int main(int argc, char **argv) {
  if (argc != 6 && argc != 8) { fprintf(stderr, "usage: sender MEDIA SECONDS SPREAD FROM TO [SUITE KEYHEX] < PORTS\n"); return 2; }
  map_media(argv[1]);
  double seconds = atof(argv[2]), spread = atof(argv[3]), from = atof(argv[4]), to = atof(argv[5]);
  if (argc == 8) set_up_srtp(argv[6], argv[7]);
  int count;
  struct stream *streams = read_streams(seconds, &count);
  wire = socket(AF_INET, SOCK_DGRAM, 0);
  int buffer = 8 << 20;
  setsockopt(wire, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);

  uint64_t start = monotonic() + 50000000;
  struct timespec clock;
  clock_gettime(CLOCK_REALTIME, &clock);
  uint64_t wall_start = (uint64_t)clock.tv_sec * 1000000000 + (uint64_t)clock.tv_nsec + 50000000;
  for (int i = 0; i < count; i++) {
    // The golden ratio spreads any number of phases evenly.
    double phase = 0.6180339887 * i;
    phase -= (double)(long)phase;
    streams[i].start = start + (uint64_t)(phase * spread * 1e9);
    streams[i].next_report = streams[i].start + 100000000;
  }
  bool told_from = false, told_to = false, are_done = false;
  for (uint64_t tick = start; !are_done || !told_to; tick += 1000000) {
    uint64_t now = monotonic();
    if (now < tick) {
      struct timespec until = {(time_t)(tick / 1000000000), (long)(tick % 1000000000)};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
      now = monotonic();
    }
    are_done = true;
    for (int i = 0; i < count; i++) {
      if (now < streams[i].start) { are_done = false; continue; }
      serve(&streams[i], now, wall_start + (now - start));
      are_done = are_done && streams[i].done;
    }
    flush();
    double elapsed = now < start ? 0 : (double)(now - start) / 1e9;
    if (!told_from && elapsed >= from) { tell("from", streams, count); told_from = true; }
    if (!told_to && elapsed >= to) { tell("to", streams, count); told_to = true; }
    if (tick + 5000000 < now) tick = now;
  }
  tell("end", streams, count);
  char line[16];
  if (fgets(line, sizeof line, stdin) && !strncmp(line, "bye", 3)) {
    for (int i = 0; i < count; i++) {
      send_bye(&streams[i].tracks[VIDEO]);
      send_bye(&streams[i].tracks[AUDIO]);
    }
    flush();
  }
  return 0;
}
