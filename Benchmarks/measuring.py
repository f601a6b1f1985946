"""What the scripts of this folder share: starting a server and a load, pinned to a processor and
with a bounded life, and reading what they used."""

import argparse
import ctypes
import json
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(FOLDER)
PLAIN_C = os.path.join(FOLDER, "PlainC", "build", "echo_server")
PLAIN_C_LINES = os.path.join(FOLDER, "PlainC", "build", "line_server")
LOAD_CLIENT = os.path.join(FOLDER, "PlainC", "build", "load_client")
PLAIN_C_UDP = os.path.join(FOLDER, "PlainC", "build", "udp_echo")
LOAD_CLIENT_UDP = os.path.join(FOLDER, "PlainC", "build", "udp_load")
BACKENDS = ["epoll-lt", "epoll-et", "poll", "select"]

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """Something that the user should read as one line."""


# ---- The command line -----------------------------------------------------------------------


def parser(description, server_arguments=""):
    """The options that every script has."""
    result = argparse.ArgumentParser(
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="The server is ended with SIGTERM and has to be the process that the command starts: no\n"
        "shell and no `swift run` in between. A program named with a relative path is looked for in\n"
        "the current folder and then in the root of the repository.",
    )
    result.add_argument(
        "--server",
        metavar="'CMD ...'",
        help="the server to measure; the first HOST:PORT that it prints is where it listens (default: "
        "'.build/release/reactor echo --listen 127.0.0.1:0 --backend BACKEND%s')" % server_arguments,
    )
    result.add_argument(
        "--backend",
        choices=BACKENDS,
        default="epoll-lt",
        help="back end of the plain C server and of the default --server (default: %(default)s)",
    )
    result.add_argument("--json", metavar="FILE", help="write the figures there as well")
    result.set_defaults(server_arguments=server_arguments)
    return result


def lines_option(argument_parser):
    argument_parser.add_argument(
        "--lines",
        action="store_true",
        help="messages are lines, and plain C is the server that sends one answer a line (epoll-lt); the default "
        "--server answers them too",
    )


def parse(argument_parser):
    """Parses, and readies the process: the limit of descriptors, the ways to end, the C programs."""
    options = argument_parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit_by_signal)  # so that every `finally` is run
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    run(["make", "-s", "-C", FOLDER], timeout=120)
    if options.server is None:
        options.server = ".build/release/reactor echo --listen 127.0.0.1:0 --backend %s%s%s" % (
            options.backend,
            options.server_arguments + (" --lines" if getattr(options, "lines", False) else ""),
            " --udp --unlimited-replies" if getattr(options, "udp", False) else "",
        )
    return options


def _exit_by_signal(number, _frame):
    sys.exit(128 + number)


def main(function):
    """Runs a script's main function; what it raises for the user becomes one line."""
    try:
        sys.exit(function())
    except Failed as failed:
        sys.exit("%s: %s" % (os.path.basename(sys.argv[0]), failed))
    except KeyboardInterrupt:
        sys.exit(130)


def plain_c(options):
    if getattr(options, "lines", False):
        return [PLAIN_C_LINES, "epoll-lt", "0"]
    return [PLAIN_C, options.backend, "0"]


def command(text):
    """The words of a command; its program, if it is a relative path, found."""
    words = shlex.split(text)
    if not words:
        raise Failed("--server is empty")
    program = words[0]
    if "/" in program and not os.path.isabs(program):
        for folder in (os.getcwd(), ROOT):
            if os.path.exists(os.path.join(folder, program)):
                words[0] = os.path.join(folder, program)
                return words
        raise Failed("there is no %s: is it built? (--server names another server)" % program)
    if shutil.which(program) is None:
        raise Failed("there is no program %s" % program)
    return words


# ---- Processes ------------------------------------------------------------------------------


def run(words, timeout, **more):
    """A command that ends by itself; its output."""
    try:
        result = subprocess.run(words, capture_output=True, text=True, timeout=timeout, **more)
    except subprocess.TimeoutExpired:
        raise Failed("%s did not end within %g s" % (words[0], timeout))
    except FileNotFoundError:
        raise Failed("there is no program %s" % words[0])
    if result.returncode != 0:
        raise Failed("%s failed: %s" % (" ".join(words), result.stderr.strip() or result.stdout.strip()))
    return result.stdout


def preparation(cpu):
    if cpu is not None and cpu not in os.sched_getaffinity(0):
        raise Failed("there is no processor %d here" % cpu)

    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # a child does not outlive the script
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})

    return prepare


