/* Runs a command and does something at its nth mutating system call, counted over the whole tree of its processes and
 * threads: kills them, or makes the call fail.
 *
 *     injector WHAT N LOG SECONDS COMMAND...
 *
 * WHAT:  count     nothing; only counts
 *        before    SIGKILL to the whole tree before call N takes effect
 *        after     the same when call N has taken effect
 *        caller    SIGKILL only to the process that makes call N, before it takes effect
 *        root      SIGKILL only to COMMAND itself when any process makes call N; what it started lives on
 *        E         (a number) call N fails with that errno, and is not made
 *
 * Ends with the command's own exit code, 137 if that was killed, 124 after SECONDS. LOG gets a line `N CALL PATH` for every
 * call that counts, `fired N CALL PATH` if that many were made, and `calls N` of the whole run at its end. A seccomp filter stops only at the calls that count, so it
 * costs little. Linux on x86-64; elsewhere it does not compile, and the test says so.
 *
 * Why not strace: its `inject=...:when=N` counts for each thread apart (strace 6.1, "when=" in strace(1): "tracee"). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#if !defined(__x86_64__) || !defined(__linux__)
#error "only Linux on x86-64"
#endif

/* Which argument is a path, or an open file that must be a real one; and which holds the flags of an open. */
enum { NONE = -1 };
static const struct call {
    int number;
    const char *name;
    int path, file, flags;
} CALLS[] = {
    {SYS_open, "open", 0, NONE, 1},          {SYS_openat, "openat", 1, NONE, 2},
    {SYS_creat, "creat", 0, NONE, NONE},     {SYS_write, "write", NONE, 0, NONE},
    {SYS_pwrite64, "pwrite64", NONE, 0, NONE}, {SYS_writev, "writev", NONE, 0, NONE},
    {SYS_pwritev, "pwritev", NONE, 0, NONE}, {SYS_sendfile, "sendfile", NONE, 0, NONE},
    {SYS_copy_file_range, "copy_file_range", NONE, 2, NONE},
    {SYS_rename, "rename", 1, NONE, NONE},   {SYS_renameat, "renameat", 3, NONE, NONE},
    {SYS_renameat2, "renameat2", 3, NONE, NONE}, {SYS_link, "link", 1, NONE, NONE},
    {SYS_linkat, "linkat", 3, NONE, NONE},   {SYS_symlink, "symlink", 1, NONE, NONE},
    {SYS_symlinkat, "symlinkat", 2, NONE, NONE}, {SYS_unlink, "unlink", 0, NONE, NONE},
    {SYS_unlinkat, "unlinkat", 1, NONE, NONE}, {SYS_mkdir, "mkdir", 0, NONE, NONE},
    {SYS_mkdirat, "mkdirat", 1, NONE, NONE}, {SYS_rmdir, "rmdir", 0, NONE, NONE},
    {SYS_truncate, "truncate", 0, NONE, NONE}, {SYS_ftruncate, "ftruncate", NONE, 0, NONE},
    {SYS_fallocate, "fallocate", NONE, 0, NONE}, {SYS_fsync, "fsync", NONE, 0, NONE},
    {SYS_fdatasync, "fdatasync", NONE, 0, NONE}, {SYS_syncfs, "syncfs", NONE, 0, NONE},
    {SYS_chmod, "chmod", 0, NONE, NONE},     {SYS_fchmod, "fchmod", NONE, 0, NONE},
    {SYS_fchmodat, "fchmodat", 1, NONE, NONE}, {SYS_utimensat, "utimensat", 1, NONE, NONE},
    {SYS_flock, "flock", NONE, 0, NONE},     {SYS_clone, "clone", NONE, NONE, NONE},
    {SYS_clone3, "clone3", NONE, NONE, NONE}, {SYS_vfork, "vfork", NONE, NONE, NONE},
    {SYS_fork, "fork", NONE, NONE, NONE},    {SYS_execve, "execve", 0, NONE, NONE},
};
enum { COUNT = sizeof CALLS / sizeof *CALLS, MOST = 1 << 16 };

static pid_t known[MOST];
static int many;
static volatile sig_atomic_t late;

static void die(const char *what) {
    perror(what);
    exit(125);
}

static void on_alarm(int number) {
    (void)number;
    late = 1;
}

static void filter(void) {
    struct sock_filter code[8 * COUNT + 8];
    int n = 0;
#define PUT(...) code[n++] = (struct sock_filter)__VA_ARGS__
    PUT(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
    for (int i = 0; i < COUNT; i++) {
        const struct call *call = &CALLS[i];
        if (call->flags == NONE) {
            PUT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call->number, 0, 1));
            PUT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
            continue;
        }
        PUT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call->number, 0, 4));
        PUT(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8u * (unsigned)call->flags));
        PUT(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC, 0, 1));
        PUT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
        PUT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    }
    PUT(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        die("seccomp");
}

static void note(pid_t pid) {
    for (int i = 0; i < many; i++)
        if (known[i] == pid)
            return;
    if (many < MOST)
        known[many++] = pid;
}

static void forget(pid_t pid) {
    for (int i = 0; i < many; i++)
        if (known[i] == pid) {
            known[i] = known[--many];
            return;
        }
}

/* The process that a thread belongs to. */
static pid_t process_of(pid_t thread) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", thread);
    FILE *file = fopen(path, "r");
    int found = thread;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "Tgid: %d", &found) == 1)
            break;
    if (file)
        fclose(file);
    return found;
}

static void kill_all(void) {
    for (int i = 0; i < many; i++)
        kill(known[i], SIGKILL);
}

