"""The command line: C{python -m benchmarks}."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import machine, plot, report
from benchmarks.options import Options, parse
from benchmarks.peers import Missing, Peer
from benchmarks.process import Failed
from benchmarks.results import Results
from benchmarks.run import Run
from benchmarks.stage import Stage
from benchmarks.works import Work


def measure(options: Options) -> Results:
    """Prepare the works and peers that are available, and run them."""
    machine.raiseDescriptors()
    cores = machine.chooseCores()
    results = Results()
    results.about = {
        **machine.describe(),
        **cores._asdict(),
        "begun": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }
    if cores.balancer is None:
        results.note("There is only one core: the balancer shares it with load and servers")
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's worker may be another user
        works, peers = _prepare(options, folder, results)
        for note in results.notes:
            _tell(note)
        stage = Stage(folder, cores)
        try:
            Run(stage, works, peers, results, _tell).go(options.rounds, options.seconds)
        finally:
            stage.close()
    return results


def _prepare(options: Options, folder: Path, results: Results) -> tuple[list[Work], list[Peer]]:
    """The works and peers that are available on this machine. The others are noted."""
    works, peers = [], []
    for work in options.works:
        try:
            results.addVersions(work.prepare())
            works.append(work)
        except (Missing, Failed) as missing:
            results.note(f"{work.name} is left out: {missing}")
    for peer in options.peers:
        try:
            results.addVersions([peer.prepare(folder)])
            peers.append(peer)
        except (Missing, Failed) as missing:
            results.note(f"{peer.title} is left out: {missing}")
    return works, peers


def main() -> None:
    """See C{--help}."""
    options = parse(sys.argv[1:])
    # So that the processes it has started end, too, when a signal ends it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        results = Results.read(options.read) if options.read else measure(options)
        report.show(results)
        if options.json:
            results.write(options.json)
        if options.markdown:
            report.writePage(results, options.markdown)
        if options.svg:
            plot.draw(results, options.svg)
    except KeyboardInterrupt:
        sys.exit(130)
    except Failed as failure:
        sys.exit(str(failure))


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
