# SPDX-License-Identifier: MIT
"""Refreshes a title's repository with python-tuf and downloads targets; used by the interoperability tests.

Arguments: base address of the repository, file of the pinned root, folder for state, target names.
"""

import pathlib
import sys

from tuf.ngclient import Updater, UpdaterConfig

base, root, state, *names = sys.argv[1:]
metadata = pathlib.Path(state) / "metadata"
targets = pathlib.Path(state) / "targets"
metadata.mkdir(parents=True, exist_ok=True)
targets.mkdir(parents=True, exist_ok=True)
updater = Updater(
    metadata_dir=str(metadata),
    metadata_base_url=base + "/",
    target_dir=str(targets),
    target_base_url=base + "/targets/",
    config=UpdaterConfig(prefix_targets_with_hash=True),
    bootstrap=pathlib.Path(root).read_bytes(),
)
updater.refresh()
for name in names:
    info = updater.get_targetinfo(name)
    if info is None:
        sys.exit("nothing is signed for " + name)
    print(updater.download_target(info))
