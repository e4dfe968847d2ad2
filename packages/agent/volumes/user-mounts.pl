#!/usr/bin/perl
# Serves a directory of a file system under another user's identity, as an EFS server does for an access point: every
# file operation is done as that user, whoever runs in the container.
#
# A bind mount keeps the identity of the calling process, and an ID-mapped mount maps one user to one user: neither can
# map all users to one. This program answers the kernel's FUSE requests instead. It performs each of them with its
# file-system user and group, and its supplementary groups, set to the wanted identity, without capabilities over
# files: the kernel's permission checks on the real directory decide.
#
#   serve PID SOURCE TARGET UID GID [GROUP...]     as one user (PosixUser of an access point)
#   serve PID SOURCE TARGET squash                 as the calling process, but root as user 65534 (no ClientRootAccess)
#
# SOURCE and TARGET are paths in the mount namespace of PID. The command returns once TARGET is mounted; a process in
# the machine's root control group serves it from then on, so that it outlives the agent. It ends when TARGET is
# unmounted everywhere. Caching is close-to-open, as over NFS; locks are held on the real files, so that they exclude
# the processes of other mounts too. Extended attributes are not supported, as over NFS.
#
# Needs Linux 5.8 (faccessat2). Sources: fuse(4), linux/fuse.h, setfsuid(2), mount(2), nfs(5) "Data and metadata coherence".
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock :mode O_DIRECTORY O_NOFOLLOW);
use POSIX qw(:errno_h setsid);

my %SYSTEM_CALLS = (
    x86_64 => {
        openat => 257, mkdirat => 258, mknodat => 259, fchownat => 260, unlinkat => 263, linkat => 265, symlinkat => 266,
        readlinkat => 267, renameat2 => 316, statx => 332, getdents64 => 217, lseek => 8, pread64 => 17, pwrite64 => 18,
        fsync => 74, fdatasync => 75, truncate => 76, ftruncate => 77, fallocate => 285, fstatfs => 138, utimensat => 280,
        setfsuid => 122, setfsgid => 123, setgroups => 116, close => 3, flock => 73, fcntl => 72, mount => 165, setns => 308,
    },
    aarch64 => {
        openat => 56, mkdirat => 34, mknodat => 33, fchownat => 54, unlinkat => 35, linkat => 37, symlinkat => 36,
        readlinkat => 78, renameat2 => 276, statx => 291, getdents64 => 61, lseek => 62, pread64 => 67, pwrite64 => 68,
        fsync => 82, fdatasync => 83, truncate => 45, ftruncate => 46, fallocate => 47, fstatfs => 44, utimensat => 88,
        setfsuid => 151, setfsgid => 152, setgroups => 159, close => 57, flock => 32, fcntl => 25, mount => 40, setns => 268,
    },
);
my $machine = (POSIX::uname())[4];
my $number = $SYSTEM_CALLS{$machine} or fail("The machine type $machine is not supported.");
my $FACCESSAT2 = 439;
my ($O_PATH, $O_CLOEXEC) = (010000000, 02000000);
my ($AT_FDCWD, $AT_EMPTY_PATH, $AT_REMOVEDIR, $AT_EACCESS, $AT_SYMLINK_FOLLOW) = (-100, 0x1000, 0x200, 0x200, 0x400);
my ($CLONE_NEWNS, $CLONE_NEWCGROUP) = (0x20000, 0x02000000);
my ($MS_NOSUID, $MS_NODEV) = (2, 4);
my ($F_OFD_GETLK, $F_OFD_SETLK, $F_UNLCK) = (36, 37, 2);
my ($UTIME_NOW, $UTIME_OMIT) = (0x3fffffff, 0x3ffffffe);
my ($NOBODY, $EMPTY, $OFFSET_MAX) = (65534, "\0", ~0 >> 1);
# POSIX locks and flock are ours; a change of a file's time or size on the server drops the cached pages.
my ($POSIX_LOCKS, $ATOMIC_TRUNCATE, $BIG_WRITES, $FLOCK_LOCKS, $AUTO_INVALIDATE, $MAX_PAGES) =
    (2, 8, 0x20, 0x400, 0x1000, 0x400000);
