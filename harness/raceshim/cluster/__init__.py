# SPDX-License-Identifier: BSD-2-Clause
"""The runs of a gate on many machines, with Dask distributed: `raceshim gate --cluster`.

`_drive` gives out the runs, in chunks, and takes back what they have left, which `_order` puts into
order; `_connect` finds the cluster or starts one, and looks at its workers. `_files` is what a
command needs of this machine's files, `_store` where they lie on a worker. `_worker` makes the runs
there, with the very functions that make them here. `_probe` goes to workers as it stands.
"""
