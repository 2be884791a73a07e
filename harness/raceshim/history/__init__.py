# SPDX-License-Identifier: BSD-2-Clause
"""What is remembered of findings: `raceshim baseline` and `raceshim history`.

`_results` reads what the gate has written. `_baseline` is a file that findings are compared with;
`_database` has the tables, `_record` fills them, `_views` ask them. SQLAlchemy comes with
`raceshim[history]`; baselines do without.
"""
