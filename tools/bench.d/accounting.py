"""What a tree of processes costs, read from /proc."""

import os
import pathlib
import re

proc = pathlib.Path("/proc")


def tree(roots):
    """The processes given and all their descendants."""
    children = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], list(roots)
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting += children.get(process, [])
    return found


def cpu_seconds(processes):
    """CPU time of all threads, to the nanosecond (schedstat; the times in `stat` are ticks of 10 ms)."""
    return sum(seconds for seconds in cpu_by_thread(processes).values())


def cpu_by_thread(processes):
    """CPU seconds by (process, thread)."""
    out = {}
    for process in processes:
        try:
            threads = os.listdir(f"/proc/{process}/task")
        except OSError:
            continue
        for thread in threads:
            try:
                out[process, int(thread)] = int(pathlib.Path(f"/proc/{process}/task/{thread}/schedstat").read_text().split()[0]) / 1e9
            except OSError:
                continue
    return out


def machine_busy_seconds():
    """CPU time that the whole machine has spent, idle and waiting left out; in ticks of 10 ms."""
    fields = [int(field) for field in (proc / "stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def memory(processes):
    """Resident memory in MB: as the kernel counts it for each process, with shared pages shared out, and the peak."""
    rss = pss = peak = 0
    for process in processes:
        try:
            rollup = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text()
            status = pathlib.Path(f"/proc/{process}/status").read_text()
        except OSError:
            continue
        rss += number(r"^Rss:\s+(\d+)", rollup)
        pss += number(r"^Pss:\s+(\d+)", rollup)
        peak += number(r"^VmHWM:\s+(\d+)", status)
    return {"rssMB": rss / 1024, "pssMB": pss / 1024, "peakMB": peak / 1024}


def number(pattern, text):
    match = re.search(pattern, text, re.M)
    return int(match[1]) if match else 0


def threads(processes):
    return sum(len(os.listdir(f"/proc/{process}/task")) for process in processes if os.path.exists(f"/proc/{process}"))


def descriptors(process):
    return len(os.listdir(f"/proc/{process}/fd"))


def udp_sockets(ports):
    """How many UDP sockets are bound to the ports, and how many datagrams the kernel dropped before them."""
    bound = drops = 0
    for table in ("udp", "udp6"):
        for line in (proc / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].rsplit(":", 1)[1], 16) in ports:
                bound += 1
                drops += int(fields[12])
    return bound, drops
