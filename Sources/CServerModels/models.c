// Processes and signals as in the textbooks, without their races. A signal may arrive between a check and a wait.
// Therefore the handler shuts down the listener, so that a later accept(2) fails as well, and sets an alarm that
// repeats every second; and children are awaited with sigsuspend(2), which unblocks signals and waits atomically.
#define _GNU_SOURCE
#include "CServerModels.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static long result_of(long result) { return result < 0 ? -(long)errno : result; }

static volatile sig_atomic_t is_ending;
static int socket_to_wake = -1;
static pid_t children[cmodels_most_children];  // changed with all signals blocked
static volatile sig_atomic_t child_count;

static void install(int number, void (*handler)(int)) {
  struct sigaction action;
  memset(&action, 0, sizeof action);  // no SA_RESTART: blocking calls have to return
  action.sa_handler = handler;
  sigfillset(&action.sa_mask);
  sigaction(number, &action, 0);
}

static sigset_t block_all(void) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, &before);
  return before;
}

static void restore(sigset_t before) { sigprocmask(SIG_SETMASK, &before, 0); }

// The signal handlers call only async-signal-safe functions (signal-safety(7)) and preserve errno.
static void end(int number) {
  (void)number;
  int before = errno;
  is_ending = 1;
  shutdown(socket_to_wake, SHUT_RDWR);
  alarm(1);
  errno = before;
}

static void reap(int number) {
  (void)number;
  int before = errno;
  // One signal may stand for several children: reap all that have exited, without waiting.
  for (pid_t child; (child = waitpid(-1, 0, WNOHANG)) > 0;)
    for (int index = 0; index < child_count; index++)
      if (children[index] == child) {
        children[index] = children[child_count - 1];
        child_count--;
        break;
      }
  errno = before;
}

void cmodels_end_on_signals(int socket) {
  socket_to_wake = socket;
  install(SIGTERM, end);
  install(SIGINT, end);
  install(SIGALRM, end);
}

// The models keep their clients in processes, threads and loops of their own, which cannot be handed over.
static void refuse_restart(int number) {
  (void)number;
  static const char line[] =
      "reactor: SIGUSR2 does not restart this server: a model hands nothing over; end it with SIGTERM and start "
      "it again\n";
  int before = errno;
  // Write only if there is room and a reader: a handler must neither block nor end the process by SIGPIPE.
  struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
  if (poll(&output, 1, 0) == 1 && output.revents == POLLOUT) (void)!write(STDERR_FILENO, line, sizeof line - 1);
  errno = before;
}

void cmodels_refuse_restart(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = refuse_restart;
  action.sa_flags = SA_RESTART;  // blocking calls continue
  sigfillset(&action.sa_mask);
  sigaction(SIGUSR2, &action, 0);
}

int cmodels_is_ending(void) { return is_ending; }

void cmodels_end_with_input(void) {
  // The kernel sends the signal when the pipe's other end is closed (fcntl(2), F_SETSIG), without any waiting thread.
  fcntl(STDIN_FILENO, F_SETSIG, SIGTERM);
  fcntl(STDIN_FILENO, F_SETOWN, getpid());
  fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_ASYNC);
  struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  if (poll(&input, 1, 0) > 0) raise(SIGTERM);
}

void cmodels_reap_children(void) { install(SIGCHLD, reap); }

long cmodels_fork(void) {
  if (child_count == cmodels_most_children) return -EAGAIN;
  sigset_t before = block_all();
  pid_t parent = getpid();
  long child = result_of(fork());
  if (child == 0) {
    child_count = 0;
    socket_to_wake = -1;
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGALRM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);  // the parent had exited before prctl took effect
  } else if (child > 0) {
    children[child_count] = (pid_t)child;
    child_count++;
  }
  restore(before);
  return child;
}

int cmodels_children(void) { return child_count; }

static void wait_for_fewer(int count, int also_at_the_end) {
  sigset_t before = block_all();
  sigset_t open = before;
  sigdelset(&open, SIGCHLD);
  sigdelset(&open, SIGTERM);
  sigdelset(&open, SIGINT);
  sigdelset(&open, SIGALRM);
  sigdelset(&open, SIGUSR2);
  while (child_count >= count && (also_at_the_end || !is_ending)) sigsuspend(&open);
  restore(before);
}

void cmodels_wait_for_fewer_children(int count) { wait_for_fewer(count, 0); }

void cmodels_end_children(void) {
  sigset_t before = block_all();
  for (int index = 0; index < child_count; index++) kill(children[index], SIGTERM);
  restore(before);
  wait_for_fewer(1, 1);
}

int cmodels_threads(void) {
  // Field 20 of /proc/self/stat (proc(5)); field 2 is in parentheses and may contain anything.
  char text[1024];
  int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  ssize_t count = read(file, text, sizeof text - 1);
  close(file);
  if (count <= 0) return 0;
  text[count] = 0;
  const char *field = strrchr(text, ')');
  for (int number = 2; field && number < 20; number++) field = strchr(field + 1, ' ');
  return field ? atoi(field + 1) : 0;
}

long cmodels_make_blocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return result_of(flags < 0 ? flags : fcntl(fd, F_SETFL, flags & ~O_NONBLOCK));
}

long cmodels_accept(int listener) { return result_of(accept4(listener, 0, 0, SOCK_CLOEXEC)); }

long cmodels_limit_waits(int fd, int milliseconds) {
  struct timeval time = {.tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};
  long result = result_of(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time));
  return result < 0 ? result : result_of(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
}

long cmodels_report_local(int fd, int is_ipv6) {
  int on = 1;
  return result_of(
      is_ipv6 ? setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on)
              : setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on));
}

// A reply may leave through any interface, except from a link-local address, which is valid on its interface only.
static void forget_interface(struct msghdr *message) {
  for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control; control = CMSG_NXTHDR(message, control)) {
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO)
      ((struct in_pktinfo *)CMSG_DATA(control))->ipi_ifindex = 0;
    if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(control);
      if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr)) info->ipi6_ifindex = 0;
      // A multicast group cannot be a source address.
      if (IN6_IS_ADDR_MULTICAST(&info->ipi6_addr)) memset(info, 0, sizeof *info);
    }
  }
}

long cmodels_recvfrom(int fd, void *bytes, size_t count, struct cmodels_peer *peer) {
  struct iovec piece = {bytes, count};
  struct msghdr message = {
      .msg_name = &peer->address, .msg_namelen = sizeof peer->address, .msg_iov = &piece, .msg_iovlen = 1,
      .msg_control = peer->local, .msg_controllen = sizeof peer->local};
  long result = result_of(recvmsg(fd, &message, 0));
  if (result < 0) return result;
  forget_interface(&message);
  peer->length = message.msg_namelen;
  peer->local_length = message.msg_controllen;
  return result;
}

long cmodels_sendto(int fd, const void *bytes, size_t count, const struct cmodels_peer *peer) {
  struct iovec piece = {(void *)bytes, count};
  struct msghdr message = {
      .msg_name = (void *)&peer->address, .msg_namelen = peer->length, .msg_iov = &piece, .msg_iovlen = 1,
      .msg_control = peer->local_length ? (void *)peer->local : 0, .msg_controllen = peer->local_length};
  return result_of(sendmsg(fd, &message, MSG_NOSIGNAL));
}
