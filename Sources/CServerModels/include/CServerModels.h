// The parts of the server models that Swift cannot express: fork(2), which Swift does not import, its signal handlers,
// and calls on blocking sockets. Every call returns its result or -errno.
#ifndef CSERVERMODELS_H
#define CSERVERMODELS_H

#include <stddef.h>
#include <sys/socket.h>

// MARK: processes

// The maximum number of simultaneous children.
enum { cmodels_most_children = 4096 };

// Makes SIGTERM and SIGINT set cmodels_is_ending() instead of ending this process. They also interrupt blocking calls:
// the socket is shut down, so that accept(2) fails, and an alarm interrupts other calls (EINTR) every second.
void cmodels_end_on_signals(int socket);
int cmodels_is_ending(void);
// Treats the end of standard input as SIGTERM: the process that started this one has exited.
void cmodels_end_with_input(void);

// Makes SIGUSR2 print that it does not restart this program.
void cmodels_refuse_restart(void);

// Reaps children when they exit (SIGCHLD), so that they do not remain as zombies.
void cmodels_reap_children(void);
// fork(2): returns 0 in the child, which has none of the handlers above, and which the kernel kills when its parent
// exits.
long cmodels_fork(void);
// Returns the number of children.
int cmodels_children(void);
// Waits until there are fewer than `count` children, or the process is ending.
void cmodels_wait_for_fewer_children(int count);
// Terminates all children (SIGTERM) and waits until they have exited.
void cmodels_end_children(void);

// Returns the number of threads of this process.
int cmodels_threads(void);

// MARK: blocking sockets

// Clears O_NONBLOCK of a descriptor.
long cmodels_make_blocking(int fd);
// accept4(2), close-on-exec. The new socket is blocking as well.
long cmodels_accept(int listener);
// Limits how long receiving, sending and connecting block (SO_RCVTIMEO, SO_SNDTIMEO). After that they fail with EAGAIN.
long cmodels_limit_waits(int fd, int milliseconds);

// The source of a datagram, and the local address that it was sent to (IP_PKTINFO), from which the reply is sent.
struct cmodels_peer {
  struct sockaddr_storage address;
  socklen_t length;
  long local[8];  // aligned for a struct cmsghdr
  size_t local_length;
};
// Enables reporting of the local address, which a socket bound to all addresses cannot determine otherwise.
long cmodels_report_local(int fd, int is_ipv6);
long cmodels_recvfrom(int fd, void *bytes, size_t count, struct cmodels_peer *peer);
long cmodels_sendto(int fd, const void *bytes, size_t count, const struct cmodels_peer *peer);

#endif
