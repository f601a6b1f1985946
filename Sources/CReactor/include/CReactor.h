// System calls that Swift cannot import from the C library, or not everywhere in the same way: variadic functions,
// macros, packed structures. Every call returns its result or -errno, read at once so that nothing overwrites it.
// The wrappers contain no logic.
#ifndef CREACTOR_H
#define CREACTOR_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// _GNU_SOURCE is not defined here: with it, fd_set and others have definitions that differ from those of Swift's Glibc
// module, and the two modules could not be imported together. Its declarations are repeated by hand.
struct timespec;
extern int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
extern int ppoll(struct pollfd *entries, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
extern long syscall(long number, ...);
extern void *memmem(const void *bytes, size_t count, const void *pattern, size_t length);

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#ifndef IPV6_RECVPKTINFO
#define IPV6_RECVPKTINFO 49
#define IPV6_PKTINFO 50
#endif

// Inlined into the Swift caller, because an additional function call would be measurable on the hot path.
#define CREACTOR_CALL static inline __attribute__((always_inline))

CREACTOR_CALL long creactor_result(long result) { return result < 0 ? -(long)errno : result; }

// The name of an error number, such as EAGAIN; null where the C library does not have it (strerror(3), glibc 2.32).
CREACTOR_CALL const char *creactor_errno_name(int number) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
  extern const char *strerrorname_np(int number);
  return strerrorname_np(number);
#else
  (void)number;
  return 0;
#endif
}

// MARK: the hot path

// A system call without glibc's wrapper, for recv and send. The wrappers are cancellation points, which cost 50 instructions
// more per call as soon as the process has a second thread; no thread here is ever cancelled. Returns -errno, as the kernel
// does (syscall(2), "Architecture calling conventions").
CREACTOR_CALL long creactor_syscall(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
  return creactor_result(syscall(number, a, b, c, d, e, f));
#endif
}

// MARK: epoll

enum { creactor_epoll_event_size = sizeof(struct epoll_event) };

CREACTOR_CALL long creactor_epoll_create(void) { return creactor_result(epoll_create1(EPOLL_CLOEXEC)); }

CREACTOR_CALL long creactor_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data = {.u64 = data}};
  return creactor_result(epoll_ctl(epoll, operation, fd, &event));
}

// Waits with a nanosecond timeout (Linux 5.11); -ENOSYS on older kernels.
CREACTOR_CALL long creactor_epoll_pwait2(int epoll, void *events, int count, int64_t nanoseconds) {
#ifdef SYS_epoll_pwait2
  struct { int64_t seconds, nanoseconds; } timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  return creactor_result(
      syscall(SYS_epoll_pwait2, epoll, events, count, nanoseconds < 0 ? (void *)0 : &timeout, (void *)0, 0L));
#else
  return -ENOSYS;
#endif
}

CREACTOR_CALL long creactor_epoll_wait(int epoll, void *events, int count, int milliseconds) {
  return creactor_result(epoll_wait(epoll, (struct epoll_event *)events, count, milliseconds));
}

// MARK: poll and select

CREACTOR_CALL long creactor_poll(void *entries, unsigned long count, int64_t nanoseconds) {
  struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  return creactor_result(ppoll((struct pollfd *)entries, count, nanoseconds < 0 ? 0 : &timeout, 0));
}

// The system call takes bitmaps of any length; only the C library's fd_set is limited to 1,024 descriptors. The last
// argument is passed on the stack: it must be as wide as a pointer, or its upper half is undefined (EFAULT).
CREACTOR_CALL long creactor_select(int highest, void *read, void *write, void *except, int64_t nanoseconds) {
  struct timespec timeout = {nanoseconds / 1000000000, nanoseconds % 1000000000};
  return creactor_result(
      syscall(SYS_pselect6, highest, read, write, except, nanoseconds < 0 ? (void *)0 : &timeout, (void *)0));
}

// MARK: sockets

