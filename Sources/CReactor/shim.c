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
