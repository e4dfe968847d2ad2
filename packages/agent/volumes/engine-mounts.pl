#!/usr/bin/perl
# Mounts directories of file systems for the container engine, by system calls that Node.js does not offer.
#
# Tasks write to file systems, so every component of a path may be a symbolic link or change while it is walked.
# openat2(2) with RESOLVE_IN_ROOT resolves the path inside the file system in one step, as an NFS server does: an
# absolute link and ".." end at the file system's root. What it resolved to is held by a descriptor, cloned by
# open_tree(2) and attached by move_mount(2) in the engine's mount namespace: no path of a task is resolved twice.
#
#   resolve ROOT DIRECTORY...                            prints where each leads, or an empty line (for tests)
#   mount PID TARGET ROOT DIRECTORY [UID GID MODE]       attaches DIRECTORY at TARGET in the mount namespace of PID;
#                                                        with an owner and a mode, creates it where it is missing
#   unmount PID TARGET...                                detaches each TARGET and removes its folder
#   create PID FOLDER                                    creates a folder of the host, where nothing is of that name
#   write PID FILE                                       writes a file of the host from standard input, for root alone
#   clear PID FOLDER                                     removes a folder of the platform's in which nothing is mounted
#
# Exit status: 32 where DIRECTORY can not be resolved (standard error holds the kernel's words), 1 for all else.
# Needs Linux 5.6. Sources: openat2(2), open_tree(2), move_mount(2), setns(2).
use strict;
use warnings;
use Fcntl qw(O_RDONLY O_WRONLY O_CREAT O_TRUNC O_DIRECTORY);
use POSIX qw(:errno_h);

my %SYSTEM_CALLS = (
    x86_64  => { mkdirat => 258, fchownat => 260, unlinkat => 263, fchmod => 91, renameat2 => 316, setns => 308, umount2 => 166 },
    aarch64 => { mkdirat => 34,  fchownat => 54,  unlinkat => 35,  fchmod => 52, renameat2 => 276, setns => 268, umount2 => 39 },
);
my $machine = (POSIX::uname())[4];
my $number = $SYSTEM_CALLS{$machine} or fail("The machine type $machine is not supported.");
my ($OPEN_TREE, $MOVE_MOUNT, $OPENAT2) = (428, 429, 437);    # The same on every architecture.

my ($O_PATH, $O_CLOEXEC) = (010000000, 02000000);
my ($NO_XDEV, $NO_MAGICLINKS, $NO_SYMLINKS, $BENEATH, $IN_ROOT) = (1, 2, 4, 8, 16);
my ($AT_FDCWD, $AT_EMPTY_PATH, $AT_REMOVEDIR) = (-100, 0x1000, 0x200);
my ($OPEN_TREE_CLONE, $F_EMPTY_PATH, $RENAME_NOREPLACE) = (1, 4, 1);
my ($CLONE_NEWNS, $MNT_DETACH, $UMOUNT_NOFOLLOW) = (0x20000, 2, 8);
my $ATTEMPTS_MAX = 100;

