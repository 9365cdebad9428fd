"""The figures as tables for people, and the targets they are held against."""

CPU_SHARE_OF_FFMPEG = 0.2
CPU_SHARE_OF_JANUS = 1.0
FIXED_MB, MB_PER_RECORDING = 40, 1.5
START_P99_MILLISECONDS = 5


def table(headings, rows):
    widths = [max(len(str(row[i])) for row in [headings, *rows]) for i in range(len(headings))]
    lines = ["  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width) for i, (cell, width) in enumerate(zip(row, widths))) for row in [headings, *rows]]
    return "\n".join(lines)


def label(row):
    return row["peer"] + (f" {row['srtp']}" if row["srtp"] else "")


def load_table(rows):
    headings = ["receiver", "N", "CPU ms/s", "µs/packet", "x floor", "sent", "lost", "drops", "frames on tape", "decode", "RSS MB", "MB/rec", "PSS MB", "threads", "other CPU"]
    out = []
    for row in rows:
        files = row.get("files")
        if files:
            parts = [part for file in files for part in (file.get("video"), file["audio"]) if part]
            tape = f"{sum(part['onTape'] - part['wrong'] for part in parts)}/{sum(part['sent'] for part in parts)}"
            decode = f"{sum(file['decodes'] for file in files)}/{len(files)}"
        else:
            tape = decode = "-"
        floor = ratio(rows, row, "floor")
        out.append(
            [
                label(row), row["recordings"], f"{row['cpuMillisecondsPerRecordedSecond']:.2f}", f"{row['microsecondsPerPacket']:.2f}",
                f"{floor:.2f}" if floor else "-", row["sent"]["packets"], row["accounts"]["lost"] if "accounts" in row else "-", row["kernelDrops"],
                tape, decode, f"{row['rssMB']:.0f}", f"{row['rssMB'] / row['recordings']:.2f}", f"{row['pssMB']:.0f}", row["threads"],
                f"{100 * row['otherCPUSeconds'] / row['windowSeconds']:.0f}%",
            ]
        )
    return table(headings, out)


def find(rows, peer, count, suite=None):
    return next((row for row in rows if (row["peer"], row["recordings"], row["srtp"]) == (peer, count, suite)), None)


def ratio(rows, row, peer):
    """CPU of a row as a multiple of another receiver's at the same number of recordings."""
    other = find(rows, peer, row["recordings"]) or find(rows, peer, row["recordings"], row["srtp"])
    return row["cpuSeconds"] / row["windowSeconds"] / (other["cpuSeconds"] / other["windowSeconds"]) if other else None


def targets(rows):
    """Each target as (what, figure, whether it is met)."""
    out = []
    for row in rows:
        if row["peer"] != "tapedeck":
            continue
        name = f"{label(row)}, N={row['recordings']}"
        for peer, most in (("ffmpeg", CPU_SHARE_OF_FFMPEG), ("janus", CPU_SHARE_OF_JANUS)):
            share = ratio(rows, row, peer)
            if share and not row["srtp"]:
                out.append((f"{name}: CPU as a share of {peer}'s, at most {most}", f"{share:.3f}", share <= most))
        most = FIXED_MB + MB_PER_RECORDING * row["recordings"]
        out.append((f"{name}: peak resident memory, at most {most:.0f} MB", f"{row['peakMB']:.0f} MB", row["peakMB"] <= most))
        out.append((f"{name}: nothing lost, every file as sent", "; ".join(faults(row)) or "nothing", not faults(row)))
    return out


def faults(row):
    """What of a Tapedeck row is not as it must be."""
    out = []
    if row["kernelDrops"]:
        out.append(f"the kernel dropped {row['kernelDrops']}")
    accounts = row["accounts"]
    if accounts["lost"] or accounts["discarded"] or accounts["received"] != row["sent"]["packets"] or accounts["written"] != accounts["received"]:
        out.append(f"of {row['sent']['packets']} packets {accounts}")
    if row["wrongRecordings"]:
        out.append(f"{len(row['wrongRecordings'])} recordings are wrong, first {row['wrongRecordings'][0]}")
    for file in row["files"]:
        for kind in ("video", "audio"):
            part = file.get(kind)
            if part and (part["onTape"] != part["sent"] or part["wrong"]):
                out.append(f"stream {file['stream']}: {kind} {part}")
        if not file["decodes"]:
            out.append(f"stream {file['stream']} does not decode: {file['decodeErrors'][:300]}")
    return out


def target_lines(items):
    return "\n".join(f"{'met   ' if is_met else 'MISSED'}  {what}: {figure}" for what, figure, is_met in items)


def start_table(result):
    headings = ["starts", "N", "p50 ms", "p99 ms", "maximum ms", "first packet on tape", "files right"]
    rows = [
        [
            one["way"], result["starts"], f"{one['p50Milliseconds']:.2f}", f"{one['p99Milliseconds']:.2f}", f"{one['maximumMilliseconds']:.2f}",
            f"{one['firstPacketsOnTape']}/{result['starts']}", f"{one['filesRight']}/{one['filesReadBack']}",
        ]
        for one in result["rounds"]
    ]
    return table(headings, rows)


def start_targets(result):
    out = []
    for one in result["rounds"]:
        p99 = one["p99Milliseconds"]
        out.append((f"{one['way']}: p99 of start answers, under {START_P99_MILLISECONDS} ms", f"{p99:.2f} ms", p99 < START_P99_MILLISECONDS))
        right = one["firstPacketsOnTape"] == result["starts"] and one["filesRight"] == one["filesReadBack"]
        out.append((f"{one['way']}: a packet sent with the answer is on tape", f"{one['firstPacketsOnTape']} of {result['starts']}", right))
    return out


def cycle_table(result):
    names = ["descriptors", "threads", "udpSockets", "rssMB", "pssMB"]
    rows = []
    for i, point in enumerate([result["before"], *result["every"]]):
        rows.append([f"after {i * result['cycles'] // 10}", *(f"{point[name]:.1f}" if name.endswith("MB") else point[name] for name in names)])
    return table(["cycles", *names], rows)


def cycle_targets(result):
    before, after = result["before"], result["after"]
    out = []
    for name in ("descriptors", "threads", "udpSockets"):
        out.append((f"{name} as before {result['cycles']} cycles", f"{before[name]} -> {after[name]}", before[name] == after[name]))
    growth = after["rssMB"] - before["rssMB"]
    out.append((f"memory as before {result['cycles']} cycles, within 2 MB", f"{before['rssMB']:.1f} -> {after['rssMB']:.1f} MB", growth <= 2))
    return out
