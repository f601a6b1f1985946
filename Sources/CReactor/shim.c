#include "CReactor.h"

#include <stdatomic.h>

// A forked child keeps every socket open, and so keeps it in the parent's epoll set after the parent has closed it.
// The count tells the loop when it may no longer rely on close(2) to deregister a descriptor.
static _Atomic uint32_t forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forked(void) { atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed); }
static void watch_forks(void) { pthread_atfork(forked, 0, 0); }

uint32_t creactor_fork_count(void) {
  pthread_once(&once, watch_forks);
  return atomic_load_explicit(&forks, memory_order_relaxed);
}

// Between fork and exec only what signal-safety(7) allows: no allocation, no lock, no Swift.
long creactor_start_process(
    const char *path, char *const arguments[], char *const environment[], char *digits, int descriptors[], int count) {
  pid_t child = fork();
  if (child != 0) return creactor_result(child);

  char reversed[10];
  int length = 0;
  for (pid_t left = getpid(); left > 0 && length < 10; left /= 10) reversed[length++] = (char)('0' + left % 10);
  for (int index = 0; index < length; index++) digits[index] = reversed[length - 1 - index];
  digits[length] = 0;

  // Out of the way first: one may have the number that another is to get. The last one is told of what fails.
  for (int index = count - 1; index >= 0; index--) {
    int moved = fcntl(descriptors[index], F_DUPFD_CLOEXEC, 3 + count);
    if (moved < 0) goto failed;
    descriptors[index] = moved;
  }
  for (int index = 0; index < count; index++)
    if (dup2(descriptors[index], 3 + index) < 0) goto failed;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  execve(path, arguments, environment);
failed:;
  unsigned char error = (unsigned char)errno;
  (void)!write(descriptors[count - 1], &error, 1);
  _exit(127);
}