CREACTOR_CALL long creactor_socket(int family, int type) {
  return creactor_result(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}
CREACTOR_CALL long creactor_accept(int fd, void *address, socklen_t *length) {
  return creactor_result(accept4(fd, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}
CREACTOR_CALL long creactor_bind(int fd, const void *address, socklen_t length) {
  return creactor_result(bind(fd, (const struct sockaddr *)address, length));
}
CREACTOR_CALL long creactor_connect(int fd, const void *address, socklen_t length) {
  return creactor_result(connect(fd, (const struct sockaddr *)address, length));
}
CREACTOR_CALL long creactor_listen(int fd, int backlog) { return creactor_result(listen(fd, backlog)); }
CREACTOR_CALL long creactor_getsockname(int fd, void *address, socklen_t *length) {
  return creactor_result(getsockname(fd, (struct sockaddr *)address, length));
}
CREACTOR_CALL long creactor_getpeername(int fd, void *address, socklen_t *length) {
  return creactor_result(getpeername(fd, (struct sockaddr *)address, length));
}
CREACTOR_CALL long creactor_setsockopt(int fd, int level, int name, int value) {
  return creactor_result(setsockopt(fd, level, name, &value, sizeof value));
}
CREACTOR_CALL long creactor_setsockopt_linger(int fd, int on, int seconds) {
  struct linger value = {on, seconds};
  return creactor_result(setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value));
}
CREACTOR_CALL long creactor_getsockopt(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  long result = creactor_result(getsockopt(fd, level, name, &value, &length));
  return result < 0 ? result : value;
}
CREACTOR_CALL long creactor_recv(int fd, void *bytes, size_t count) {
  return creactor_syscall(SYS_recvfrom, fd, (long)bytes, (long)count, 0, 0, 0);
}
CREACTOR_CALL long creactor_peek(int fd, void *bytes, size_t count) {
  return creactor_result(recv(fd, bytes, count, MSG_PEEK));
}
CREACTOR_CALL long creactor_send(int fd, const void *bytes, size_t count) {
  return creactor_syscall(SYS_sendto, fd, (long)bytes, (long)count, MSG_NOSIGNAL, 0, 0);
}
CREACTOR_CALL long creactor_sendfile(int socket, int file, int64_t offset, size_t count) {
  off_t from = offset;
  return creactor_result(sendfile(socket, file, &from, count));
}
// Returns the number of bytes that the peer has not acknowledged. SIOCOUTQ is an alias of TIOCOUTQ (tcp(7)).
CREACTOR_CALL long creactor_unacknowledged(int fd) {
  int count = 0;
  long result = creactor_result(ioctl(fd, TIOCOUTQ, &count));
  return result < 0 ? result : count;
}
CREACTOR_CALL long creactor_shutdown_write(int fd) { return creactor_result(shutdown(fd, SHUT_WR)); }

// Sends bytes and descriptors over a Unix socket (SCM_RIGHTS in unix(7)); -EINVAL for more than the kernel's maximum.
enum { creactor_most_descriptors = 253 };
CREACTOR_CALL long creactor_send_descriptors(int fd, const void *bytes, size_t length, const int *descriptors, int count) {
  union { struct cmsghdr header; char bytes[CMSG_SPACE(creactor_most_descriptors * sizeof(int))]; } control;
  if (count < 1 || count > creactor_most_descriptors) return -EINVAL;
  struct iovec piece = {(void *)bytes, length};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  memset(&control, 0, sizeof control);
  message.msg_iov = &piece, message.msg_iovlen = 1;
  message.msg_control = &control, message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
  control.header.cmsg_level = SOL_SOCKET, control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
  memcpy(CMSG_DATA(&control.header), descriptors, (size_t)count * sizeof(int));
  return creactor_result(sendmsg(fd, &message, MSG_NOSIGNAL));
}
// Receives bytes and up to `capacity` descriptors, which are close-on-exec. Sets `found` to their number, and `truncated`
// if more were sent or this process had no room for them; the kernel has dropped those.
CREACTOR_CALL long creactor_receive_descriptors(
    int fd, void *bytes, size_t length, int *descriptors, int capacity, int *found, int *truncated) {
  union { struct cmsghdr header; char bytes[CMSG_SPACE(creactor_most_descriptors * sizeof(int))]; } control;
  struct iovec piece = {bytes, length};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  if (capacity > creactor_most_descriptors) capacity = creactor_most_descriptors;
  message.msg_iov = &piece, message.msg_iovlen = 1;
  message.msg_control = &control, message.msg_controllen = CMSG_LEN((size_t)capacity * sizeof(int));
  *found = *truncated = 0;
  long result = creactor_result(recvmsg(fd, &message, MSG_CMSG_CLOEXEC));
  if (result < 0) return result;
  *truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    for (int index = 0; index < count && *found < capacity; index++)
      memcpy(&descriptors[(*found)++], CMSG_DATA(header) + (size_t)index * sizeof(int), sizeof(int));
  }
  return result;
}

// MARK: names

// Asks the name servers for the SRV records of a service (res_query(3)). Returns the length of the reply, which may exceed
// the capacity, or the negated h_errno.
CREACTOR_CALL long creactor_query_services(const char *name, unsigned char *reply, int capacity) {
  int length = res_query(name, 1 /* IN */, 33 /* SRV */, reply, capacity);
  return length < 0 ? -(long)h_errno : length;
}

// MARK: Unix sockets and their paths

// The process, user and group of the peer at the time of connect(2) (SO_PEERCRED in unix(7)). struct ucred needs
// _GNU_SOURCE, so it is declared by hand.
struct creactor_credentials {
  int32_t process;
  uint32_t user, group;
};
CREACTOR_CALL long creactor_peer_credentials(int fd, struct creactor_credentials *credentials) {
  socklen_t length = sizeof *credentials;
  return creactor_result(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, &length));
}

