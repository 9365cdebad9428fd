#pragma once
// What Swift cannot import of OpenSSL's libssl (macros and varargs), and the clock that it reads its DTLS timers from.
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <sys/time.h>

static const uint64_t CTLS_OP_NO_TICKET = SSL_OP_NO_TICKET;
static const uint64_t CTLS_OP_NO_RENEGOTIATION = SSL_OP_NO_RENEGOTIATION;
static const uint64_t CTLS_OP_NO_COMPRESSION = SSL_OP_NO_COMPRESSION;
static const uint64_t CTLS_OP_CIPHER_SERVER_PREFERENCE = SSL_OP_CIPHER_SERVER_PREFERENCE;

static inline int ctls_context_set_versions(SSL_CTX *context, int minimum, int maximum) {
  return SSL_CTX_set_min_proto_version(context, minimum) && SSL_CTX_set_max_proto_version(context, maximum);
}
static inline int ctls_context_set_groups(SSL_CTX *context, const char *groups) {
  return (int)SSL_CTX_set1_groups_list(context, groups);
}
static inline void ctls_context_disable_session_cache(SSL_CTX *context) {
  (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline EVP_PKEY *ctls_generate_p256(void) { return EVP_EC_gen("P-256"); }
static inline int ctls_handle_timeout(SSL *ssl) { return (int)DTLSv1_handle_timeout(ssl); }

// OpenSSL asks gettimeofday for its retransmission timers and offers no way to hand it a time. CTLS defines that function for the
// process: it answers the wall clock, as everywhere, except on a thread between these two calls, where it answers what was set.
void ctls_clock_set(int64_t microseconds);
void ctls_clock_clear(void);
