#!/usr/bin/perl
# Attaches files to loop devices, shows these to a container, and copies files with their holes. Node has neither
# ioctl(2) nor mknod(2) nor SEEK_DATA of lseek(2), and the agent's image has no cp(1) that knows holes.
#   attach MINOR FILE   Attaches the file to the loop device with this number, which is created where it is missing.
#   detach MINOR        Detaches the device; the kernel does so once nothing has it open or mounted.
#   resize MINOR        Takes over the size of the file.
#   expose PID MINOR NAME...   Creates the device's nodes in /dev of the process's mount namespace.
#   hide PID MINOR      Removes the nodes of the device there.
#   copy FROM TO        Creates TO with the size and the data of FROM; holes stay holes.
# /dev of a container is a mount point that it cannot replace without CAP_SYS_ADMIN, and the last part of a path is
# followed by neither mknod(2) nor unlink(2), so that no link of the container leads anywhere else.
# Source: loop(4), Linux's include/uapi/linux/loop.h.
use strict;
use warnings;
use Fcntl qw(O_RDONLY O_RDWR O_WRONLY O_CREAT O_EXCL SEEK_SET SEEK_END);
use POSIX qw(uname EEXIST ENOENT ENXIO);

use constant {
    LOOP_SET_FD => 0x4C00, LOOP_CLR_FD => 0x4C01, LOOP_SET_CAPACITY => 0x4C07, LOOP_CTL_ADD => 0x4C80,
    AT_FDCWD => -100, S_IFBLK => 0060000, S_IFCHR => 0020000, LOOP_MAJOR => 7,
    SEEK_DATA => 3, SEEK_HOLE => 4, CHUNK => 1024 * 1024,
};
my $MKNODAT = (uname())[4] eq 'x86_64' ? 259 : 33;

# The kernel's encoding of device numbers: 12 bits of major and 20 of minor number.
sub device { my ($major, $minor) = @_; return ($minor & 0xff) | ($major << 8) | (($minor & ~0xff) << 12) }

sub make_node {
    my ($path, $mode, $device) = @_;
    return if syscall($MKNODAT, AT_FDCWD, $path, $mode, $device) == 0 || $! == EEXIST;
    die "$path: $!\n";
}

sub open_device {
    my ($minor) = @_;
    my $path = "/dev/loop$minor";
    make_node($path, S_IFBLK | 0600, device(LOOP_MAJOR, $minor));
    sysopen(my $loop, $path, O_RDWR) or die "$path: $!\n";
    return $loop;
}

sub copy_range {
    my ($from, $to, $at, $end) = @_;
    sysseek($_, $at, SEEK_SET) // die "seek: $!\n" for $from, $to;
    while ($at < $end) {
        my $length = $end - $at < CHUNK ? $end - $at : CHUNK;
        my $read = sysread($from, my $chunk, $length) // die "read: $!\n";
        die "read: the file became shorter\n" if $read == 0;
        for (my $done = 0; $done < $read;) {
            $done += syswrite($to, $chunk, $read - $done, $done) // die "write: $!\n";
        }
        $at += $read;
    }
}

sub copy_data {
    my ($from, $to) = @_;
    my $size = sysseek($from, 0, SEEK_END) // die "seek: $!\n";
    truncate($to, $size) or die "truncate: $!\n";
    # Past the last data, the kernel answers ENXIO.
    for (my $end = 0; defined(my $at = sysseek($from, $end, SEEK_DATA));) {
        $end = sysseek($from, $at, SEEK_HOLE) // die "seek: $!\n";
        copy_range($from, $to, $at + 0, $end + 0);
    }
    $! == ENXIO or die "seek: $!\n";
}

my ($command, @arguments) = @ARGV;
if ($command eq 'attach') {
    my ($minor, $file) = @arguments;
    make_node('/dev/loop-control', S_IFCHR | 0600, device(10, 237));
    sysopen(my $control, '/dev/loop-control', O_RDWR) or die "/dev/loop-control: $!\n";
    ioctl($control, LOOP_CTL_ADD, $minor + 0) // ($! == EEXIST or die "loop device $minor: $!\n");
    my $loop = open_device($minor);
    sysopen(my $backing, $file, O_RDWR) or die "$file: $!\n";
    ioctl($loop, LOOP_SET_FD, fileno($backing) + 0) // die "loop device $minor: $!\n";
} elsif ($command eq 'detach') {
    my $loop = open_device($arguments[0]);
    ioctl($loop, LOOP_CLR_FD, 0) // ($! == ENXIO or die "loop device $arguments[0]: $!\n");
} elsif ($command eq 'resize') {
    my $loop = open_device($arguments[0]);
    ioctl($loop, LOOP_SET_CAPACITY, 0) // die "loop device $arguments[0]: $!\n";
} elsif ($command eq 'expose') {
    my ($pid, $minor, @names) = @arguments;
    umask 0;
    make_node("/proc/$pid/root/dev/$_", S_IFBLK | 0660, device(LOOP_MAJOR, $minor)) for @names;
} elsif ($command eq 'hide') {
    my ($pid, $minor) = @arguments;
    opendir(my $folder, "/proc/$pid/root/dev") or die "/dev: $!\n";
    for my $name (grep { /^(?:sd|xvd)[a-z]+$/ } readdir($folder)) {
        my $path = "/proc/$pid/root/dev/$name";
        my ($mode, $found) = (lstat($path))[2, 6];
        next unless defined($mode) && ($mode & 0170000) == S_IFBLK && $found == device(LOOP_MAJOR, $minor);
        unlink($path) or $! == ENOENT or die "/dev/$name: $!\n";
    }
} elsif ($command eq 'copy') {
    my ($source, $target) = @arguments;
    sysopen(my $from, $source, O_RDONLY) or die "$source: $!\n";
    sysopen(my $to, $target, O_WRONLY | O_CREAT | O_EXCL, 0600) or die "$target: $!\n";
    copy_data($from, $to);
    close($to) or die "$target: $!\n";
} else {
    die "unknown command\n";
}
