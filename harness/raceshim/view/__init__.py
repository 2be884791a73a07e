# SPDX-License-Identifier: BSD-2-Clause
"""Results of the gate as a page for people: made of its JSON, and of nothing else.

`_merge` puts the findings of several results together, `_page` makes the page: `_finding` a
finding, `_stacks` its stacks with their `_source`, `_timeline` what its threads did, `_tables` the
rest.
"""