my ($WRITE_MAX, $LOCK_POLL_SECONDS) = (1 << 20, 0.02);

my ($command, $pid, $source, $target, @identity) = @ARGV;
fail('Usage: user-mounts.pl serve PID SOURCE TARGET squash|UID GID [GROUP...]') if ($command // '') ne 'serve' || !@identity;
umask 0;
leave_control_groups();
enter($pid);
my $root = call(openat => $AT_FDCWD, "$source\0", $O_PATH | O_DIRECTORY | O_NOFOLLOW | $O_CLOEXEC, 0);
fail("$source could not be opened: $!.") if $root < 0;
sysopen(my $fuse, '/dev/fuse', O_RDWR) or fail("/dev/fuse could not be opened: $!.");
mkdir($target, 0700) or $! == EEXIST or fail("$target could not be created: $!.");
my $options = 'fd=' . fileno($fuse) . ',rootmode=40000,user_id=0,group_id=0,allow_other';
my ($device, $type) = map { "$_\0" } ('gantry-efs', 'fuse');
call(mount => $device, "$target\0", $type, $MS_NOSUID | $MS_NODEV, "$options\0") == 0
    or fail("$target could not be mounted: $!.");
my $child = fork() // fail("No process: $!.");
exit 0 if $child != 0;
setsid();
open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
chdir('/');
$0 = "gantry-efs @identity";
my $is_squashing = $identity[0] eq 'squash';
become(@identity) if !$is_squashing;

# The kernel's names for files: a descriptor that pins the inode, and how often the kernel was told of it.
my %nodes = (1 => { descriptor => $root, lookups => 1, inode => 0 });
my %node_of_inode;
my $last_node = 1;
# One descriptor for each file and owner of POSIX locks: closing it gives up the owner's locks.
my %lock_files;
my @waiting;    # Lock requests that wait: [unique, node, body].

my %HANDLERS = (
    1  => \&look_up,    3  => \&get_attributes, 4  => \&set_attributes, 5  => \&read_link,  6  => \&make_link,
    8  => \&make_node,  9  => \&make_directory, 10 => \&unlink_file,    11 => \&remove_directory,
    12 => sub { rename_to($_[0], unpack('Q', $_[1]), 0, substr($_[1], 8)) },
    13 => \&hard_link,  14 => \&open_file,      15 => \&read_file,      16 => \&write_file, 17 => \&file_system,
    18 => \&release,    20 => \&sync_file,      25 => \&flush,          26 => \&initialise, 27 => \&open_file,
    28 => \&read_directory, 29 => \&release,    30 => \&sync_file,      31 => \&get_lock,   32 => \&set_lock,
    34 => \&check_access,   35 => \&create_file, 38 => sub { '' },      43 => \&allocate,
    45 => sub { my ($to, $flags) = unpack('Q L', $_[1]); rename_to($_[0], $to, $flags, substr($_[1], 16)) },
    46 => sub { my ($file, $offset, $whence) = unpack('Q q L', $_[1]); pack('Q', done(call(lseek => $file, $offset, $whence))) },
);
my ($FORGET, $SET_LOCK_WAIT, $INTERRUPT, $BATCH_FORGET) = (2, 33, 36, 42);
serve();
exit 0;

sub fail { my ($sentence) = @_; print STDERR "$sentence\n"; exit 1 }
# The arguments are the caller's own variables: system calls write into them.
sub call { my $name = shift; return syscall($number->{$name}, @_) }
# Ends the request with an error number: a handler dies with it.
sub refuse { die { error => $_[0] } }
sub done { my ($result) = @_; refuse($! + 0) if $result < 0; return $result }

# Takes the process out of the agent's container: it outlives the agent, and may open /dev/fuse.
sub leave_control_groups {
    if (open(my $namespace, '<', "/proc/$pid/ns/cgroup")) { call(setns => fileno($namespace), $CLONE_NEWCGROUP) }
    for my $group (glob('/sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs')) {
        next if $group =~ m{^/sys/fs/cgroup/[^/]+/cgroup\.procs$} && -e '/sys/fs/cgroup/cgroup.controllers';
        open(my $file, '>', $group) or next;
        syswrite($file, $$);
    }
}

sub enter {
    fail("No process: $pid") if $pid !~ /^[1-9][0-9]*$/;
    open(my $namespace, '<', "/proc/$pid/ns/mnt") or fail("The engine's mount namespace could not be opened: $!.");
    call(setns => fileno($namespace), $CLONE_NEWNS) == 0 or fail("The engine's mount namespace could not be joined: $!.");
}

# With a user other than root the kernel takes the capabilities over files from the process: setfsuid(2).
sub become {
    my ($user, $group, @groups) = @_;
    call(setfsuid => 0);
    call(setgroups => scalar(@groups), pack('L*', @groups) . $EMPTY) == 0 or exit 1;
    call(setfsgid => $group + 0);
    call(setfsuid => $user + 0);
    exit 1 if call(setfsuid => -1) != $user || call(setfsgid => -1) != $group;
}

# The calling process's own identity, but nobody's for root and root's group.
sub become_caller {
    my ($user, $group, $process) = @_;
    return become($NOBODY, $NOBODY) if $user == 0;
    my @groups;
    if ($process != 0 && open(my $status, '<', "/proc/$process/status")) {
        for (<$status>) { @groups = grep { $_ != 0 } split ' ', $1 if /^Groups:(.*)/ }
    }
    become($user, $group == 0 ? $NOBODY : $group, @groups);
}

sub serve {
    while (1) {
        retry_locks() if @waiting;
        if (@waiting) {
            my $ready = '';
            vec($ready, fileno($fuse), 1) = 1;
            next if select($ready, undef, undef, $LOCK_POLL_SECONDS) <= 0;
        }
        my $length = sysread($fuse, my $request, $WRITE_MAX + 8192);
        if (!defined $length) {
            next if $! == EINTR || $! == EAGAIN || $! == ENOENT;    # ENOENT: the request was aborted.
            return;                                                # ENODEV: unmounted.
        }
        my (undef, $operation, $unique, $node, $user, $group, $process) = unpack('L2 Q2 L3', $request);
        answer_request($operation, $unique, $node, substr($request, 40), [$user, $group, $process]);
    }
}

sub answer_request {
    my ($operation, $unique, $node, $body, $caller) = @_;
    return forget($node, unpack('Q', $body)) if $operation == $FORGET;
    if ($operation == $BATCH_FORGET) {
        my @pairs = unpack('x8 Q*', $body);
        forget(splice(@pairs, 0, 2)) while @pairs;
        return;
    }
    return interrupt(unpack('Q', $body)) if $operation == $INTERRUPT;
    return push(@waiting, [$unique, $node, $body]) if $operation == $SET_LOCK_WAIT;
    my $handler = $HANDLERS{$operation};
    return reply($unique, ENOSYS, '') if !$handler;
    become_caller(@$caller) if $is_squashing;
    my $answer = eval { $handler->($node, $body) };
    return reply($unique, 0, $answer) if defined $answer;
    reply($unique, ref $@ ? $@->{error} : EIO, '');
}

sub reply {
    my ($unique, $error, $answer) = @_;
    syswrite($fuse, pack('L l Q', 16 + length($answer), -$error, $unique) . $answer);
}

sub initialise {
    my ($node, $body) = @_;
    my ($major, $minor, $ahead, $offered) = unpack('L4', $body);
    my $wanted = $POSIX_LOCKS | $ATOMIC_TRUNCATE | $BIG_WRITES | $FLOCK_LOCKS | $AUTO_INVALIDATE | $MAX_PAGES;
    return pack('L4 S2 L2 S2 L8', 7, 31, $ahead, $offered & $wanted, 64, 48, $WRITE_MAX, 1, $WRITE_MAX >> 12, 0, (0) x 8);
}

sub descriptor { my ($node) = @_; my $known = $nodes{$node} or refuse(ESTALE); return $known->{descriptor} }
# The path of an open file of this process, for system calls that take no descriptor.
sub path { my ($node) = @_; return '/proc/self/fd/' . descriptor($node) . "\0" }
# A name of one file: the kernel sends no others.
sub name { my ($text) = @_; my ($name) = split(/\0/, $text); refuse(EINVAL) if ($name // '') =~ m{^(?:|\.|\.\.)$|/}; return "$name\0" }

# struct statx, and struct fuse_attr from it.
sub status { my ($file) = @_; my $status = "\0" x 256; done(call(statx => $file, $EMPTY, $AT_EMPTY_PATH, 0x7ff, $status)); return $status }
sub attributes {
    my ($status) = @_;
    my ($mask, $block, $bits, $links, $user, $group, $mode, undef, $inode, $size, $blocks) = unpack('L2 Q L3 S2 Q3', $status);
    my ($accessed, $accessed_ns, $changed, $changed_ns, $modified, $modified_ns, $major, $minor) =
        unpack('x64 q L x4 x16 q L x4 q L x4 L2', $status);
    my $device = ($minor & 0xff) | ($major << 8) | (($minor & ~0xff) << 12);
    return pack('Q3 q3 L10', $inode, $size, $blocks, $accessed, $modified, $changed, $accessed_ns, $modified_ns, $changed_ns,
        $mode, $links, $user, $group, $device, $block, 0);
}
sub entry {
    my ($parent, $name) = @_;
    my $file = done(call(openat => descriptor($parent), $name, $O_PATH | O_NOFOLLOW | $O_CLOEXEC, 0));
    my $status = status($file);
    my $inode = unpack('x32 Q', $status);
    my $node = $node_of_inode{$inode};
    if (defined $node) { call(close => $file) }
    else {
        $node = ++$last_node;
        $node_of_inode{$inode} = $node;
        $nodes{$node} = { descriptor => $file, lookups => 0, inode => $inode };
    }
    $nodes{$node}{lookups} += 1;
    return pack('Q4 L2', $node, 0, 0, 0, 0, 0) . attributes($status);    # Neither name nor attributes are cached.
}
sub forget {
    my ($node, $count) = @_;
    my $known = $nodes{$node} or return;
    return if $node == 1 || ($known->{lookups} -= $count) > 0;
    call(close => $known->{descriptor});
    delete $node_of_inode{ $known->{inode} };
    delete $nodes{$node};
}

sub look_up { my ($node, $body) = @_; return entry($node, name($body)) }
sub get_attributes { my ($node) = @_; return pack('Q L2', 0, 0, 0) . attributes(status(descriptor($node))) }
sub set_attributes {
    my ($node, $body) = @_;
    my ($valid, undef, $file, $size, undef, $accessed, $modified, undef, $accessed_ns, $modified_ns, undef, $mode, undef, $user, $group) =
        unpack('L2 Q3 q3 L8', $body);
    if ($valid & 8) { done($valid & 64 ? call(ftruncate => $file, $size) : call(truncate => path($node), $size)) }
    if ($valid & 6) {
        done(call(fchownat => descriptor($node), $EMPTY, $valid & 2 ? $user : -1, $valid & 4 ? $group : -1, $AT_EMPTY_PATH));
    }
    if ($valid & 1) { chmod($mode & 07777, path($node) =~ s/\0//r) or refuse($! + 0) }
    if ($valid & 0x1b0) {
        my @access = $valid & 128 ? (0, $UTIME_NOW) : $valid & 16 ? ($accessed, $accessed_ns) : (0, $UTIME_OMIT);
        my @change = $valid & 256 ? (0, $UTIME_NOW) : $valid & 32 ? ($modified, $modified_ns) : (0, $UTIME_OMIT);
        done(call(utimensat => $AT_FDCWD, path($node), pack('q4', @access, @change), 0));
    }
    return get_attributes($node);
}
sub read_link {
    my ($node) = @_;
    my $text = "\0" x 4096;
    return substr($text, 0, done(call(readlinkat => descriptor($node), $EMPTY, $text, 4096)));
}
sub make_link {
    my ($node, $body) = @_;
    my ($name, $to) = split(/\0/, $body);
    done(call(symlinkat => ($to // '') . "\0", descriptor($node), name($name)));
    return entry($node, name($name));
}
sub make_node {
    my ($node, $body) = @_;
    my ($mode, $device) = unpack('L2', $body);
    my $name = name(substr($body, 16));
    done(call(mknodat => descriptor($node), $name, $mode, $device));
    return entry($node, $name);
}
sub make_directory {
    my ($node, $body) = @_;
    my $name = name(substr($body, 8));
    done(call(mkdirat => descriptor($node), $name, unpack('L', $body)));
    return entry($node, $name);
}
sub unlink_file { my ($node, $body) = @_; done(call(unlinkat => descriptor($node), name($body), 0)); return '' }
sub remove_directory { my ($node, $body) = @_; done(call(unlinkat => descriptor($node), name($body), $AT_REMOVEDIR)); return '' }
sub rename_to {
    my ($node, $to, $flags, $names) = @_;
    my ($old, $new) = split(/\0/, $names);
    done(call(renameat2 => descriptor($node), name($old), descriptor($to), name($new), $flags));
    return '';
}
sub hard_link {
    my ($node, $body) = @_;
    my $name = name(substr($body, 8));
    done(call(linkat => $AT_FDCWD, path(unpack('Q', $body)), descriptor($node), $name, $AT_SYMLINK_FOLLOW));
    return entry($node, $name);
}

sub open_file {
    my ($node, $body) = @_;
    my $flags = unpack('L', $body) & ~(O_CREAT | O_EXCL | O_NOFOLLOW);
    return pack('Q L2', done(call(openat => $AT_FDCWD, path($node), $flags | $O_CLOEXEC, 0)), 0, 0);
}
sub create_file {
    my ($node, $body) = @_;
    my ($flags, $mode) = unpack('L2', $body);
    my $name = name(substr($body, 16));
    my $file = done(call(openat => descriptor($node), $name, $flags | O_CREAT | O_NOFOLLOW | $O_CLOEXEC, $mode));
    my $entry = eval { entry($node, $name) };
    if (!defined $entry) { my $error = $@; call(close => $file); die $error }
    return $entry . pack('Q L2', $file, 0, 0);
}
sub read_file {
    my ($node, $body) = @_;
    my ($file, $offset, $size) = unpack('Q2 L', $body);
    my $data = "\0" x $size;
    return substr($data, 0, done(call(pread64 => $file, $data, $size, $offset)));
}
sub write_file {
    my ($node, $body) = @_;
    my ($file, $offset, $size) = unpack('Q2 L', $body);
    my $data = substr($body, 40, $size);
    return pack('L2', done(call(pwrite64 => $file, $data, $size, $offset)), 0);
}
sub release { my ($node, $body) = @_; call(close => unpack('Q', $body)); return '' }
sub flush { my ($node, $body) = @_; give_up_locks($node, (unpack('Q L2 Q', $body))[3]); return '' }
sub sync_file { my ($node, $body) = @_; my ($file, $flags) = unpack('Q L', $body); done(call($flags & 1 ? 'fdatasync' : 'fsync', $file)); return '' }
sub allocate { my ($node, $body) = @_; my ($file, $offset, $size, $mode) = unpack('Q3 L', $body); done(call(fallocate => $file, $mode, $offset, $size)); return '' }
sub check_access { my ($node, $body) = @_; done(syscall($FACCESSAT2, descriptor($node), $EMPTY, unpack('L', $body), $AT_EMPTY_PATH | $AT_EACCESS)); return '' }

sub read_directory {
    my ($node, $body) = @_;
    my ($file, $offset, $size) = unpack('Q q L', $body);
    done(call(lseek => $file, $offset, 0));
    my $entries = "\0" x $size;
    my $length = done(call(getdents64 => $file, $entries, $size));
    my $answer = '';
    for (my $at = 0; $at < $length;) {
        my ($inode, $next, $record, $type) = unpack('Q q S C', substr($entries, $at, 19));
        my $name = unpack('Z*', substr($entries, $at + 19, $record - 19));
        my $entry = pack('Q q L2', $inode, $next, length($name), $type) . $name;
        $entry .= "\0" x (-length($entry) % 8);
        last if length($answer) + length($entry) > $size;
        $answer .= $entry;
        $at += $record;
    }
    return $answer;
}
sub file_system {
    my ($node) = @_;
    my $found = "\0" x 256;
    done(call(fstatfs => $root, $found));
    my (undef, $block, $blocks, $free, $available, $files, $files_free, undef, $name_max, $fragment) = unpack('q10', $found);
    return pack('Q5 L10', $blocks, $free, $available, $files, $files_free, $block, $name_max, $fragment, (0) x 7);
}

# Locks: flock on the open file, POSIX locks on a descriptor of their owner (fcntl(2), "Open file description locks").
sub lock_file {
    my ($node, $owner) = @_;
    my $key = "$node $owner";
    return $lock_files{$key} if defined $lock_files{$key};
    for my $flags (O_RDWR, O_RDONLY, O_WRONLY) {
        my $file = call(openat => $AT_FDCWD, path($node), $flags | $O_CLOEXEC, 0);
        return $lock_files{$key} = $file if $file >= 0;
    }
    refuse($! + 0);
}
sub give_up_locks {
    my ($node, $owner) = @_;
    my $file = delete $lock_files{"$node $owner"};
    call(close => $file) if defined $file;
}
sub lock_request {
    my ($body) = @_;
    my ($file, $owner, $start, $end, $type, undef, $flags) = unpack('Q4 L3', $body);
    my $length = $end >= $OFFSET_MAX ? 0 : $end - $start + 1;
    return ($file, $owner, $type, $flags, pack('s2 x4 q2 l x4', $type, 0, $start, $length, 0));
}
sub get_lock {
    my ($node, $body) = @_;
    my (undef, $owner, undef, undef, $lock) = lock_request($body);
    done(call(fcntl => lock_file($node, $owner), $F_OFD_GETLK, $lock));
    my ($type, undef, $start, $length) = unpack('s2 x4 q2', $lock);
    return pack('Q2 L2', $start, $length == 0 ? $OFFSET_MAX : $start + $length - 1, $type, 0);
}
sub set_lock {
    my ($node, $body) = @_;
    my ($file, $owner, $type, $flags, $lock) = lock_request($body);
    if ($flags & 1) { done(call(flock => $file, (LOCK_SH, LOCK_EX, LOCK_UN)[$type] | LOCK_NB)) }
    elsif ($type != $F_UNLCK || defined $lock_files{"$node $owner"}) {
        done(call(fcntl => lock_file($node, $owner), $F_OFD_SETLK, $lock));
    }
    return '';
}
sub retry_locks {
    my @before = @waiting;
    @waiting = ();
    for my $request (@before) {
        my ($unique, $node, $body) = @$request;
        my $answer = eval { set_lock($node, $body) };
        if    (defined $answer)                                 { reply($unique, 0, '') }
        elsif (ref $@ && ($@->{error} == EAGAIN || $@->{error} == EACCES)) { push @waiting, $request }
        else                                                    { reply($unique, ref $@ ? $@->{error} : EIO, '') }
    }
}
sub interrupt {
    my ($unique) = @_;
    reply($unique, EINTR, '') if grep { $_->[0] == $unique } @waiting;
    @waiting = grep { $_->[0] != $unique } @waiting;
}