struct creactor_path_status {
  uint64_t device, inode;
  uint32_t mode;
};
CREACTOR_CALL long creactor_lstat(const char *path, struct creactor_path_status *status) {
  struct stat found;
  long result = creactor_result(lstat(path, &found));
  if (result == 0) *status = (struct creactor_path_status){found.st_dev, found.st_ino, found.st_mode};
  return result;
}
CREACTOR_CALL long creactor_unlink(const char *path) { return creactor_result(unlink(path)); }
CREACTOR_CALL long creactor_chmod(const char *path, unsigned mode) { return creactor_result(chmod(path, mode)); }
CREACTOR_CALL long creactor_fchmod(int fd, unsigned mode) { return creactor_result(fchmod(fd, mode)); }
// Opens and locks a directory; -EWOULDBLOCK if it is locked already. close(2) unlocks it.
CREACTOR_CALL long creactor_lock_directory(const char *path) {
  long fd = creactor_result(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0) return fd;
  long result = creactor_result(flock((int)fd, LOCK_EX | LOCK_NB));
  if (result == 0) return fd;
  close((int)fd);
  return result;
}
// Unlocks and closes it. A duplicate in a forked child would otherwise keep the lock.
CREACTOR_CALL long creactor_unlock_directory(int fd) {
  flock(fd, LOCK_UN);
  return creactor_result(close(fd));
}

// MARK: datagrams

// The kernel's struct mmsghdr (recvmmsg(2)), which the C library declares with _GNU_SOURCE only.
struct creactor_message {
  struct msghdr header;
  unsigned int length;
};