def end(process, grace=20):
    """Ends a child: politely, then not. Always returns with it gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
    return process.returncode


def tail(file):
    file.seek(0)
    text = file.read().decode(errors="replace").strip()
    return "\n".join(text.splitlines()[-5:])


class Server:
    """A running server, as a context: `with Server(words) as server: ... server.port`."""

    def __init__(self, words, cpu=None, start_timeout=20, grace=20):
        self.words, self.cpu, self.start_timeout, self.grace = words, cpu, start_timeout, grace
        self.returncode = None

    def __enter__(self):
        # Files and not pipes: nobody has to read them for the server to go on.
        self.stdout = tempfile.TemporaryFile()
        self.stderr = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=self.stdout,
                stderr=self.stderr,
                preexec_fn=preparation(self.cpu),
            )
        except OSError as error:
            raise Failed("starting %s: %s" % (self.words[0], error))
        try:
            self.pid = self.process.pid
            self.host, self.port = self._address()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.returncode = end(self.process, self.grace)
        self.stdout.close()
        self.stderr.close()

    def stop(self):
        """Ends it before the context does, so that what it writes at its end can be read."""
        self.returncode = end(self.process, self.grace)
        return self.returncode

    def _address(self):
        deadline = time.monotonic() + self.start_timeout
        while True:
            ended = self.process.poll() is not None
            text = os.pread(self.stdout.fileno(), 65536, 0).decode(errors="replace")
            for line in text.splitlines(keepends=True):
                found = re.search(r"(\d+\.\d+\.\d+\.\d+):(\d+)", line)
                if found and line.endswith("\n"):
                    return found.group(1), int(found.group(2))
            if ended:
                said = tail(self.stderr) or tail(self.stdout)
                said = "status %d%s" % (self.process.returncode, said and ": " + said)
                raise Failed("%s ended with %s" % (" ".join(self.words), said))
            if time.monotonic() > deadline:
                raise Failed(
                    "%s printed no HOST:PORT within %g s" % (" ".join(self.words), self.start_timeout)
                )
            time.sleep(0.005)

    def cpu_ns(self):
        """CPU time of all its threads. Exact once they sleep, which `settle` gives them time for; a
        thread that ends takes its account with it."""
        try:
            total = 0
            for task in os.listdir("/proc/%d/task" % self.pid):
                with open("/proc/%d/task/%s/schedstat" % (self.pid, task)) as file:
                    total += int(file.read().split()[0])
            if total > 0:
                return total
        except (FileNotFoundError, ValueError, IndexError):
            pass
        with open("/proc/%d/stat" % self.pid) as file:  # in clock ticks: coarse
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")

    def memory(self):
        """VmRSS, and Private_Dirty and Rss of smaps_rollup, in bytes."""
        result = {}
        for name, keys in (("status", ["VmRSS"]), ("smaps_rollup", ["Rss", "Private_Dirty"])):
            with open("/proc/%d/%s" % (self.pid, name)) as file:
                for line in file:
                    key, _, value = line.partition(":")
                    if key in keys:
                        result[key] = int(value.split()[0]) * 1024
        return result


def settle():
    """Time for a server to finish what it has been asked and to go to sleep."""
    time.sleep(0.03)


class Load:
    """The load client, paused before and after its messages:

        with Load(server, connections=64, size=64, messages=1000) as load:
            ...                      # all connections are open
            result = load.run()      # {"messages": ..., "seconds": ..., "errors": ...}
            ...                      # all connections are still open
    """

    def __init__(self, server, connections, size, messages, depth=1, churn=False, cpu=None, timeout=60, lines=False):
        self.words = [LOAD_CLIENT, server.host, str(server.port)]
        self.words += ["--connections", str(connections), "--size", str(size)]
        self.words += ["--messages", str(messages), "--depth", str(depth)]
        self.words += ["--timeout", str(int(timeout)), "--pause"] + (["--churn"] if churn else [])
        self.words += ["--lines"] if lines else []
        self.cpu = cpu

    def __enter__(self):
        self.process = subprocess.Popen(
            self.words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=preparation(self.cpu),
        )
        try:
            self._line()
        except BaseException:
            self.__exit__()
            raise
        return self

    def run(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()
        result = json.loads(self._line())
        if result["errors"]:
            self.process.stdin.close()
            raise Failed("the load failed: %s" % self.process.stderr.read().decode().strip())
        return result

    def _line(self):
        # The client ends itself at its --timeout: these reads are bounded by that.
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the load failed: %s" % self.process.stderr.read().decode().strip())
        return line

    def __exit__(self, *_):
        try:
            self.process.stdin.close()  # the last pause ends
            self.process.wait(5)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        end(self.process, 1)
        self.process.stdout.close()
        self.process.stderr.close()


class DatagramLoad(Load):
    """The same for datagrams: W of them in flight a socket. What is lost is in the result."""

    def __init__(self, server, sockets, size, datagrams, window, cpu=None, timeout=60):
        self.words = [LOAD_CLIENT_UDP, server.host, str(server.port)]
        self.words += ["--sockets", str(sockets), "--size", str(size), "--datagrams", str(datagrams)]
        self.words += ["--window", str(window), "--timeout", str(int(timeout)), "--pause"]
        self.cpu = cpu


# ---- Connections made here ------------------------------------------------------------------

MESSAGE = bytes(range(64))
IP_BIND_ADDRESS_NO_PORT = 24


def connect(server, source=None):
    """A connection, from one of the addresses of the loopback interface."""
    connection = socket.socket()
    try:
        connection.settimeout(10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source is not None:
            connection.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            connection.bind((source, 0))
        connection.connect((server.host, server.port))
    except OSError as error:
        connection.close()
        raise Failed("connecting to %s:%d: %s" % (server.host, server.port, error))
    return connection


def reset(connection):
    """Closes a connection by a reset, which leaves no port waiting behind."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def exchange(connection):
    """One message and its echo."""
    try:
        connection.sendall(MESSAGE)
        echo = b""
        while len(echo) < len(MESSAGE):
            part = connection.recv(len(MESSAGE) - len(echo))
            if not part:
                raise Failed("the server closed a connection")
            echo += part
    except OSError as error:
        raise Failed("exchanging a message: %s" % error)
    if echo != MESSAGE:
        raise Failed("an echo differs from what was sent")


# ---- Output ---------------------------------------------------------------------------------


def table(rows):
    """Prints rows of text: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  ".join(cells).rstrip())


def write_json(options, figures):
    if options.json:
        with open(options.json, "w") as file:
            json.dump(figures, file, indent=2)
            file.write("\n")
