// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A process for map --pid to look at, for tests/commands.
 *
 *   subject grow|leaderless|vfork
 *
 * grow: its heap grows by a page at each SIGUSR1. leaderless: its first thread ends.
 * vfork: a child that shares its memory waits for SIGUSR1, and executes sleep(1) then.
 * When it is ready it prints the number of the process to look at, and of a thread of it.
 * It ends after a minute at most, and a child with it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK = 1 << 16, LIFE = 60 };

static void ready(long pid, long thread)
{
	printf("%ld %ld\n", pid, thread);
	fflush(stdout);
}

static void *wait_for_ever(void *arg)
{
	*(volatile long *)arg = syscall(SYS_gettid);
	for (;;)
		pause();
	return NULL;
}

static void leaderless(void)
{
	static volatile long thread_id;
	pthread_t thread;

	if (pthread_create(&thread, NULL, wait_for_ever, (void *)&thread_id))
		exit(1);
	while (!thread_id)
		usleep(1000);
	ready(getpid(), thread_id);
	syscall(SYS_exit, 0);	/* of the thread */
}

static void grow_once(int sig)
{
	(void)sig;
	if (sbrk(4096) == (void *)-1)
		_exit(1);
}

static void grow(void)
{
	grow_once(0);
	signal(SIGUSR1, grow_once);
	ready(getpid(), getpid());
	for (;;)
		pause();
}

static void execute(int sig)
{
	(void)sig;
	execlp("sleep", "sleep", "60", (char *)NULL);
	_exit(1);
}

static int wait_for_signal(void *arg)
{
	(void)arg;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		pause();
	return 0;
}

static void share(void)
{
	static _Alignas(16) char stack[STACK];
	int pid;

	signal(SIGUSR1, execute);
	pid = clone(wait_for_signal, stack + STACK, CLONE_VM | SIGCHLD, NULL);
	if (pid < 0)
		exit(1);
	ready(pid, pid);
	pause();
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	alarm(LIFE);
	if (!strcmp(what, "grow"))
		grow();
	else if (!strcmp(what, "leaderless"))
		leaderless();
	else if (!strcmp(what, "vfork"))
		share();
	return 1;
}