// Sets the fields that stay the same when a message is reused. Their types differ between C libraries.
CREACTOR_CALL void creactor_message_prepare(struct creactor_message *message, void *address, struct iovec *piece) {
  memset(message, 0, sizeof *message);
  message->header.msg_name = address;
  message->header.msg_iov = piece;
  message->header.msg_iovlen = 1;
}
// The local address that a datagram was sent to, or is sent from (IP_PKTINFO in ip(7), IPV6_PKTINFO in ipv6(7)). The C
// library declares struct in6_pktinfo with _GNU_SOURCE only.
struct creactor_in6_pktinfo {
  struct in6_addr address;
  unsigned int interface;
};
enum { creactor_control_size = CMSG_SPACE(sizeof(struct creactor_in6_pktinfo)) };
CREACTOR_CALL void creactor_message_set_control(struct creactor_message *message, void *control, size_t size) {
  message->header.msg_control = control;
  message->header.msg_controllen = size;
}
// Copies the local address, in network byte order, and its interface index. Returns its family, or 0 if it is missing.
CREACTOR_CALL int creactor_message_local(struct creactor_message *message, void *address, unsigned *interface) {
  for (struct cmsghdr *control = CMSG_FIRSTHDR(&message->header); control; control = CMSG_NXTHDR(&message->header, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(control), sizeof info);
      // Not ipi_addr, which is the destination in the header and may be a broadcast address.
      memcpy(address, &info.ipi_spec_dst, sizeof info.ipi_spec_dst);
      *interface = (unsigned)info.ipi_ifindex;
      return AF_INET;
    }
    if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      struct creactor_in6_pktinfo info;
      memcpy(&info, CMSG_DATA(control), sizeof info);
      memcpy(address, &info.address, sizeof info.address);
      *interface = info.interface;
      return AF_INET6;
    }
  }
  return 0;
}
// Sets the local address of a message, in memory of creactor_control_size bytes that the message then points to.
CREACTOR_CALL void creactor_message_set_local(
    struct creactor_message *message, void *control, int family, const void *address, unsigned interface) {
  memset(control, 0, creactor_control_size);
  struct cmsghdr *header = (struct cmsghdr *)control;
  if (family == AF_INET) {
    struct in_pktinfo info = {.ipi_ifindex = (int)interface};
    memcpy(&info.ipi_spec_dst, address, sizeof info.ipi_spec_dst);
    header->cmsg_level = IPPROTO_IP, header->cmsg_type = IP_PKTINFO, header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
    creactor_message_set_control(message, control, CMSG_SPACE(sizeof info));
  } else {
    struct creactor_in6_pktinfo info = {.interface = interface};
    memcpy(&info.address, address, sizeof info.address);
    header->cmsg_level = IPPROTO_IPV6, header->cmsg_type = IPV6_PKTINFO, header->cmsg_len = CMSG_LEN(sizeof info);
    memcpy(CMSG_DATA(header), &info, sizeof info);
    creactor_message_set_control(message, control, CMSG_SPACE(sizeof info));
  }
}
CREACTOR_CALL int creactor_message_is_truncated(const struct creactor_message *message) {
  return (message->header.msg_flags & MSG_TRUNC) != 0;
}
CREACTOR_CALL long creactor_recvmmsg(int fd, struct creactor_message *messages, unsigned long count) {
  return creactor_result(syscall(SYS_recvmmsg, (long)fd, messages, count, (long)MSG_DONTWAIT, (void *)0));
}
CREACTOR_CALL long creactor_sendmmsg(int fd, struct creactor_message *messages, unsigned long count) {
  return creactor_result(syscall(SYS_sendmmsg, (long)fd, messages, count, (long)(MSG_DONTWAIT | MSG_NOSIGNAL)));
}

// Joins (1) or leaves (0) a multicast group. The address is in network byte order.
CREACTOR_CALL long creactor_membership_ipv4(int fd, uint32_t group, unsigned interface, int joins) {
  struct ip_mreqn request = {.imr_multiaddr = {group}, .imr_ifindex = (int)interface};
  return creactor_result(
      setsockopt(fd, IPPROTO_IP, joins ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP, &request, sizeof request));
}
CREACTOR_CALL long creactor_membership_ipv6(int fd, const void *group, unsigned interface, int joins) {
  struct ipv6_mreq request = {.ipv6mr_interface = interface};
  memcpy(&request.ipv6mr_multiaddr, group, sizeof request.ipv6mr_multiaddr);
  return creactor_result(
      setsockopt(fd, IPPROTO_IPV6, joins ? IPV6_JOIN_GROUP : IPV6_LEAVE_GROUP, &request, sizeof request));
}
// Selects the outgoing interface of multicast.
CREACTOR_CALL long creactor_multicast_interface(int fd, int is_ipv6, unsigned interface) {
  if (is_ipv6) return creactor_setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)interface);
  struct ip_mreqn request = {.imr_ifindex = (int)interface};
  return creactor_result(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request));
}

// MARK: descriptors