static const struct call *call_of(long number) {
    for (int i = 0; i < COUNT; i++)
        if (CALLS[i].number == number)
            return &CALLS[i];
    return NULL;
}

/* The call's path as it was given, or the open file's. */
static void describe(pid_t pid, const struct call *call, const unsigned long long *args, char *text, size_t size) {
    char path[64];
    ssize_t got = 0;
    text[0] = 0;
    if (call->path != NONE) {
        snprintf(path, sizeof path, "/proc/%d/mem", pid);
        int memory = open(path, O_RDONLY | O_CLOEXEC);
        got = pread(memory, text, size - 1, (off_t)args[call->path]);
        if (got < 0) { /* the string may end before an unmapped page */
            off_t at = (off_t)args[call->path];
            got = pread(memory, text, (size_t)(4096 - at % 4096) < size ? (size_t)(4096 - at % 4096) : size - 1, at);
        }
        close(memory);
        text[got < 0 ? 0 : got] = 0;
    } else if (call->file != NONE) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, (int)args[call->file]);
        got = readlink(path, text, size - 1);
        text[got < 0 ? 0 : got] = 0;
    }
}

static int counts(const struct call *call, const char *where) {
    /* Pipes, sockets and devices hold nothing that outlives a process. */
    if (call->file == NONE && call->path == NONE)
        return 1;
    if (call->number == SYS_execve && access(where, X_OK)) /* a look along PATH */
        return 0;
    if (call->file != NONE && where[0] != '/')
        return 0;
    return strncmp(where, "/dev/", 5) && strncmp(where, "/proc/", 6);
}

int main(int argc, char **argv) {
    if (argc < 6)
        return fprintf(stderr, "usage: injector WHAT N LOG SECONDS COMMAND...\n"), 125;
    const char *what = argv[1];
    long wanted = atol(argv[2]), calls = 0;
    int error = atoi(what), after = !strcmp(what, "after"), fired = 0, code = 125;
    FILE *log = fopen(argv[3], "we");
    if (!log)
        die(argv[3]);
    int go[2];
    if (pipe2(go, O_CLOEXEC))
        die("pipe");
    pid_t root = fork();
    if (root == 0) {
        char byte;
        close(go[1]);
        if (read(go[0], &byte, 1) != 1)
            _exit(125);
        filter();
        execvp(argv[5], argv + 5);
        die(argv[5]);
    }
    long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SEIZE, root, 0, options))
        die("ptrace");
    note(root);
    struct sigaction alarmed = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &alarmed, NULL);
    alarm((unsigned)atoi(argv[4]));
    if (write(go[1], "x", 1) != 1)
        die("write");
    pid_t leaving = 0; /* the thread whose call is to take effect before the kill */
    for (;;) {
        int status;
        pid_t pid = waitpid(-1, &status, __WALL);
        if (late) {
            kill_all();
            if (late++ == 1)
                code = 124;
        }
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid < 0)
            break;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            forget(pid);
            if (pid == root && code == 125)
                code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        note(pid);
        int signal = WSTOPSIG(status), event = status >> 16;
        long resume = pid == leaving ? PTRACE_SYSCALL : PTRACE_CONT;
        if (fired == 2) { /* a thread that came up while the tree was being killed */
            kill(pid, SIGKILL);
            continue;
        }
        if (signal == (SIGTRAP | 0x80)) {
            struct __ptrace_syscall_info info;
            if (pid == leaving && ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0 &&
                info.op == PTRACE_SYSCALL_INFO_EXIT) {
                fired = 2;
                kill_all();
                continue;
            }
            ptrace(resume, pid, 0, 0);
            continue;
        }
        if (event == PTRACE_EVENT_SECCOMP) {
            struct user_regs_struct regs;
            if (ptrace(PTRACE_GETREGS, pid, 0, &regs)) {
                ptrace(resume, pid, 0, 0);
                continue;
            }
            unsigned long long args[] = {regs.rdi, regs.rsi, regs.rdx, regs.r10, regs.r8, regs.r9};
            const struct call *call = call_of((long)regs.orig_rax);
            char where[4097];
            if (call)
                describe(pid, call, args, where, sizeof where);
            int begins = pid == root && !calls && call && call->number == SYS_execve;
            int counted = call && !begins && counts(call, where);
            if (counted)
                fprintf(log, "%ld %s %s\n", ++calls, call->name, where);
            if (counted && calls == wanted && strcmp(what, "count")) {
                fprintf(log, "fired %ld %s %s\n", calls, call->name, where);
                fflush(log);
                fired = 1;
                if (!strcmp(what, "before")) {
                    fired = 2;
                    kill_all();
                    continue;
                } else if (!strcmp(what, "caller")) {
                    kill(process_of(pid), SIGKILL);
                    continue;
                } else if (!strcmp(what, "root")) {
                    kill(root, SIGKILL);
                } else if (after) {
                    leaving = pid;
                    resume = PTRACE_SYSCALL;
                } else {
                    regs.orig_rax = (unsigned long long)-1;
                    regs.rax = (unsigned long long)-(long long)error;
                    ptrace(PTRACE_SETREGS, pid, 0, &regs);
                }
            }
            ptrace(resume, pid, 0, 0);
            continue;
        }
        if (event == PTRACE_EVENT_STOP) {
            int group = signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
            ptrace(group ? PTRACE_LISTEN : resume, pid, 0, 0);
            continue;
        }
        ptrace(resume, pid, 0, event ? 0 : signal);
    }
    fprintf(log, "calls %ld\n", calls);
    fclose(log);
    return code;
}
