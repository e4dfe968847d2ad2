/*
 * with-environment FILE PROGRAM [ARGUMENT...]
 *
 * Executes PROGRAM with the variables of FILE in its environment. A container that has secrets begins with it, so that
 * their values are neither in the container engine's record of the container nor on its disk.
 *
 * FILE holds NAME=value entries, each ended by a NUL. They replace variables of the same name. Nothing else changes:
 * arguments, working directory, process id and signal dispositions stay. A name without a slash is looked up in PATH as
 * execvp(3) does; PATH is read after the variables of FILE are in place. A script without an interpreter line is not
 * given to a shell, as the engine's runtime gives it to none.
 *
 * Exit status: 127 where PROGRAM does not exist, 126 where it cannot be executed or FILE cannot be read, each with a
 * sentence on standard error.
 *
 * The program has no C library and is static: it obeys no LD_PRELOAD and runs in an image that holds nothing else. The
 * bytes that are shipped are in programs.ts, which with-environment.test.ts compiles anew with UPDATE_PROGRAMS=1.
 */
typedef unsigned long word;

#if defined(__x86_64__)
enum { SYS_write = 1, SYS_lseek = 8, SYS_mmap = 9, SYS_execve = 59, SYS_exit_group = 231, SYS_openat = 257 };

static long call(long number, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

/* The kernel's initial stack holds the argument count, the arguments, NULL, the environment, NULL. */
__asm__(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call begin\n");
#elif defined(__aarch64__)
enum { SYS_openat = 56, SYS_lseek = 62, SYS_write = 64, SYS_exit_group = 94, SYS_execve = 221, SYS_mmap = 222 };

static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

__asm__(".globl _start\n_start:\n  mov x29, #0\n  mov x0, sp\n  bl begin\n");
#else
#error "This architecture is not supported."
#endif

enum { ENOENT = 2, E2BIG = 7, ENOEXEC = 8, EACCES = 13, ENOTDIR = 20, ENAMETOOLONG = 36, ELOOP = 40 };
enum { AT_FDCWD = -100, O_CLOEXEC = 02000000, SEEK_END = 2 };
enum { PROT_READ_WRITE = 3, MAP_PRIVATE = 2, MAP_ANONYMOUS = 32 };
enum { STANDARD_ERROR = 2, CANNOT_EXECUTE = 126, NOT_FOUND = 127 };

static const char DEFAULT_PATH[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

static word length(const char *text) {
  word count = 0;
  while (text[count] != 0) count++;
  return count;
}

static void say(const char *text) {
  call(SYS_write, STANDARD_ERROR, (long)text, length(text), 0, 0, 0);
}

static __attribute__((noreturn)) void fail(int status, const char *subject, const char *problem) {
  say("gantry: exec: \"");
  say(subject);
  say("\": ");
  say(problem);
  say("\n");
  for (;;) call(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

/* Anonymous memory, or a private copy of a file. Pages begin zeroed. */
static void *map(word size, long descriptor) {
  long flags = descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_PRIVATE;
  long address = call(SYS_mmap, 0, size, PROT_READ_WRITE, flags, descriptor, 0);
  if (address < 0 && address > -4096) fail(CANNOT_EXECUTE, "mmap", "no memory");
  return (void *)address;
}

/* Whether two entries have one name: what stands before the first equals sign. */
static int is_same_name(const char *one, const char *other) {
  while (*one != 0 && *one != '=' && *one == *other) one++, other++;
  return (*one == 0 || *one == '=') && (*other == 0 || *other == '=');
}

/* Adds an entry to the environment of `count` entries, in place of one of the same name. Returns the new count. */
static word put(char **environment, word count, char *entry) {
  for (word index = 0; index < count; index++)
    if (is_same_name(environment[index], entry)) {
      environment[index] = entry;
      return count;
    }
  environment[count] = entry;
  return count + 1;
}

static const char *sentence_of(int error) {
  switch (error) {
    case E2BIG: return "argument list too long";
    case ENOEXEC: return "exec format error";
    case EACCES: return "permission denied";
    default: return "it cannot be executed";
  }
}

static int execute(const char *path, char **arguments, char **environment) {
  return (int)-call(SYS_execve, (long)path, (long)arguments, (long)environment, 0, 0, 0);
}

/* Tries each folder of PATH; returns the error that execvp(3) reports. An empty folder is the working directory. */
static int search(const char *folders, char **arguments, char **environment) {
  const char *name = arguments[0];
  word name_length = length(name);
  char *candidate = map(length(folders) + name_length + 2, -1);
  int is_forbidden = 0;
  for (;;) {
    word used = 0;
    while (*folders != 0 && *folders != ':') candidate[used++] = *folders++;
    if (used > 0) candidate[used++] = '/';
    for (word index = 0; index <= name_length; index++) candidate[used + index] = name[index];
    int error = execute(candidate, arguments, environment);
    if (error == EACCES) is_forbidden = 1;
    else if (error != ENOENT && error != ENOTDIR && error != ELOOP && error != ENAMETOOLONG) return error;
    if (*folders == 0) return is_forbidden ? EACCES : ENOENT;
    folders++;
  }
}

__attribute__((noreturn, used)) void begin(word *stack) {
  word argument_count = stack[0];
  char **arguments = (char **)(stack + 1);
  char **inherited = arguments + argument_count + 1;
  if (argument_count < 3) fail(CANNOT_EXECUTE, "with-environment", "usage: with-environment FILE PROGRAM [ARGUMENT...]");
  const char *file = arguments[1];
  char **program = arguments + 2;

  long descriptor = call(SYS_openat, AT_FDCWD, (long)file, O_CLOEXEC, 0, 0, 0);
  long size = descriptor < 0 ? descriptor : call(SYS_lseek, descriptor, 0, SEEK_END, 0, 0, 0);
  if (size < 0) fail(CANNOT_EXECUTE, file, "the file of the container's secrets could not be read");
  char *text = size == 0 ? 0 : map(size, descriptor);

  word count = 0;
  while (inherited[count] != 0) count++;
  word more = 0;
  for (long index = 0; index < size; index++) more += text[index] == 0;
  char **environment = map((count + more + 1) * sizeof(char *), -1);
  for (word index = 0; index < count; index++) environment[index] = inherited[index];
  for (long at = 0; more > 0; more--) {
    count = put(environment, count, text + at);
    at += length(text + at) + 1;
  }

  const char *name = program[0];
  const char *folders = DEFAULT_PATH;
  for (word index = 0; index < count; index++)
    if (is_same_name(environment[index], "PATH") && environment[index][4] == '=') folders = environment[index] + 5;
  int has_slash = 0;
  for (const char *at = name; *at != 0; at++) has_slash |= *at == '/';

  int error = ENOENT;
  if (has_slash) error = execute(name, program, environment);
  else if (*name != 0) error = search(folders, program, environment);
  if (error == ENOENT || error == ENOTDIR)
    fail(NOT_FOUND, name, has_slash ? "no such file or directory" : "executable file not found in $PATH");
  fail(CANNOT_EXECUTE, name, sentence_of(error));
}