CREACTOR_CALL long creactor_read(int fd, void *bytes, size_t count) { return creactor_result(read(fd, bytes, count)); }
CREACTOR_CALL long creactor_write(int fd, const void *bytes, size_t count) {
  return creactor_result(write(fd, bytes, count));
}
CREACTOR_CALL long creactor_close(int fd) { return creactor_result(close(fd)); }
// Makes an inherited descriptor non-blocking and close-on-exec, like those created here.
CREACTOR_CALL long creactor_adopt(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -(long)errno;
  return creactor_result(fcntl(fd, F_SETFD, FD_CLOEXEC));
}
// What a descriptor refers to: its status flags (F_GETFL), the mode of its file, and for a socket its type and whether it
// listens.
struct creactor_descriptor {
  int32_t flags, mode, type, listens;
};
CREACTOR_CALL long creactor_describe(int fd, struct creactor_descriptor *found) {
  struct stat status;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &status) < 0) return -(long)errno;
  *found = (struct creactor_descriptor){flags, (int32_t)status.st_mode, 0, 0};
  if (S_ISSOCK(status.st_mode)) {
    found->type = (int32_t)creactor_getsockopt(fd, SOL_SOCKET, SO_TYPE);
    found->listens = creactor_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1;
  }
  return 0;
}
CREACTOR_CALL long creactor_set_status_flags(int fd, int flags) { return creactor_result(fcntl(fd, F_SETFL, flags)); }
CREACTOR_CALL long creactor_set_close_on_exec(int fd) { return creactor_result(fcntl(fd, F_SETFD, FD_CLOEXEC)); }
CREACTOR_CALL long creactor_eventfd(void) { return creactor_result(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }
// Opens /dev/null for each closed standard stream (0, 1 or 2), so that no other descriptor gets its number. It is
// opened for the opposite direction: using the stream still fails with EBADF.
CREACTOR_CALL void creactor_occupy_standard_streams(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0) (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}
CREACTOR_CALL long creactor_open_null(void) { return creactor_result(open("/dev/null", O_RDONLY | O_CLOEXEC)); }
CREACTOR_CALL long creactor_descriptor_limit(void) {
  struct rlimit limit;
  long result = creactor_result(getrlimit(RLIMIT_NOFILE, &limit));
  return result < 0 ? result : limit.rlim_cur > INT32_MAX ? INT32_MAX : (long)limit.rlim_cur;
}

// MARK: files below a directory

// The C library has no wrapper for openat2(2), and may lack its header. The kernel's numbers are the same everywhere.
enum { creactor_resolve_no_magic_links = 0x02, creactor_resolve_beneath = 0x08 };

// Opens a path below a directory with openat2(2). Neither the path nor symbolic links can lead outside of the
// directory. The descriptor is close-on-exec. O_NONBLOCK and O_NOCTTY keep the call from waiting for a FIFO's other end
// and from acquiring a controlling terminal; O_PATH does neither and does not permit these flags.
CREACTOR_CALL long creactor_open_beneath(int directory, const char *path, int flags, uint32_t mode) {
  struct { uint64_t flags, mode, resolve; } how = {
      .flags = (uint64_t)(uint32_t)(flags | O_CLOEXEC | (flags & 010000000 /* O_PATH */ ? 0 : O_NONBLOCK | O_NOCTTY)),
      .mode = mode,
      .resolve = creactor_resolve_beneath | creactor_resolve_no_magic_links};
  return creactor_result(syscall(437L /* SYS_openat2 */, directory, path, &how, sizeof how));
}

// The following functions take a directory opened with O_PATH and the name of an entry without a slash, so that no
// symbolic link leads them elsewhere, even if files are renamed or replaced meanwhile.

// Creates a new file and opens it for reading and writing; -EEXIST if it exists.
CREACTOR_CALL long creactor_create_in(int directory, const char *name, uint32_t mode) {
  return creactor_result(openat(directory, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
}
CREACTOR_CALL long creactor_remove_in(int directory, const char *name) {
  return creactor_result(unlinkat(directory, name, 0));
}
CREACTOR_CALL long creactor_replace_in(int directory, const char *from, const char *to) {
  return creactor_result(renameat(directory, from, directory, to));
}
// Renames a file without replacing another (renameat2(2), RENAME_NOREPLACE). On file systems without support for this,
// it links the file to the new name and then unlinks the old one.
CREACTOR_CALL long creactor_rename_in(int directory, const char *from, const char *to) {
  long result = creactor_result(syscall(SYS_renameat2, (long)directory, from, (long)directory, to, 1L));
  if (result != -EINVAL && result != -ENOSYS) return result;
  result = creactor_result(linkat(directory, from, directory, to, 0));
  return result < 0 ? result : creactor_result(unlinkat(directory, from, 0));
}
struct creactor_file_status {
  int64_t size, seconds, nanoseconds;
  uint64_t inode;
  uint32_t mode;
};
// Reads the status of an entry, without following a symbolic link.
CREACTOR_CALL long creactor_status_in(int directory, const char *name, struct creactor_file_status *status) {
  struct stat found;
  long result = creactor_result(fstatat(directory, name, &found, AT_SYMLINK_NOFOLLOW));
  if (result == 0)
    *status = (struct creactor_file_status){found.st_size, found.st_mtim.tv_sec, found.st_mtim.tv_nsec, found.st_ino, found.st_mode};
  return result;
}
CREACTOR_CALL long creactor_duplicate(int fd) { return creactor_result(fcntl(fd, F_DUPFD_CLOEXEC, 0)); }
CREACTOR_CALL long creactor_sync(int fd) { return creactor_result(fdatasync(fd)); }

// MARK: signals

// Creates a signalfd. Bit 0 is signal 1. -EINVAL for signals that the C library reserves.
CREACTOR_CALL long creactor_signalfd(uint64_t signals) {
  sigset_t set;
  sigemptyset(&set);
  for (int number = 1; number <= 64; number++)
    if (signals >> (number - 1) & 1 && sigaddset(&set, number) < 0) return -(long)errno;
  return creactor_result(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
}
// Blocks (or unblocks) a signal in this thread. Returns 1 if it was blocked before, else 0. Threads created by
// creactor_start_thread do not inherit signals blocked here.
long creactor_block_signal(int number, int block);

// The range of real-time signals that programs may use (signal(7)); the C library reserves those below it.
CREACTOR_CALL int creactor_first_realtime_signal(void) { return SIGRTMIN; }
CREACTOR_CALL int creactor_last_signal(void) { return SIGRTMAX; }

// The thread ID of this thread (gettid(2)).
CREACTOR_CALL int creactor_thread_number(void) { return (int)syscall(SYS_gettid); }

// Forwards a signal from any thread to the given one, which blocks it and reads it from a signalfd. The second function
// changes the thread, the third restores the former action.
long creactor_begin_forwarding(int number, int thread);
void creactor_change_forwarding(int number, int thread);
void creactor_end_forwarding(int number);

// Consumes a pending signal without waiting; -EAGAIN if it is not pending.
CREACTOR_CALL long creactor_take_pending_signal(int number) {
  const struct timespec now = {0, 0};
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  return creactor_result(sigtimedwait(&set, 0, &now));
}
CREACTOR_CALL long creactor_read_signal(int fd) {
  struct signalfd_siginfo information;
  long result = creactor_result(read(fd, &information, sizeof information));
  return result < 0 ? result : (long)information.ssi_signo;
}

// MARK: time

CREACTOR_CALL int64_t creactor_monotonic_nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

// Returns the processor's time-stamp counter, in unspecified units, at a cost of a few cycles. On processors without a
// counter that programs can read, it returns the monotonic clock.
CREACTOR_CALL uint64_t creactor_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  return (uint64_t)creactor_monotonic_nanoseconds();
#endif
}

// MARK: searching

// Return the offset of the first occurrence of a byte or a pattern, or -1. The C library uses vector instructions.
CREACTOR_CALL long creactor_find_byte(const void *bytes, size_t count, int byte) {
  const char *found = count ? (const char *)memchr(bytes, byte, count) : 0;
  return found ? found - (const char *)bytes : -1;
}
CREACTOR_CALL long creactor_find(const void *bytes, size_t count, const void *pattern, size_t length) {
  const char *found = count ? (const char *)memmem(bytes, count, pattern, length) : 0;
  return found ? found - (const char *)bytes : -1;
}

// MARK: processors

// Binds this thread, and those that it starts from now on, to one processor.
CREACTOR_CALL long creactor_pin(int processor) {
  unsigned char set[128] = {0};  // one bit per processor, 1,024 at most
  if (processor < 0 || processor >= 1024) return -EINVAL;
  set[processor / 8] = (unsigned char)(1 << processor % 8);
  return creactor_result(syscall(SYS_sched_setaffinity, 0L, sizeof set, set));
}

// Returns the number of processors that this thread may run on; at least 1.
CREACTOR_CALL int creactor_processor_count(void) {
  unsigned char set[128] = {0};
  long bytes = creactor_result(syscall(SYS_sched_getaffinity, 0L, sizeof set, set));
  int count = 0;
  for (long index = 0; index < bytes; index++) count += __builtin_popcount(set[index]);
  return count > 0 ? count : 1;
}

// MARK: threads

// Creates a thread with the signal mask of this one, without the signals that creactor_block_signal has blocked here.
// In the new thread SIGPIPE and SIGXFSZ have no effect: only the write fails. Returns 0 or an errno.
int creactor_start_thread(pthread_t *thread, void *(*body)(void *), void *argument);

// Names this thread, for debuggers and top. Names are truncated to 15 bytes.
CREACTOR_CALL long creactor_name_thread(const char *name) {
  char cut[16] = {0};
  strncpy(cut, name, sizeof cut - 1);
  return creactor_result(syscall(SYS_prctl, 15L /* PR_SET_NAME */, cut, 0L, 0L, 0L));
}

// MARK: processes

extern char **environ;
CREACTOR_CALL char **creactor_environment(void) { return environ; }

extern int pipe2(int descriptors[2], int flags);
CREACTOR_CALL long creactor_pipe(int descriptors[2]) {
  return creactor_result(pipe2(descriptors, O_NONBLOCK | O_CLOEXEC));
}

// Copies the path of this program, without a terminating zero byte, and returns its length.
CREACTOR_CALL long creactor_executable(char *path, size_t capacity) {
  return creactor_result(readlink("/proc/self/exe", path, capacity));
}

// Starts a program in a child process, with `descriptors` as 3, 4, ... and no signals blocked, and returns the process
// ID. The child writes its process ID in decimal to `digits`, a part of `environment` with room for ten digits and a
// zero byte. If the program cannot be executed, the child writes the errno as one byte to the last descriptor and
// exits.
long creactor_start_process(
    const char *path, char *const arguments[], char *const environment[], char *digits, int descriptors[], int count);

// Starts a program with these descriptors as its standard input and output and the signal state of a fresh process, and
// returns its process ID. A program that cannot be executed is reported here (posix_spawn(3)).
long creactor_spawn(
    const char *path, char *const arguments[], char *const environment[], int input, int output);

// Opens a descriptor that is readable once the process has ended (pidfd_open(2), Linux 5.3).
CREACTOR_CALL long creactor_pidfd_open(int process) { return creactor_result(syscall(434L, (long)process, 0L)); }
CREACTOR_CALL long creactor_kill(int process, int signal) { return creactor_result(kill(process, signal)); }
// Reaps a child process if it has ended, without waiting. Returns its process ID, or 0 while it is running. Sets `code`
// to its exit status, or to the negated number of the signal that ended it.
CREACTOR_CALL long creactor_reap(int process, int *code) {
  int status = 0;
  long result = creactor_result(waitpid(process, &status, WNOHANG));
  if (result > 0) *code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

// Kills a child process and reaps it.
CREACTOR_CALL long creactor_end_process(int process) {
  kill(process, SIGKILL);
  long result;
  do result = creactor_result(waitpid(process, 0, 0)); while (result == -EINTR);
  return result;
}

// Returns a number that identifies the calling thread. pthread_t is a number or a pointer, depending on the C library,
// and never 0.
CREACTOR_CALL uintptr_t creactor_thread(void) { return (uintptr_t)pthread_self(); }

// MARK: forks

// Returns how often this process has forked since the first call of this function.
uint32_t creactor_fork_count(void);

#endif