umask 0;
my ($command, @arguments) = @ARGV;
if    (($command // '') eq 'resolve') { show(@arguments) }
elsif (($command // '') eq 'mount')   { attach(@arguments) }
elsif (($command // '') eq 'unmount') { detach(@arguments) }
elsif (($command // '') eq 'create')  { my ($pid, $folder) = @arguments; enter($pid); create($folder, 0755) }
elsif (($command // '') eq 'write')   { my ($pid, $file) = @arguments; enter($pid); write_file($file) }
elsif (($command // '') eq 'clear')   { my ($pid, $folder) = @arguments; enter($pid); clear($folder) }
else                                  { fail('Usage: engine-mounts.pl resolve|mount|unmount|create|write|clear ...') }
exit 0;

sub fail { my ($sentence) = @_; print STDERR "$sentence\n"; exit 1 }
sub unresolved { print STDERR "$!\n"; exit 32 }

# Opens a directory. RESOLVE_IN_ROOT answers EAGAIN where a rename elsewhere may have led ".." astray.
sub open_directory {
    my ($at, $path, $resolve) = @_;
    my $how = pack('Q3', O_RDONLY | O_DIRECTORY | $O_CLOEXEC, 0, $resolve | $NO_MAGICLINKS);
    for (1 .. $ATTEMPTS_MAX) {
        my $name = "$path\0";
        my $descriptor = syscall($OPENAT2, $at, $name, $how, length($how));
        return $descriptor if $descriptor >= 0 || $! != EAGAIN;
    }
    return -1;
}

sub open_root {
    my ($root) = @_;
    my $descriptor = open_directory($AT_FDCWD, $root, $NO_SYMLINKS);
    fail("The file system's folder could not be opened: $!.") if $descriptor < 0;
    return $descriptor;
}

# The directory inside the file system, or an exit. With @creation (uid, gid, mode) it is created where it is missing.
sub resolve_directory {
    my ($root, $directory, @creation) = @_;
    my $descriptor = open_directory($root, $directory, $IN_ROOT | $NO_XDEV);
    return $descriptor if $descriptor >= 0;
    unresolved() if $! != ENOENT || !@creation;
    my @names = grep { $_ ne '' && $_ ne '.' } split m{/}, $directory;
    my $parent = $root;
    for my $depth (0 .. $#names) {
        my $path = '/' . join('/', @names[0 .. $depth]);
        my $next = open_directory($root, $path, $IN_ROOT | $NO_XDEV);
        if ($next < 0) {
            unresolved() if $! != ENOENT || $names[$depth] eq '..';
            create_directory($parent, $names[$depth], $depth == $#names ? @creation : (0, 0, 0755));
            $next = open_directory($root, $path, $IN_ROOT | $NO_XDEV);
            unresolved() if $next < 0;
        }
        $parent = $next;
    }
    return $parent;
}

# Creates a directory that is never seen with another owner or mode: it gets its name last.
sub create_directory {
    my ($parent, $name, $uid, $gid, $mode) = @_;
    open(my $random, '<', '/dev/urandom') or fail("No randomness: $!.");
    read($random, my $bytes, 8);
    my ($temporary, $final, $empty) = ('.gantry-' . unpack('H*', $bytes) . "\0", "$name\0", "\0");
    syscall($number->{mkdirat}, $parent, $temporary, 0700) == 0 or unresolved();
    my $made = open_directory($parent, substr($temporary, 0, -1), $BENEATH | $NO_SYMLINKS | $NO_XDEV);
    my $done = $made >= 0
        && syscall($number->{fchownat}, $made, $empty, $uid + 0, $gid + 0, $AT_EMPTY_PATH) == 0
        && syscall($number->{fchmod}, $made, $mode + 0) == 0
        && (syscall($number->{renameat2}, $parent, $temporary, $parent, $final, $RENAME_NOREPLACE) == 0 || $! == EEXIST);
    my $problem = $! + 0;
    syscall($number->{unlinkat}, $parent, $temporary, $AT_REMOVEDIR);    # Fails where it got its name.
    return if $done;
    $! = $problem;
    unresolved();
}

sub show {
    my ($path, @directories) = @_;
    my $root = open_root($path);
    for my $directory (@directories) {
        my $descriptor = open_directory($root, $directory, $IN_ROOT | $NO_XDEV);
        print $descriptor < 0 ? '' : readlink("/proc/self/fd/$descriptor"), "\n";
    }
}

sub attach {
    my ($pid, $target, $root, $directory, @owner) = @_;
    my @creation = @owner ? ($owner[0], $owner[1], oct($owner[2])) : ();
    my $source = resolve_directory(open_root($root), $directory, @creation);
    my $empty = "\0";
    my $tree = syscall($OPEN_TREE, $source, $empty, $OPEN_TREE_CLONE | $AT_EMPTY_PATH | $O_CLOEXEC);
    fail("The directory could not be cloned as a mount: $!.") if $tree < 0;
    enter($pid);
    create($target, 0700);
    my $place = "$target\0";
    syscall($MOVE_MOUNT, $tree, $empty, $AT_FDCWD, $place, $F_EMPTY_PATH) == 0 or fail("$target could not be mounted: $!.");
}

# Creates a folder and those above it.
sub create {
    my ($path, $mode) = @_;
    my $folder = '';
    for my $name (grep { $_ ne '' } split m{/}, $path) {
        $folder .= "/$name";
        mkdir($folder, $mode) or $! == EEXIST or fail("$folder could not be created: $!.");
    }
}

sub detach {
    my ($pid, @targets) = @_;
    enter($pid);
    for my $target (@targets) {
        my $place = "$target\0";
        for (1 .. $ATTEMPTS_MAX) {    # As often as something was mounted there.
            last if syscall($number->{umount2}, $place, $MNT_DETACH | $UMOUNT_NOFOLLOW) != 0;
        }
        fail("$target could not be unmounted: $!.") if $! != EINVAL && $! != ENOENT;
        rmdir($target) or $! == ENOENT or fail("$target could not be removed: $!.");
        rmdir($target =~ s{/[^/]+$}{}r);    # Fails while the task has other volumes.
    }
}

# Replaces the file at once: whoever opens it finds all of the old or all of the new text.
sub write_file {
    my ($path) = @_;
    create($path =~ s{/[^/]+$}{}r, 0700);
    local $/;
    my $text = <STDIN>;
    sysopen(my $file, "$path.new", O_WRONLY | O_CREAT | O_TRUNC, 0400) or fail("$path could not be written: $!.");
    print $file $text and close($file) and rename("$path.new", $path) or fail("$path could not be written: $!.");
}

# No task sees this folder: nothing in it changes meanwhile. A mount that is left makes rmdir fail, and stays whole.
sub clear {
    my ($folder) = @_;
    opendir(my $entries, $folder) or return;
    for my $name (grep { $_ ne '.' && $_ ne '..' } readdir($entries)) {
        my $path = "$folder/$name";
        if (-l $path || !-d $path) { unlink($path) or fail("$path could not be removed: $!.") }
        else                       { clear($path) }
    }
    rmdir($folder) or fail("$folder could not be removed: $!.");
}

# Joins the mount namespace of a process; root and working directory are that namespace's from here on.
sub enter {
    my ($pid) = @_;
    fail("No process: $pid") if $pid !~ /^[1-9][0-9]*$/;
    open(my $namespace, '<', "/proc/$pid/ns/mnt") or fail("The engine's mount namespace could not be opened: $!.");
    syscall($number->{setns}, fileno($namespace), $CLONE_NEWNS) == 0 or fail("The engine's mount namespace could not be joined: $!.");
}
