#include "CReactor.h"

#include <stdatomic.h>
#include <ucontext.h>

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

// MARK: signals and threads

// What creactor_block_signal has blocked for this thread and was not blocked before; bit 0 stands for signal 1.
static _Thread_local uint64_t blocked_here;

long creactor_block_signal(int number, int block) {
  sigset_t set, before;
  sigemptyset(&set);
  if (sigaddset(&set, number) < 0) return -(long)errno;
  int error = pthread_sigmask(block ? SIG_BLOCK : SIG_UNBLOCK, &set, &before);
  if (error) return -(long)error;
  int was_blocked = sigismember(&before, number);
  uint64_t bit = (uint64_t)1 << (number - 1);
  if (!block) blocked_here &= ~bit;
  else if (!was_blocked) blocked_here |= bit;
  return was_blocked;
}

struct start {
  void *(*body)(void *);
  void *argument;
  sigset_t mask;
};

// Writing to a pipe that nobody reads, and past the file size limit, raises a signal in the thread that writes, which ends
// the process. In a thread of the framework only the write fails. Not by its mask, which children would inherit; nor by
// ignoring the signal, which they would inherit too: by a handler, which ends with exec(3). In all other threads the
// signal does what it did.
static _Thread_local int is_started_here;

static void write_failed(int number, siginfo_t *information, void *context) {
  (void)information;
  (void)context;
  if (is_started_here) return;
  signal(number, SIG_DFL);
  raise(number);  // blocked until this returns
}

static void survive_failed_writes(void) {
  const int numbers[] = {SIGPIPE, SIGXFSZ};
  for (int index = 0; index < 2; index++) {
    struct sigaction now, action = {.sa_sigaction = write_failed, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    // A handler of the program's own, or its wish to ignore the signal, stays.
    if (sigaction(numbers[index], 0, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL)
      sigaction(numbers[index], &action, 0);
  }
}

static pthread_once_t writes_once = PTHREAD_ONCE_INIT;

static void *begin_thread(void *context) {
  struct start start = *(struct start *)context;
  free(context);
  is_started_here = 1;
  pthread_sigmask(SIG_SETMASK, &start.mask, 0);
  return start.body(start.argument);
}

int creactor_start_thread(pthread_t *thread, void *(*body)(void *), void *argument) {
  struct start *start = malloc(sizeof *start);
  if (!start) return ENOMEM;
  *start = (struct start){.body = body, .argument = argument};
  pthread_once(&writes_once, survive_failed_writes);
  // The thread sets its mask itself: unblocked here for a moment, a pending signal would be delivered to this one.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  start->mask = before;
  for (int number = 1; number <= 64; number++)
    if (blocked_here >> (number - 1) & 1) sigdelset(&start->mask, number);
  int error = pthread_create(thread, 0, begin_thread, start);
  pthread_sigmask(SIG_SETMASK, &before, 0);
  if (error) free(start);
  return error;
}

// A loop reads its signals from a signalfd, which needs them blocked, and a thread that does not block one would take its
// default action. So a watched signal has a handler, which sends it on to the loop's thread. Unlike a mask, a handler does
// not survive exec(3): children start without a trace of it.
static _Atomic int watching_thread[65];
static struct sigaction former_action[65];

// Runs on any thread, at any moment: only what signal-safety(7) allows.
static void forward(int number, siginfo_t *information, void *context) {
  (void)information;
  int error = errno;
  int thread = atomic_load(&watching_thread[number]);
  // The loop's own thread, whose mask somebody else has changed: blocked when this returns.
  if (thread == (int)syscall(SYS_gettid)) sigaddset(&((ucontext_t *)context)->uc_sigmask, number);
  if (thread == 0) {
    kill(getpid(), number);  // the watch has just ended, and the former action is back
  } else if (syscall(SYS_tgkill, (long)getpid(), (long)thread, (long)number) < 0) {
    // A forked child, where that thread is not: what a process that watches nothing would do.
    signal(number, SIG_DFL);
    kill(getpid(), number);
  }
  errno = error;
}

long creactor_begin_forwarding(int number, int thread) {
  if (number < 1 || number > 64) return -EINVAL;
  atomic_store(&watching_thread[number], thread);
  struct sigaction action = {.sa_sigaction = forward, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigfillset(&action.sa_mask);
  return creactor_result(sigaction(number, &action, &former_action[number]));
}

void creactor_change_forwarding(int number, int thread) { atomic_store(&watching_thread[number], thread); }

void creactor_end_forwarding(int number) {
  struct sigaction now;
  // Unless somebody else has set another one meanwhile.
  if (sigaction(number, 0, &now) == 0 && now.sa_flags & SA_SIGINFO && now.sa_sigaction == forward)
    sigaction(number, &former_action[number], 0);
  atomic_store(&watching_thread[number], 0);
}

// MARK: processes

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
