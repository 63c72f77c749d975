"""docs/benchmarks.md: a section for each benchmark, which rewrites its own alone."""

import os
import platform
from datetime import date
from importlib.metadata import version
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
TITLE = "# How fast the training engine is\n"


def write_section(heading: str, text: str, page: Path = PAGE) -> None:
    """Puts the text under its heading, in place of what stood there."""
    content = page.read_text(encoding="utf8") if page.exists() else TITLE
    before, _, old = content.partition(f"\n## {heading}\n")
    _, following, after = old.partition("\n## ")
    page.write_text(f"{before}\n## {heading}\n\n{text.strip()}\n{following}{after}", encoding="utf8")


def machine() -> dict[str, object]:
    """When, on what and with what was measured."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "date": date.today().isoformat(),
        "cores": os.cpu_count(),
        "processor": names[0] if names else platform.machine(),
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in ("tensorflow", "keras", "scikit-learn", "numpy")),
    }
