#include "CReactor.h"

#include <spawn.h>
#include <stdatomic.h>
#include <ucontext.h>

// A forked child holds duplicates of all sockets, which stay in the parent's epoll set after the parent has closed
// them. After a fork, the loop can no longer rely on close(2) to deregister a descriptor.
static _Atomic uint32_t forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void forked(void) { atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed); }
static void watch_forks(void) { pthread_atfork(forked, 0, 0); }

uint32_t creactor_fork_count(void) {
  pthread_once(&once, watch_forks);
  return atomic_load_explicit(&forks, memory_order_relaxed);
}

// MARK: signals and threads

// The signals that creactor_block_signal has newly blocked in this thread. Bit 0 is signal 1.
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

// A write to a pipe without a reader, or past the file size limit, raises a signal that ends the process by default. In
// the framework's threads only the write fails. A handler achieves this, because it does not survive exec(3); child
// processes would inherit a blocked or ignored signal. In all other threads the signal keeps its default action.
static _Thread_local int is_started_here;

static void write_failed(int number, siginfo_t *information, void *context) {
  (void)information;
  (void)context;
  if (is_started_here) return;
  signal(number, SIG_DFL);
  raise(number);  // pending until this handler returns
}

static void survive_failed_writes(void) {
  const int numbers[] = {SIGPIPE, SIGXFSZ};
  for (int index = 0; index < 2; index++) {
    struct sigaction now, action = {.sa_sigaction = write_failed, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    // Keep the program's own handler or SIG_IGN.
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
  // The new thread sets its own mask: if a signal were unblocked here, it might be delivered to this thread.
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

// A loop reads its signals from a signalfd, which requires them to be blocked; in a thread that does not block a
// signal, it would take its default action. A watched signal therefore has a handler that forwards it to the loop's
// thread. Unlike a mask, a handler does not survive exec(3), so that child processes are not affected.
static _Atomic int watching_thread[65];
static struct sigaction former_action[65];

// Runs on any thread at any time, so only async-signal-safe functions are allowed (signal-safety(7)).
static void forward(int number, siginfo_t *information, void *context) {
  (void)information;
  int error = errno;
  int thread = atomic_load(&watching_thread[number]);
  // The loop's own thread: other code has unblocked the signal. Block it again when this handler returns.
  if (thread == (int)syscall(SYS_gettid)) sigaddset(&((ucontext_t *)context)->uc_sigmask, number);
  if (thread == 0) {
    kill(getpid(), number);  // the watch has just ended, and the former action is restored
  } else if (syscall(SYS_tgkill, (long)getpid(), (long)thread, (long)number) < 0) {
    // A forked child, which lacks the watching thread: take the default action.
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
  // Keep an action that other code has set meanwhile.
  if (sigaction(number, 0, &now) == 0 && now.sa_flags & SA_SIGINFO && now.sa_sigaction == forward)
    sigaction(number, &former_action[number], 0);
  atomic_store(&watching_thread[number], 0);
}

// MARK: processes

// Between fork and exec, only async-signal-safe functions: no allocation, no lock, no Swift (signal-safety(7)).
long creactor_start_process(
    const char *path, char *const arguments[], char *const environment[], char *digits, int descriptors[], int count) {
  pid_t child = fork();
  if (child != 0) return creactor_result(child);

  char reversed[10];
  int length = 0;
  for (pid_t left = getpid(); left > 0 && length < 10; left /= 10) reversed[length++] = (char)('0' + left % 10);
  for (int index = 0; index < length; index++) digits[index] = reversed[length - 1 - index];
  digits[length] = 0;

  // First move the descriptors out of the target range, where they might overlap. The last one, the pipe, is moved
  // first because it reports failures.
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

long creactor_spawn(
    const char *path, char *const arguments[], char *const environment[], int input, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  pid_t child = 0;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return -error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) {
    posix_spawn_file_actions_destroy(&actions);
    return -error;
  }
  sigemptyset(&none);
  sigfillset(&all);
  error = posix_spawn_file_actions_adddup2(&actions, input, 0);
  if (error == 0) error = posix_spawn_file_actions_adddup2(&actions, output, 1);
  if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &none);
  if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &all);
  if (error == 0) error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (error == 0) error = posix_spawn(&child, path, &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? child : -error;
}
