#pragma once
#include <microhttpd.h>
#include <string.h>

// libmicrohttpd takes its options as variable arguments, which Swift cannot pass.

/* Paths are decoded by us, part by part: decoded here, an escaped slash could not be told from a real one. */
static inline size_t chttp_leave_escaped(void *context, struct MHD_Connection *connection, char *text) {
  (void)context;
  (void)connection;
  return strlen(text);
}

/* A thread per connection on a socket that is already listening; the daemon closes the socket when it stops. Every callback gets `context`. */
static inline struct MHD_Daemon *chttp_start(
    int listener, unsigned int connections, unsigned int timeout_seconds, size_t connection_bytes, size_t stack_bytes,
    void *context, MHD_AcceptPolicyCallback accept, MHD_NotifyConnectionCallback connection,
    void *(*begin)(void *context, const char *target, struct MHD_Connection *connection), MHD_AccessHandlerCallback handle,
    MHD_RequestCompletedCallback completed) {
  return MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC, 0, accept, context, handle,
      context, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_TIMEOUT,
      timeout_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_bytes, MHD_OPTION_THREAD_STACK_SIZE, stack_bytes,
      MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, chttp_leave_escaped, (void *)0,
      MHD_OPTION_NOTIFY_CONNECTION, connection, context, MHD_OPTION_URI_LOG_CALLBACK, begin, context,
      MHD_OPTION_NOTIFY_COMPLETED, completed, context, MHD_OPTION_END);
}

static inline void chttp_set_timeout(struct MHD_Connection *connection, unsigned int seconds) {
  MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

/* The connection's descriptor, or -1. */
static inline int chttp_descriptor(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? info->connect_fd : -1;
}

/* What the connection notifier stored for this connection. */
static inline void *chttp_connection_context(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : (void *)0;
}
