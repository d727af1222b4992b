"""Control: registers, fetch, dispatch, semaphores, errors, counters."""
