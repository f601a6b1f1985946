// What the server models need and Swift cannot say: fork(2), which Swift does not import, the signal handlers that go with
// it, and calls on sockets that wait. Every call answers its result, or -errno.
#ifndef CSERVERMODELS_H
#define CSERVERMODELS_H

#include <stddef.h>
#include <sys/socket.h>

// MARK: processes

// The children at once at most.
enum { cmodels_most_children = 4096 };

// From now on SIGTERM and SIGINT do not end this process, but make cmodels_is_ending() true, and wake whoever waits: the
// socket is shut down, so that accept(2) fails, and what else waits is interrupted (EINTR), again each second.
void cmodels_end_on_signals(int socket);
int cmodels_is_ending(void);
// The end of standard input counts as SIGTERM: who wanted this process is gone.
void cmodels_end_with_input(void);

// SIGUSR2 prints, from now on, that it does not restart this program.
void cmodels_refuse_restart(void);

// From now on children that end are reaped (SIGCHLD), so that none stays behind as a zombie.
void cmodels_reap_children(void);
// fork(2): 0 in the child, which has none of the handlers above, and which the kernel kills when its parent ends.
long cmodels_fork(void);
// How many children there are.
int cmodels_children(void);
// Waits until there are fewer children than that, or the process is to end.
void cmodels_wait_for_fewer_children(int count);
// Asks all children to end (SIGTERM), and waits until none is left.
void cmodels_end_children(void);

// How many threads this process has.
int cmodels_threads(void);

// MARK: sockets that wait

// Takes O_NONBLOCK away from a descriptor.
long cmodels_make_blocking(int fd);
// accept(2), close-on-exec; the new socket waits as well.
long cmodels_accept(int listener);
// How long receiving, sending and connecting wait at most (SO_RCVTIMEO, SO_SNDTIMEO); they fail with EAGAIN then.
long cmodels_limit_waits(int fd, int milliseconds);

// Who sent a datagram, and which address of this machine it was sent to (IP_PKTINFO): the answer leaves from there.
struct cmodels_peer {
  struct sockaddr_storage address;
  socklen_t length;
  long local[8];  // aligned for a struct cmsghdr
  size_t local_length;
};
// Asks for the second one, which a socket does not know otherwise that is bound to all addresses.
long cmodels_report_local(int fd, int is_ipv6);
long cmodels_recvfrom(int fd, void *bytes, size_t count, struct cmodels_peer *peer);
long cmodels_sendto(int fd, const void *bytes, size_t count, const struct cmodels_peer *peer);

#endif
