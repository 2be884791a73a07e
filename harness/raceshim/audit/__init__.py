# SPDX-License-Identifier: BSD-2-Clause
"""`raceshim audit`: what do signal handlers reach, and may they call it.

`_objects` and `_linked` make an `_image` of what they read: code with its addresses filled in, and
what lies at them. `_machines` execute code on what is known of values (`_values`), `_flow` does so
with a whole function, `_roots` finds handlers, `_walk` goes on from there and asks `_names` and
`_allow` about each function that it meets.
"""
