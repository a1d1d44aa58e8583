"""The jar of our own classes that every Kafka distribution gets (sources in ``plugins/``)."""

import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from .archive import EPOCH
from .errors import DistributionError
from .tools import run

NAME = "kafka-fleet-plugins.jar"

_RELEASE = "8"
"""The oldest Java that a Kafka version here runs on."""

_LIMIT = 120
_MANIFEST = "Manifest-Version: 1.0\r\nAutomatic-Module-Name: kafkafleet\r\n\r\n"


def compile_plugins(sources: Path, libs: Path) -> None:
    """Add the jar of the compiled sources to ``libs``.

    The sources are compiled against the jars in ``libs``, so what an old Kafka does not have
    stops the build of that Kafka. Raises DistributionError with the compiler's first complaint.
    """
    with TemporaryDirectory(dir=libs.parent, prefix="classes-") as classes:
        compile_sources(sources, f"{libs}/*", Path(classes))
        _write_jar(Path(classes), libs / NAME)


def compile_sources(sources: Path, class_path: str, classes: Path) -> None:
    """Compile all ``.java`` files below ``sources`` into ``classes``."""
    files = sorted(str(file) for file in sources.rglob("*.java"))
    command = [
        "javac",
        "-J-XX:TieredStopAtLevel=1",
        "-J-XX:+UseSerialGC",
        "--release",
        _RELEASE,
        "-encoding",
        "UTF-8",
        "-proc:none",
        "-nowarn",
        "-cp",
        class_path,
        "-d",
        str(classes),
        *files,
    ]
    done = run(command, _LIMIT)
    if done.returncode != 0:
        complaint = done.stdout.strip().partition("\n")[0]
        raise DistributionError(f"the plugins do not compile: {complaint}")


def _write_jar(classes: Path, jar: Path) -> None:
    """Write the same bytes for the same classes: sorted, dated alike, uncompressed."""
    with zipfile.ZipFile(jar, "w") as archive:
        _add(archive, "META-INF/MANIFEST.MF", _MANIFEST.encode())
        for file in sorted(classes.rglob("*.class")):
            _add(archive, str(file.relative_to(classes)), file.read_bytes())


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH.timetuple()[:6])
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)
